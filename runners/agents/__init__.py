"""Agents: one file each, defining `agent`; underscored names are machinery."""
