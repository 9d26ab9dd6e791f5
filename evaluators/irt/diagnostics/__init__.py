"""Statistics that tell whether items and agents behave, one file each."""
