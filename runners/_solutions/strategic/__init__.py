"""Honest solutions of the strategic families."""
