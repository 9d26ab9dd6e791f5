"""Interpretability: circuits, neurons, probes."""
