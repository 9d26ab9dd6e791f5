"""Recipes that plant circuits in compiled models."""
