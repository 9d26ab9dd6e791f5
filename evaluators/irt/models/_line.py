"""Items whose ability enters as a theta + d, with log a and d the first two working parameters.

What all of them share: the reported a and b = -d / a, a change of scale, and plausible items.
"""

import numpy as np

from evaluators.irt._responses import Floats


def slope_and_difficulty(x: Floats) -> dict[str, Floats]:
    """`a` and `b`, each (J,)."""
    slope = np.exp(x[:, 0])
    return {"a": slope, "b": -x[:, 1] / slope}


def line_jacobian(x: Floats, n_reported: int) -> Floats:
    """(J, n_reported, p) of the reported parameters, of which only a and b are filled in."""
    slope = np.exp(x[:, 0])
    found = np.zeros((len(x), n_reported, x.shape[1]))
    found[:, 0, 0] = slope
    found[:, 1, 0] = x[:, 1] / slope
    found[:, 1, 1] = -1.0 / slope
    return found


def rescaled_line(x: Floats, slope: float, shift: float) -> Floats:
    """(J, p) the same items on the scale slope * theta + shift."""
    moved = x.copy()
    moved[:, 0] -= np.log(slope)
    moved[:, 1] -= np.exp(moved[:, 0]) * shift
    return moved


def drawn_lines(rng: np.random.Generator, n_items: int) -> Floats:
    """(J, 2) log a ~ N(0, .4) and d of b ~ N(0, 1.2)."""
    log_slope = rng.normal(0.0, 0.4, n_items)
    return np.column_stack([log_slope, -np.exp(log_slope) * rng.normal(0.0, 1.2, n_items)])
