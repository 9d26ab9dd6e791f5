"""Diagnostic: the key's own answer. It must reach the ceiling."""

from runners.agents._told import told

agent = told("oracle", "diagnostic: submits the key's answer; the ceiling")
