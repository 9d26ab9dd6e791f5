"""SQUAREM: one long step out of two short ones.

Varadhan and Roland (2008), Scandinavian Journal of Statistics 35, 335-353, scheme S3: from
x0, F(x0) and F(F(x0)) it guesses where the fixed-point iteration F is heading.
"""

import numpy as np

from evaluators.irt._responses import Floats

LONGEST = 64.0
"""Longest step, in plain steps."""


def leap(x0: Floats, x1: Floats, x2: Floats, longest: float = LONGEST) -> tuple[Floats, float]:
    """Where three points of a fixed-point iteration lead, and how many steps that is.

    1 step is x2 itself: no gain.
    """
    first, bend = x1 - x0, x2 - 2.0 * x1 + x0
    size = float(np.linalg.norm(bend))
    if size == 0.0:
        return x2, 1.0
    steps = float(np.clip(np.linalg.norm(first) / size, 1.0, longest))
    return x0 + 2.0 * steps * first + steps**2 * bend, steps
