"""Honest solutions of the interpretability families."""
