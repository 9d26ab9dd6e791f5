"""The MCP tools: one thin function each."""
