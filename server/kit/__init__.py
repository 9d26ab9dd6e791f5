"""The small library that notebooks may import; it imports nothing of ours."""
