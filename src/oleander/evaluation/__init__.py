"""Evaluation: attack x poison fraction x defense x victim, measured from saved artifacts."""
