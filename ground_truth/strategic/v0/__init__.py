"""Truths of the published form: exact generators, reference solvers and policies."""
