"""Measures: error rates and intervals. Pure functions of numbers, no files."""
