"""Each agent's mean on what was seen of it: what any model of items must beat."""

import numpy as np

from evaluators.irt._responses import Floats, Ints
from evaluators.irt.prediction._predictor import Known, Predictor


def predict(known: Known, agent: Ints, item: Ints) -> Floats:
    """An agent of which nothing was seen has the mean of all."""
    cells = known.table.cells
    total = np.bincount(cells.agent, weights=cells.total, minlength=cells.n_agents)
    trials = np.bincount(cells.agent, weights=cells.trials, minlength=cells.n_agents)
    overall = cells.total.sum() / cells.trials.sum()
    return np.where(trials > 0, total / np.maximum(trials, 1.0), overall)[agent]


predictor = Predictor("the agent's mean on seen items", predict)
