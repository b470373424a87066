"""Figures: from tables and tensors to matplotlib figures; nothing here reads a file or trains."""
