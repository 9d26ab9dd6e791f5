"""Explanatory Rasch: features with an estimated prior, and the residual integrated out.

A seen item has its own difficulty (features as its prior), a new one the features' with its
spread; a new agent has its LLM's and scaffold's ability where these are known.
"""

import numpy as np

from evaluators.irt._responses import Floats, Ints
from evaluators.irt.explanatory._features import standardised
from evaluators.irt.explanatory._mixed import mixed
from evaluators.irt.explanatory.items import Difficulties
from evaluators.irt.prediction._calibration import of_features
from evaluators.irt.prediction._predictor import Known, Predictor


def predict(known: Known, agent: Ints, item: Ints) -> Floats:
    """Expected scores."""
    rasch = known.rasch
    agents, at = np.unique(agent, return_inverse=True)
    items, of = np.unique(item, return_inverse=True)
    difficulty = _difficulty(known, items)
    theta = np.where(np.isnan(rasch.theta), 0.0, rasch.theta)
    return difficulty.expected(theta[agents])[at, of]


def _difficulty(known: Known, items: Ints) -> Difficulties:
    rasch = known.rasch
    seen = np.flatnonzero(~np.isnan(rasch.b))
    features = of_features(known.table)
    scale = standardised({name: column[seen] for name, column in features.items()})
    x = scale(features)
    fitted = mixed(rasch.b[seen], rasch.b_se[seen], [x[seen]])
    mean, variance = fitted.predict([x[items]])
    own = ~np.isnan(rasch.b[items])
    # Precision-weighted: what features foretell is the prior of an item's own estimate.
    precision = np.where(own, 1.0 / np.where(own, rasch.b_se[items], 1.0) ** 2, 0.0)
    b = np.where(own, rasch.b[items], 0.0)
    spread = 1.0 / (1.0 / variance + precision)
    return Difficulties(spread * (mean / variance + precision * b), np.sqrt(spread))


predictor = Predictor("explanatory Rasch: features as the prior of difficulty", predict)
