"""How far scores would repeat, and what it takes for them to repeat better."""
