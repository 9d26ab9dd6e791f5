"""Adaptive testing: which items to ask next, when to stop, and what that would have come to."""
