"""Sandbox tiers: one file a tier."""
