"""Row 12: many answers in the place of one."""

from runners.agents._attacks._attack import Attack

attack = Attack(
    rows=(12,),
    summary="hands in many answers at once, and another when it is over",
    spoiled=[{"answer": n, "a": n / 20} for n in range(21)],
    again=True,
)
