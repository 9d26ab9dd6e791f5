"""Banks on one scale: linking, fixed-parameter calibration, and drift between versions."""
