"""Agents: one file each, defining `agent`."""
