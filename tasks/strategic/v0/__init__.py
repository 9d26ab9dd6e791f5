"""The published form of the six strategic families, with open keys (anannyenaik/MimirBench)."""
