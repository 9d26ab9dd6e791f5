"""Rasch: ability minus difficulty; new agents and items stand at the mean."""

import numpy as np

from evaluators.irt._responses import Floats, Ints, ResponseTable
from evaluators.irt.prediction._calibration import calibrated
from evaluators.irt.prediction._predictor import Predictor


def predict(train: ResponseTable, agent: Ints, item: Ints) -> Floats:
    """Expected scores at the estimates."""
    from scipy.special import expit

    known = calibrated(train)
    theta = np.where(np.isnan(known.theta), 0.0, known.theta)
    b = np.where(np.isnan(known.b), np.nanmean(known.b), known.b)
    return expit(theta[agent] - b[item])


predictor = Predictor("Rasch ability and difficulty; a new item has the mean difficulty", predict)
