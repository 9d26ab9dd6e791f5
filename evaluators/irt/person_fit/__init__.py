"""Agents whose answers do not go together: contaminated, broken by a harness, or odd."""
