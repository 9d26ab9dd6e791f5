"""Row 16: a second answer after the first was taken."""

from runners.agents._attacks._attack import Attack

attack = Attack(rows=(16,), summary="hands in a second, other answer", again=True)
