"""Kernels: provisioner, execution loop, spares."""
