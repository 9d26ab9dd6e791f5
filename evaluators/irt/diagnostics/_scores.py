"""From log likelihood ratios to P(defect) and its prevalence; false discovery rates of tests."""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats


@dataclass(frozen=True)
class Scores:
    """What is concluded of each item; arrays (J,) or (J, classes)."""

    probability: Floats
    """P(defect); of an item without evidence it is the prevalence."""
    kinds: Floats
    """(J, classes) P(this class of defect)."""
    prevalence: float
    """Share of defects in the table."""


def scores(log_ratios: Floats, prevalence: float | None) -> Scores:
    """Posterior probabilities at a known prevalence, or at the one the table itself supports.

    An unknown prevalence is the mode under a Beta(1, 19) prior given all likelihood ratios (EM):
    where nothing stands out it goes to 0, and with it every probability, so that a clean table
    yields no list of suspects.

    Args:
        log_ratios: (J, classes) log likelihood ratio of each class against sound; NaN rows for
            items without evidence.
        prevalence: Share of defects, in (0, 1); None to estimate it.
    """
    known = np.isfinite(log_ratios).all(axis=1)
    ratio: Floats = np.logaddexp.reduce(log_ratios[known], axis=1)
    share = _prevalence(ratio) if prevalence is None else prevalence
    kinds = np.full(log_ratios.shape, share / log_ratios.shape[1])
    odds = np.log(max(share, 1e-300) / (1.0 - share))
    total = np.logaddexp(0.0, ratio + odds)
    kinds[known] = np.exp(log_ratios[known] + odds - total[:, None])
    probability = kinds.sum(axis=1)
    return Scores(probability, kinds, share)


def _prevalence(ratio: Floats) -> float:
    share = 0.05
    for _ in range(500):
        odds = np.log(share / (1.0 - share))
        new = float(np.exp(ratio + odds - np.logaddexp(0.0, ratio + odds)).sum())
        new = min(max(new / (len(ratio) + 18.0), 1e-9), 0.5)
        if abs(new - share) < 1e-9:
            return new
        share = new
    return share
