"""Strategic reasoning under uncertainty."""
