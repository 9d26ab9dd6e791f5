"""The logistic function without SciPy, whose import costs more than a fit of 200 by 500."""

import numpy as np

from evaluators.irt._responses import Floats


def expit(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), with full relative precision in both tails; infinities allowed."""
    with np.errstate(over="ignore"):  # an infinite exponential is a probability of 0
        return 1.0 / (1.0 + np.exp(-z))


def log_expit(z: Floats) -> Floats:
    """Log of `expit`."""
    return np.minimum(z, 0.0) - np.log1p(np.exp(-np.abs(z)))


def logit(share: Floats) -> Floats:
    """Log odds of shares strictly between 0 and 1."""
    return np.log(share) - np.log1p(-share)
