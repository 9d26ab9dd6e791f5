"""Estimators, one file each: `em` (marginal), `laplace` (adaptive quadrature), `joint`.

Of vector models: `over_agents`, `over_items`, and `adaptive`, which chooses between them.
"""
