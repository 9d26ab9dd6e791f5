"""Truths of the published parts that no configuration reaches."""
