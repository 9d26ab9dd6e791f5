"""Predictors, one file each, from a constant up."""
