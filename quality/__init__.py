"""Checks on data and labels: a Dataset in, outcomes out. Knows nothing of labeling."""
