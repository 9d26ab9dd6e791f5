"""Abilities and full scores of agents on an item bank, without fitting it again."""
