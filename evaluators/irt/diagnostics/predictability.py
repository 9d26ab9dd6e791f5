"""Predictability: can the item be told from what similar agents did on it?

A sound item is answered alike by agents that answer the *other* items alike, whatever dimensions
make them alike. An item whose outcomes are partly chance is not, even where it still rises with
ability; so this column sees partly random items that correlations miss. It is blind to a reversed
key: a flipped item is as predictable as ever.
"""

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence
from evaluators.irt.diagnostics._statistic import Statistic

RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
MOST = 1_500
"""Agents that are compared with each other; of more, as many evenly spaced in ability."""


def measure(evidence: Evidence) -> Floats:
    """(J,) 1 - PRESS / PRESS of the mean, at the ridge with the best median; NaN if constant.

    Ridge regression over agents (Gaussian process) with the kernel Z Z' / J of standardised scores.
    Item j is taken out of its own kernel (Sherman-Morrison on K - z_j z_j' / J), and every agent
    out of its own prediction (e_i = alpha_i / G_ii), both in closed form.
    """
    at = _agents(evidence)
    score, seen = evidence.score[at], evidence.seen[at]
    count = seen.sum(axis=0)
    share = score.sum(axis=0) / np.maximum(count, 1.0)
    variance = (seen * (score - share) ** 2).sum(axis=0) / np.maximum(count, 1.0)
    varies = (variance > 1e-12) & (count >= 3)
    z = np.where(varies, seen * (score - share) / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
    used = max(int(varies.sum()), 1)
    # An agent's distance from the mean item without it; the intercept has the variance of a mean.
    alone = ((z * count / np.maximum(count - 1.0, 1.0)) ** 2).sum(axis=0)
    values, vectors = np.linalg.eigh(z @ z.T / used + 1.0 / len(at))
    best, top = np.full(len(evidence.items), np.nan), -np.inf
    for ridge in RIDGES if varies.any() else ():
        press = _press(z, seen, (vectors / (np.maximum(values, 0.0) + ridge)) @ vectors.T, used)
        found = np.where(varies, 1.0 - press / np.where(varies, alone, 1.0), np.nan)
        middle = float(np.median(found[varies]))
        if middle > top:
            best, top = found, middle
    return best


def _press(z: Floats, seen: Floats, inverse: Floats, used: int) -> Floats:
    """(J,) sum of squared errors in which neither the item nor the agent predicts itself."""
    moved = inverse @ z
    own = (z * moved).sum(axis=0)
    spare = np.maximum(used - own, 1e-9)
    dual = moved * (1.0 + own / spare)
    return (seen * (dual / (np.diag(inverse)[:, None] + moved**2 / spare)) ** 2).sum(axis=0)


def _agents(evidence: Evidence) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    order = np.argsort(evidence.rasch.theta, kind="stable")
    if len(order) <= MOST:
        return np.arange(len(order))
    return np.sort(order[np.linspace(0, len(order) - 1, MOST).round().astype(np.intp)])


statistic = Statistic(
    name="predictability",
    summary="Share of the item's variance that similar agents predict: leave-one-agent-out R² of a "
    "ridge regression whose kernel is agreement on the other items.",
    source="Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 5.4.2",
    suspect="low",
    measure=measure,
)
