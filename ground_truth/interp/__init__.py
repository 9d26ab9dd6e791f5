"""Truths of the interpretability families."""
