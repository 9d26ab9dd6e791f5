"""Diagnostic: the reference answer, half spoiled; must land between floor and ceiling."""

from runners.agents._told import told

agent = told("noisy", "diagnostic: submits the reference answer, spoiled by 0.5", level=0.5)
