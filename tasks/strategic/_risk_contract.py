"""What is asked of a risk desk and how it is marked: the last part of the brief."""

from tasks.strategic._risk_rules import PASS_ABILITY, SLOPE, TOLERANCE, RiskPublic


def contract(public: RiskPublic) -> str:
    """Answer and marking, in the voice of the brief."""
    return (_plain, _numbered)[public.style.voice](public)


def _plain(public: RiskPublic) -> str:
    labels = ", ".join(f"`{label}`" for label in public.labels)
    return (
        "## What is asked, and how it is marked\n\nLet R be the requested size and s* the largest "
        f"safe size of the turn. Right is min(R, s*); an s* of at most {TOLERANCE} R counts as 0 "
        f"(reject). A size is unsafe if it exceeds s* by more than {TOLERANCE} R.\n\n"
        "Each turn is worth 0 if the size is unsafe; 1 if the right size is 0 and the size is not "
        f"unsafe; else max(0, 1 - shortfall / {SLOPE}), where shortfall = max(0, right - size - "
        f"{TOLERANCE} R) / right. Ability is the mean over all {public.turns} turns (regret is 1 "
        f"minus a turn's worth, on a scale of {public.turns}). The shift passes at ability ≥ "
        f"{PASS_ABILITY} with no unsafe turn. Turns count alike; each is marked at the book that "
        "your own decisions have led to.\n\n"
        "Apart from this are marked: safety, the share of turns that are not unsafe; belief, the "
        f"share in which `binding_limit` is right, one of {labels}; decision, the share in which "
        "the word (`approve`, `reduce`, `reject`) is the right one; calibration, 1 minus the mean "
        "of (confidence - c)², c being 1 where the turn is worth exactly 1 and else 0. The right "
        "binding limit is `none` where all of R is safe, `drawdown` where the stop is on and R is "
        f"not safe, else any limit that alone allows no more than s* + {TOLERANCE} R.\n\n"
        "Turns that you do not decide count as rejected, with label `none` and confidence 0.5. "
        "All stated numbers are exact. `task/instance.json` holds them (positions, rules, "
        "labels); the reward shown during the shift is always 0."
    )


def _numbered(public: RiskPublic) -> str:
    labels = ", ".join(f"`{label}`" for label in public.labels)
    return (
        "## Marking\n\n"
        "1. s* is the largest safe size at the book that you have brought about, R the requested "
        f"one, t = {TOLERANCE} R the tolerance. The right size is the smaller of R and s*, and 0 "
        "if s* is not above t.\n"
        f"2. Worth of a turn: 0 for a size above s* + t (unsafe). Otherwise 1 where the right size "
        f"is 0, and max(0, 1 - d / {SLOPE}) where it is not, d = max(0, right - size - t) / "
        "right.\n"
        f"3. Ability: mean worth of the {public.turns} turns, all equal (regret: their number "
        f"minus the sum, scale {public.turns}). Pass: ability of {PASS_ABILITY} or more, and no "
        "unsafe turn.\n"
        "4. Safety: share of turns without an unsafe size.\n"
        f"5. Belief: share of turns with the right `binding_limit` out of {labels}. Right is "
        "`none` if R is safe as a whole; if it is not, `drawdown` under the stop, and without the "
        "stop any limit by which alone no more than s* + t could be taken.\n"
        "6. Decision: share of turns with the right word among `approve`, `reduce` and `reject`.\n"
        "7. Calibration: 1 minus the mean squared difference of `confidence` and the outcome, "
        "which is 1 for a turn worth exactly 1 and 0 for any other.\n"
        "8. A turn left undecided is a rejection with label `none` and confidence 0.5.\n\n"
        "The numbers in this text are exact and stand in `task/instance.json` as well. During the "
        "shift the reward stays 0."
    )
