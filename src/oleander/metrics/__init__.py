"""Metrics: error rates, confidence intervals, Frechet distances and reconstruction errors."""
