"""Rasch abilities, and difficulties by ridge regression on item features.

The penalty is chosen by inner folds over the items that were seen; features are standardised on
these too. Source: the published predictor of agents' success from judge features (facts of the
agentic benchmarks: .84 AUC on SWE-bench Verified).
"""

import numpy as np

from evaluators.irt._responses import Floats, Ints, ResponseTable
from evaluators.irt.explanatory._features import standardised
from evaluators.irt.prediction._calibration import calibrated, of_features
from evaluators.irt.prediction._predictor import Predictor

PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
FOLDS = 5
SEED = 0
"""Of the inner folds: the same table gives the same prediction."""


def predict(train: ResponseTable, agent: Ints, item: Ints) -> Floats:
    """Expected scores; every item's difficulty is the predicted one, seen or not."""
    from scipy.special import expit

    known = calibrated(train)
    seen = np.flatnonzero(~np.isnan(known.b))
    features = of_features(train)
    scale = standardised({name: column[seen] for name, column in features.items()})
    x, y = scale(features), known.b[seen]
    difficulty = y.mean() + x @ _ridge(x[seen], y - y.mean(), _penalty(x[seen], y))
    theta = np.where(np.isnan(known.theta), 0.0, known.theta)
    return expit(theta[agent] - difficulty[item])


def _ridge(x: Floats, y: Floats, penalty: float) -> Floats:
    return np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y).astype(np.float64)


def _penalty(x: Floats, y: Floats) -> float:
    """The penalty of least squared error over inner folds."""
    fold = np.random.default_rng(SEED).permutation(len(y)) % min(FOLDS, len(y))
    error = dict.fromkeys(PENALTIES, 0.0)
    for k in range(fold.max() + 1):
        inside, outside = fold != k, fold == k
        centre = y[inside].mean()
        for penalty in PENALTIES:
            w = _ridge(x[inside], y[inside] - centre, penalty)
            error[penalty] += float(np.sum((y[outside] - centre - x[outside] @ w) ** 2))
    return min(error, key=error.__getitem__)


predictor = Predictor("Rasch ability; difficulty by ridge regression on features", predict)
