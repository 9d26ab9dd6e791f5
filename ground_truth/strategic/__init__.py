"""Truths of the strategic families."""
