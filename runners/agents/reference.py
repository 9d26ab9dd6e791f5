"""Diagnostic: the reference solver's answer, from the public half alone."""

from runners.agents._told import told

agent = told("reference", "diagnostic: submits the reference solver's answer")
