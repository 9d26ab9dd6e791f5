"""The MCP server: attempts, kernels, sandboxes. `vault.py` is its one door to ground_truth."""
