"""Estimators, one file each: `em` (marginal), `laplace` (adaptive quadrature), `joint`."""
