"""Agents and suites; they speak to the server by MCP only. Imports tasks."""
