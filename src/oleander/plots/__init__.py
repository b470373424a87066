"""Figures and tables, drawn from tables and tensors. Nothing here reads result files or trains."""
