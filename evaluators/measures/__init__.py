"""How answers are measured: one file a measure, pure functions of an answer and a key."""
