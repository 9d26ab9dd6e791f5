"""Differential functioning: items that treat agents of equal ability differently by group."""
