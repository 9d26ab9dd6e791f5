"""Graded response: ordered categories, for partial credit in few steps.

P(score >= level l) = logistic(a theta - c_l), with c rising in l (Samejima 1969, Psychometrika
Monograph 17). All items share the levels of the data; an item of which a level was never seen does
without it, so that items of two and of eleven steps stand in one table.

Working parameters: log a, then one column for each level above the lowest of all. An item's lowest
used level is `FLOOR` there (no column if it is the lowest of all), a level that it does not use is
`ABSENT`; the next one used is the first c, and those above are logs of the gaps between the c.
With gaps the logs need no difference of probabilities:

    log P(l) = log logistic(z_l) + log logistic(-z_above) + log(1 - exp(c_l - c_above)).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from evaluators.irt._model import Draw, Layout, Model
from evaluators.irt._responses import Cells, Floats, Ints, ScoreKind, score_kind
from evaluators.irt.models._climb import climb_by_counts
from evaluators.irt.models._prior import NormalPrior
from evaluators.irt.models._sigmoid import expit, log_expit, logit
from tasks import UsageError

MOST_LEVELS = 21
"""More distinct scores than steps of .05 are a continuous score."""
FLOOR, ABSENT, MARK = -200.0, -100.0, -50.0
"""Marks in the working parameters, and what is above every mark; they never move in a fit."""
IMPOSSIBLE = -690.0
"""Log probability of a level that an item does not use; the same at every ability, so that such a
score, should it turn up later, says nothing of the ability."""
SLOPE, FIRST, GAP = (
    NormalPrior(mean=(0.0,), sd=(0.5,)),
    NormalPrior(mean=(0.0,), sd=(3.0,)),
    NormalPrior(mean=(0.0,), sd=(1.5,)),
)
"""Priors of log a, the first c, and the log gaps."""


@dataclass(frozen=True)
class _Columns:
    """What the L - 1 level columns of the working parameters hold."""

    free: npt.NDArray[np.bool_]
    """(J, L - 1) no marks."""
    first: Ints
    """(J,) place of the first c."""
    gap: npt.NDArray[np.bool_]
    """(J, L - 1) the log gaps."""


@dataclass(frozen=True)
class _Steps:
    """The items' thresholds: L levels, of which some are used."""

    used: npt.NDArray[np.bool_]
    """(J, L)"""
    gap: npt.NDArray[np.bool_]
    """(J, L - 1) the columns that are log gaps."""
    lower: Floats
    """(J, L) c of the level; -inf at the item's lowest."""
    upper: Floats
    """(J, L) c of the next used level; inf at its highest."""
    width: Floats
    """(J, L) the gap between the two, without cancellation; inf where either is infinite."""
    by_column: Floats
    """(J, L, L - 1) of `lower` by the level columns; 0 where it is infinite."""
    above: Ints
    """(J, L) place of the next used level, L where there is none."""


class Graded(Model):
    """The model; see the module."""

    name: ClassVar[str] = "graded"
    summary: ClassVar[str] = (
        "Ordered categories (partial credit in few steps): P(score >= level) = "
        "logistic(a (theta - b_level))."
    )
    scores: ClassVar[frozenset[ScoreKind]] = frozenset({"continuous"})

    def layout(self, cells: Cells) -> Layout:
        """The distinct scores.

        Raises:
            UsageError: scores are 0 or 1, or counts, or take too many values.
        """
        if (kind := score_kind(cells)) != "continuous":
            fitting = "`2pl`" if kind == "binary" else "`binomial` or `beta_binomial`"
            raise UsageError(
                f"graded is for scores with steps between 0 and 1; these are {kind}. Fit {fitting}."
            )
        if np.any(cells.trials > 1.0):
            raise UsageError(
                f"graded takes one trial a cell, and {int(np.sum(cells.trials > 1.0)):,} cells "
                "here have several, whose mean is no category. Fit `beta`, or keep one trial."
            )
        levels = np.unique(np.round(cells.mean, 9))
        if len(levels) > MOST_LEVELS:
            raise UsageError(
                f"graded takes up to {MOST_LEVELS} distinct scores; there are {len(levels):,} "
                f"here, from {levels[0]:g} to {levels[-1]:g}. Fit `beta`, or round the scores."
            )
        return Layout(levels=levels)

    def statistics(self, cells: Cells, layout: Layout) -> Floats:
        """(L, n) indicators of the levels.

        Raises:
            UsageError: a score is none of the levels.
        """
        level = _level_of(cells, layout)
        found = np.zeros((len(layout.levels), cells.size))
        found[level, np.arange(cells.size)] = 1.0
        return found

    def start(self, cells: Cells, layout: Layout) -> Floats:
        """(J, L) slope 1, and the thresholds that the item's smoothed shares would have."""
        count = np.zeros((cells.n_items, n := len(layout.levels)))
        np.add.at(count, (cells.item, _level_of(cells, layout)), 1.0)
        x = np.zeros((cells.n_items, n))
        for seen, row in zip(count, x, strict=True):
            row[1:] = _thresholds(seen)
        return x

    def terms(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(L, J, Q) log probability of each level."""
        del layout
        steps = _steps(x)
        base = np.exp(x[:, 0])[:, None] * theta
        found = log_expit(base[:, None, :] - steps.lower[:, :, None])
        found += log_expit(steps.upper[:, :, None] - base[:, None, :])
        found += np.log(-np.expm1(-steps.width))[:, :, None]
        return np.moveaxis(np.where(steps.used[:, :, None], found, IMPOSSIBLE), 1, 0)

    def gradient(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(L, J, Q, L) of the terms by log a and the level columns."""
        del layout
        steps = _steps(x)
        up, down = _pulls(steps, x, theta)
        found = np.zeros((*up.shape, x.shape[1]))
        found[..., 0] = (up - down) * (np.exp(x[:, 0])[:, None] * theta)[:, None, :]
        n_levels = steps.used.shape[1]
        above = np.minimum(steps.above, n_levels - 1)
        upper_by = np.take_along_axis(steps.by_column, above[:, :, None], axis=1)
        found[..., 1:] = down[..., None] * upper_by[:, :, None, :]
        found[..., 1:] -= up[..., None] * steps.by_column[:, :, None, :]
        found[..., 1:] += _by_own_gap(steps, x)[:, :, None, :]
        return np.moveaxis(found * steps.used[:, :, None, None], 1, 0)

    def slope(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(L, J, Q) of the terms by the ability."""
        del layout
        steps = _steps(x)
        up, down = _pulls(steps, x, theta)
        found = (up - down) * np.exp(x[:, 0])[:, None, None] * steps.used[:, :, None]
        return np.moveaxis(found, 1, 0)

    def weights(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(L, J, Q) probability of each level."""
        return np.exp(self.terms(x, theta, layout))

    def mean(self, x: Floats, theta: Floats, layout: Layout) -> Floats:
        """(J, Q) expected score."""
        found = np.tensordot(layout.levels, self.weights(x, theta, layout), axes=1)
        return np.clip(found, 0.0, 1.0)

    def climb(
        self, x: Floats, theta: Floats, counts: Floats, trials: Floats, layout: Layout
    ) -> tuple[Floats, Floats]:
        """As any model's."""
        mass = self.weights(x, theta, layout) * trials
        return climb_by_counts(self.gradient(x, theta, layout), counts, mass)

    def support(self, trials: int, layout: Layout) -> tuple[Floats, Floats]:
        """(L,) the levels, all with a weight of one."""
        del trials
        return layout.levels, np.zeros(len(layout.levels))

    def log_prior(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Weak normal priors of log a, the first c and the log gaps; none of marks."""
        held = _columns(x)
        density, gradient = np.zeros(x.shape), np.zeros(x.shape)
        curvature = np.ones(x.shape)  # of a mark: any number that lets a Newton step be solved for
        first = np.zeros(x.shape, dtype=bool)
        first[np.arange(len(x)), held.first + 1] = True
        slope = np.zeros(x.shape, dtype=bool)
        slope[:, 0] = True
        gap = np.column_stack([np.zeros(len(x), dtype=bool), held.gap])
        for prior, at in ((SLOPE, slope), (FIRST, first), (GAP, gap)):
            one, by, bend = prior.of(x[at][:, None])
            density[at], gradient[at], curvature[at] = one, by[:, 0], bend[:, 0, 0]
        return density.sum(axis=1), gradient, curvature[:, :, None] * np.eye(x.shape[1])

    def report(self, x: Floats) -> Mapping[str, Floats]:
        """a; b, the mean of the item's thresholds; b1.. of each level, NaN where there is none."""
        slope = np.exp(x[:, 0])
        thresholds = _finite(_steps(x)) / slope[:, None]
        middle = np.nanmean(thresholds, axis=1)
        return {"a": slope, "b": middle, **{f"b{k + 1}": one for k, one in enumerate(thresholds.T)}}

    def report_jacobian(self, x: Floats) -> Floats:
        """(J, L + 1, L) of a, b, b1.. by the working parameters."""
        steps = _steps(x)
        slope = np.exp(x[:, 0])
        found = np.zeros((len(x), x.shape[1] + 1, x.shape[1]))
        found[:, 0, 0] = slope
        finite = _finite(steps)
        found[:, 2:, 0] = -finite / slope[:, None]
        found[:, 2:, 1:] = steps.by_column[:, 1:] / slope[:, None, None]
        real = np.isfinite(finite)
        held = np.where(real[:, :, None], found[:, 2:], 0.0)
        found[:, 1] = held.sum(axis=1) / real.sum(axis=1)[:, None]
        return found

    def free_parameters(self, x: Floats) -> int:
        """Without the marks of levels that an item does not use."""
        return int((x > MARK).sum())

    def rescaled(self, x: Floats, slope: float, shift: float) -> Floats:
        """(J, L) the same items on the scale slope * theta + shift."""
        moved = x.copy()
        moved[:, 0] -= np.log(slope)
        moved[np.arange(len(x)), _columns(x).first + 1] += np.exp(moved[:, 0]) * shift
        return moved

    def draw(self, rng: np.random.Generator, n_items: int) -> Floats:
        """(J, 5) a ~ lognormal(0, .4), first b ~ N(-.75, 1), log gaps of c ~ N(-.5, .5)."""
        log_slope = rng.normal(0.0, 0.4, n_items)
        first = np.exp(log_slope) * rng.normal(-0.75, 1.0, n_items)
        gaps = rng.normal(-0.5, 0.5, (n_items, 3))
        return np.column_stack([log_slope, first, gaps])

    def simulated_layout(self, trials: int) -> Layout:
        """Five levels, one trial.

        Raises:
            UsageError: several trials.
        """
        if trials > 1:
            raise UsageError("graded takes one trial a cell: simulate with trials=1.")
        return Layout(levels=np.linspace(0.0, 1.0, 5))

    def sample(self, rng: np.random.Generator, cells: Draw, layout: Layout) -> Floats:
        """(n,) scores: the levels whose thresholds a logistic draw passes."""
        steps = _steps(cells.x)
        reach = np.exp(cells.x[:, 0]) * cells.theta + logit(_open(rng.random(len(cells.theta))))
        passed = (reach[:, None] >= steps.lower) & steps.used
        highest = passed.shape[1] - 1 - np.argmax(passed[:, ::-1], axis=1)
        return layout.levels[highest]


def _open(drawn: Floats) -> Floats:
    """Uniform draws without the 0 that NumPy may give."""
    return np.maximum(drawn, np.finfo(float).tiny)


def _level_of(cells: Cells, layout: Layout) -> Ints:
    """(n,) place of each cell's score among the levels."""
    levels, score = layout.levels, cells.mean
    middle = (levels[1:] + levels[:-1]) / 2.0
    level = np.searchsorted(middle, score)
    if np.any(unknown := np.abs(levels[level] - score) > 1e-6):
        raise UsageError(
            f"A cell (agent {cells.agent[unknown][0]}, item {cells.item[unknown][0]}) has the score"
            f" {score[unknown][0]:g}, which is none of this fit's levels "
            f"({', '.join(f'{one:g}' for one in levels)}). Round it, or fit again."
        )
    return level.astype(np.int64)


def _thresholds(count: Floats) -> Floats:
    """(L - 1,) columns to start an item from, of how often each level was seen."""
    used = np.flatnonzero(count)
    if len(used) < 2:  # a constant item: let it have a neighbour, which the prior then places
        only = int(used[0]) if len(used) else 0
        used = np.array([only - 1, only] if only else [0, 1])
    columns = np.full(len(count) - 1, ABSENT)
    if used[0] > 0:
        columns[used[0] - 1] = FLOOR
    seen = count[used] + 0.5
    share = np.cumsum(seen)[:-1] / seen.sum()
    c = logit(share)
    columns[used[1] - 1] = c[0]
    columns[used[2:] - 1] = np.log(np.maximum(np.diff(c), 0.05))
    return columns


def _columns(x: Floats) -> _Columns:
    free = x[:, 1:] > MARK
    first = np.argmax(free, axis=1)
    gap = free.copy()
    gap[np.arange(len(x)), first] = False
    return _Columns(free, first, gap)


def _steps(x: Floats) -> _Steps:
    columns = x[:, 1:]
    n_items, n_columns = columns.shape
    rows = np.arange(n_items)
    held = _columns(x)
    free, first, gap = held.free, held.first, held.gap
    floor = columns < (FLOOR + ABSENT) / 2.0
    used = np.column_stack([~floor.any(axis=1), free | floor])
    size = np.where(gap, np.exp(np.where(gap, columns, 0.0)), 0.0)
    lower = np.full((n_items, n_columns + 1), -np.inf)
    start = columns[rows, first][:, None]
    lower[:, 1:] = np.where(free, start + np.cumsum(size, axis=1), -np.inf)
    by_column = np.zeros((n_items, n_columns + 1, n_columns))
    by_column[:, 1:] = np.tril(np.ones((n_columns, n_columns))) * size[:, None, :]
    by_column[rows, 1:, first] = 1.0
    by_column[:, 1:] *= free[:, :, None]
    above = np.full((n_items, n_columns + 2), n_columns + 1)
    for level in range(n_columns, 0, -1):
        above[:, level] = np.where(used[:, level], level, above[:, level + 1])
    above = above[:, 1:]
    infinite = np.full((n_items, 1), np.inf)
    upper = np.take_along_axis(np.column_stack([lower, infinite]), above, axis=1)
    own = np.column_stack([infinite, np.where(gap, size, np.inf), infinite])
    width = np.take_along_axis(own, above, axis=1)
    return _Steps(used, gap, lower, upper, width, by_column, above)


def _pulls(steps: _Steps, x: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """(J, L, Q) derivatives of a level's log probability by its z, and less that by the next z."""
    base = (np.exp(x[:, 0])[:, None] * theta)[:, None, :]
    return expit(steps.lower[:, :, None] - base), expit(base - steps.upper[:, :, None])


def _by_own_gap(steps: _Steps, x: Floats) -> Floats:
    """(J, L, L - 1) of log(1 - exp(-gap)) by the log of the gap, which is the next level's."""
    columns = x[:, 1:]
    n_columns = columns.shape[1]
    size = np.exp(np.where(steps.gap, columns, 0.0))
    rate = np.where(steps.gap, np.exp(-size) * size / -np.expm1(-size), 0.0)
    owner = (steps.above[:, :, None] - 1) == np.arange(n_columns)
    return owner * rate[:, None, :]


def _finite(steps: _Steps) -> Floats:
    """(J, L - 1) the thresholds, NaN where the item has none."""
    return np.where(np.isfinite(steps.lower[:, 1:]), steps.lower[:, 1:], np.nan)


model = Graded()
