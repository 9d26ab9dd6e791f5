"""Rasch abilities, and difficulties by ridge regression on item features.

The penalty is chosen by inner folds over the items that were seen; features are standardised on
these too. Items count by the precision of their difficulty: one that every agent failed has hardly
any, and would pull the line by as much as its prior happens to be wide.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluators.irt._responses import Floats, Ints
from evaluators.irt.explanatory._features import standardised
from evaluators.irt.explanatory._mixed import mixed
from evaluators.irt.models._sigmoid import expit
from evaluators.irt.prediction._calibration import of_features
from evaluators.irt.prediction._predictor import Known, Predictor

PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
FOLDS = 5
SEED = 0
"""Of the inner folds: the same table gives the same prediction."""


def predict(known: Known, agent: Ints, item: Ints) -> Floats:
    """Expected scores; every item's difficulty is the predicted one, seen or not."""
    rasch = known.rasch
    seen = np.flatnonzero(~np.isnan(rasch.b))
    features = of_features(known.table)
    scale = standardised({name: column[seen] for name, column in features.items()})
    x, b, se = scale(features), rasch.b[seen], rasch.b_se[seen]
    weight = 1.0 / (se**2 + mixed(b, se, [x[seen]]).residual)
    rows = _Rows(x[seen], b, weight / weight.mean())
    difficulty = rows.ridge(rows.penalty())(x)
    theta = np.where(np.isnan(rasch.theta), 0.0, rasch.theta)
    return expit(theta[agent] - difficulty[item])


@dataclass(frozen=True)
class _Rows:
    """Items to regress on: features (n, q), difficulties (n,), weights (n,) of mean 1."""

    x: Floats
    y: Floats
    weight: Floats

    def ridge(self, penalty: float) -> Callable[[Floats], Floats]:
        """The fitted line: features (m, q) to difficulties (m,)."""
        share = self.weight / self.weight.sum()
        centre, level = share @ self.x, float(share @ self.y)
        x = self.x - centre
        matrix = (x.T * self.weight) @ x + penalty * np.eye(x.shape[1])
        w = np.linalg.solve(matrix, x.T @ (self.weight * (self.y - level)))

        def line(features: Floats) -> Floats:
            return level + (features - centre) @ w

        return line

    def penalty(self) -> float:
        """The penalty of least weighted squared error over inner folds."""
        fold = np.random.default_rng(SEED).permutation(len(self.y)) % min(FOLDS, len(self.y))
        error = dict.fromkeys(PENALTIES, 0.0)
        for k in range(fold.max() + 1):
            inside, outside = self._where(fold != k), self._where(fold == k)
            for penalty in PENALTIES:
                miss = outside.y - inside.ridge(penalty)(outside.x)
                error[penalty] += float(outside.weight @ miss**2)
        return min(error, key=error.__getitem__)

    def _where(self, mask: npt.NDArray[np.bool_]) -> "_Rows":
        return _Rows(self.x[mask], self.y[mask], self.weight[mask])


predictor = Predictor("Rasch ability; difficulty by ridge regression on features", predict)
