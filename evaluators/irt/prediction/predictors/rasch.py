"""Rasch: ability minus difficulty; new agents and items stand at the mean."""

import numpy as np

from evaluators.irt._responses import Floats, Ints
from evaluators.irt.models._sigmoid import expit
from evaluators.irt.prediction._predictor import Known, Predictor


def predict(known: Known, agent: Ints, item: Ints) -> Floats:
    """Expected scores at the estimates."""
    rasch = known.rasch
    theta = np.where(np.isnan(rasch.theta), 0.0, rasch.theta)
    b = np.where(np.isnan(rasch.b), np.nanmean(rasch.b), rasch.b)
    return expit(theta[agent] - b[item])


predictor = Predictor("Rasch ability and difficulty; a new item has the mean difficulty", predict)
