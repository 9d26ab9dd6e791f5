"""Rasch from few agents: the width of the scale, less what too many parameters add to it.

Each item has a difficulty of its own, estimated from the n trials that it had. However many items
there are, such incidental parameters widen the scale by n / (n - 1) (Andersen 1980, Discrete
Statistical Models, 244-245; Wright and Douglas 1977, Applied Psychological Measurement 1,
281-295): a twentieth for 20 agents, which is more than the error of an ability on 2000 items.
Where slopes are free the sd of abilities is 1 by convention, and slopes take the width.
"""

from dataclasses import replace

import numpy as np

from evaluators.irt.estimators._maximisation import SMALLEST_SD
from evaluators.irt.estimators._posterior import Expectation, Posteriors, State
from evaluators.irt.estimators._problem import Problem

FURTHEST = 4.0
"""Difficulties are narrowed by at most this power of the share."""
CLOSE = 1e-5
"""Relative error of the width at which the search ends."""
STEPS = 6


def narrowed(
    problem: Problem, state: State, posteriors: Posteriors, expected: Expectation
) -> tuple[State, Expectation]:
    """Abilities narrower by (n - 1) / n, and the difficulties that give them.

    These come out narrower still: errors of the difficulties flatten the curve of the totals, so
    that plugged-in difficulties that are as wide as the true ones would widen the abilities again.

    Args:
        problem: A fit of slopes that are 1.
        state: Where it ended; x are difficulties.
        posteriors: Of the fit.
        expected: At `state`.
    """
    trials = float(problem.cells.trials.sum()) / problem.cells.n_items
    share = 1.0 - 1.0 / max(trials, 2.0)
    wanted = share * float(expected.mean.std())
    sd = max(share * state.sd, SMALLEST_SD)

    def at(power: float) -> tuple[State, Expectation, float]:
        moved = replace(state, x=share**power * state.x, sd=sd)
        found = posteriors.expect(moved)
        return moved, found, float(found.mean.std()) / wanted - 1.0 if wanted > 0.0 else 0.0

    before, error, power = 0.0, at(0.0)[2], 1.0
    moved, found, now = at(power)
    for _ in range(STEPS):
        if abs(now) < CLOSE or power == before:
            break
        slope = (now - error) / (power - before)
        before, error = power, now
        power = power - now / slope if slope < 0.0 else FURTHEST
        power = float(np.clip(power, 0.0, FURTHEST))
        moved, found, now = at(power)
    return moved, found
