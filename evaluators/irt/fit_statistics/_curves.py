"""Curves of single items, fitted to what agents are known to be by their other answers.

For each cell the agent's posterior without that item is fixed; an item's marginal likelihood is
then its own, and all items are fitted at once, each by its own damped scoring steps:

    P = c + (d - c) logistic(alpha z + beta),   z = (theta - mean) / sd of the population

with c = 0 and d = 1, or one of them free. Slopes may be negative (a flipped item); alpha and beta
have weak normal priors, which keep curves of separable answers finite, and asymptotes none.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from evaluators.irt._responses import Floats, Ints
from evaluators.irt.fit_statistics._cells import Matched
from evaluators.irt.fit_statistics._posterior import Local, cell_log_likelihood, normalised

Asymptote = Literal["none", "lower", "upper"]

PRIOR_MEAN, PRIOR_SD = np.array([1.0, 0.0]), np.array([2.0, 5.0])
"""Of alpha and beta."""
ROUNDS = 100
LIMIT = 5.0
"""Of the logit of an asymptote: one within .007 of 0 or 1 is left there."""
_SMALL = 1e-12


@dataclass(frozen=True)
class Evidence:
    """Cells with what is known of their agents apart from them."""

    curve: Ints
    """(m,) which curve the cell bears on."""
    z: Floats
    """(m, K) standardised abilities."""
    weight: Floats
    """(m, K) their mass, without the cell's own item."""
    passed: Floats
    trials: Floats
    n_curves: int

    def summed(self, values: Floats) -> Floats:
        """(n_curves, …) sums of (m, …) values over the cells of each curve."""
        flat = values.reshape(len(values), -1)
        columns = [np.bincount(self.curve, one, self.n_curves).astype(float) for one in flat.T]
        return np.stack(columns, axis=1).reshape(self.n_curves, *values.shape[1:])

    def only(self, curves: npt.NDArray[np.bool_]) -> "Evidence":
        """What bears on some of the curves, which are numbered anew."""
        at = curves[self.curve]
        return Evidence(
            (np.cumsum(curves) - 1)[self.curve[at]], self.z[at], self.weight[at],
            self.passed[at], self.trials[at], int(curves.sum()),
        )  # fmt: skip


@dataclass(frozen=True)
class Curves:
    """Fitted curves; all as long as there are curves."""

    x: Floats
    """(C, 2) alpha and beta; (C, 3) with the logit of the free asymptote."""
    log_likelihood: Floats
    """Penalised by the priors of alpha and beta."""
    covariance: Floats
    """(C, p, p) inverse of the observed information (Louis 1982); NaN where it is not positive."""
    steps: Ints
    """Rounds until it stood still; ROUNDS where it did not."""


def leave_one_out(found: Matched, local: Local, at: Ints, block: slice) -> tuple[Floats, Floats]:
    """(m, K) standardised abilities and masses of some cells' agents, each without its own cell."""
    agent = found.cells.agent[at]
    log_mass = local.log_mass[agent] - cell_log_likelihood(found, local.theta, at, block)
    population = found.bank.population
    return (local.theta[agent] - population.mean) / population.sd, normalised(log_mass)


def fitted(evidence: Evidence, free: Asymptote = "none", start: Floats | None = None) -> Curves:
    """Maximise each curve's own likelihood.

    Args:
        evidence: Cells and abilities.
        free: Which asymptote is estimated.
        start: (C, 2) alpha and beta to start from.
    """
    x = _start(evidence, free, start)
    value = np.full(len(x), -np.inf)
    steps = np.full(len(x), ROUNDS, dtype=np.int64)
    open_ = np.ones(len(x), dtype=bool)
    climb = _Climb(evidence, x, free)
    for step in range(1, ROUNDS + 1):
        settled = climb.step()
        if settled.all() or step % 4 == 0 or step == ROUNDS:
            at = np.flatnonzero(open_)
            x[at], value[at] = climb.x, climb.value
            done = at[settled]
            steps[done], open_[done] = step, False
            if settled.all():
                break
            climb = climb.only(~settled)
    return Curves(x, value, _covariance(evidence, x, free), steps)


class _Climb:
    """Damped scoring (Levenberg and Marquardt) of many curves, each with its own damping."""

    def __init__(self, evidence: Evidence, x: Floats, free: Asymptote) -> None:
        self.evidence, self.x = evidence, x.copy()
        self.free: Asymptote = free
        self.damping = np.full(len(x), 1e-3)
        self.value, self.gradient, self.information = _at(evidence, self.x, free)

    def step(self) -> npt.NDArray[np.bool_]:
        """Move those that gain; which ones stood still."""
        moved = _stepped(self.x, self.gradient, self.information, self.damping)
        value, gradient, information = _at(self.evidence, moved, self.free)
        better = value >= self.value
        settled = np.abs(value - self.value) < 1e-7 * (1.0 + np.abs(value))
        if self.free != "none":
            settled |= self.x[:, 2] * (1.0 if self.free == "upper" else -1.0) >= LIMIT
        self.x[better], self.value[better] = moved[better], value[better]
        self.gradient[better], self.information[better] = gradient[better], information[better]
        self.damping = np.where(better, self.damping * 0.3, np.minimum(self.damping * 10.0, 1e6))
        return settled

    def only(self, curves: npt.NDArray[np.bool_]) -> "_Climb":
        """The same climb with some of the curves."""
        rest = _Climb.__new__(_Climb)
        rest.evidence, rest.free = self.evidence.only(curves), self.free
        rest.x, rest.damping, rest.value = self.x[curves], self.damping[curves], self.value[curves]
        rest.gradient, rest.information = self.gradient[curves], self.information[curves]
        return rest


def _start(evidence: Evidence, free: Asymptote, start: Floats | None) -> Floats:
    if start is None:
        passed, trials = evidence.summed(evidence.passed), evidence.summed(evidence.trials)
        odds = np.log((passed + 0.5) / (trials - passed + 0.5))
        start = np.stack([np.ones(evidence.n_curves), odds], axis=1)
    if free == "none":
        return start
    logit = -2.0 if free == "lower" else 2.0
    return np.column_stack([start, np.full(len(start), logit)])


def _stepped(x: Floats, gradient: Floats, information: Floats, damping: Floats) -> Floats:
    diagonal = np.einsum("cpp->cp", information)
    ridge = damping[:, None] * diagonal + _SMALL
    matrix = information + ridge[:, :, None] * np.eye(x.shape[1])
    change = np.linalg.solve(matrix, gradient[:, :, None])[:, :, 0]
    moved = x + np.clip(change, -3.0, 3.0)
    moved[:, 2:] = np.clip(moved[:, 2:], -LIMIT, LIMIT)
    return moved


@dataclass(frozen=True)
class _Parts:
    value: Floats
    """(m,) log marginal likelihood of cells."""
    mass: Floats
    """(m, K) posterior mass, the cell included."""
    score: Floats
    """(m, K) d log f / d P."""
    slopes: tuple[Floats, ...]
    """p times (m, K): d P / d x."""
    variance: Floats
    """(m, K) P (1 - P)."""


def _parts(evidence: Evidence, x: Floats, free: Asymptote) -> _Parts:
    own = x[evidence.curve]
    z = evidence.z
    logistic = 1.0 / (1.0 + np.exp(-np.clip(own[:, :1] * z + own[:, 1:2], -500.0, 500.0)))
    edge = 1.0 / (1.0 + np.exp(-own[:, 2:3])) if free != "none" else np.zeros((len(own), 1))
    low, high = (edge, 1.0) if free == "lower" else (0.0, edge if free == "upper" else 1.0)
    chance = np.clip(low + (high - low) * logistic, _SMALL, 1.0 - _SMALL)
    passed, failed = evidence.passed[:, None], (evidence.trials - evidence.passed)[:, None]
    if np.all((evidence.trials == 1.0) & ((passed == 1.0) | (failed == 1.0))[:, 0]):
        top, likelihood = np.zeros(len(own)), np.where(passed == 1.0, chance, 1.0 - chance)
    else:
        log_f = passed * np.log(chance) + failed * np.log1p(-chance)
        top = log_f.max(axis=1)
        likelihood = np.exp(log_f - top[:, None])
    joint = evidence.weight * likelihood
    whole = np.maximum(joint.sum(axis=1), np.finfo(float).tiny)
    bend = (high - low) * logistic * (1.0 - logistic)
    slopes = [bend * z, bend]
    if free != "none":
        slopes.append(edge * (1.0 - edge) * (logistic if free == "upper" else 1.0 - logistic))
    variance = chance * (1.0 - chance)
    score = (passed - (passed + failed) * chance) / variance
    return _Parts(np.log(whole) + top, joint / whole[:, None], score, tuple(slopes), variance)


def _at(evidence: Evidence, x: Floats, free: Asymptote) -> tuple[Floats, Floats, Floats]:
    """Penalised log likelihoods (C,), their gradients (C, p), and information as if complete."""
    parts = _parts(evidence, x, free)
    off = (x[:, :2] - PRIOR_MEAN) / PRIOR_SD
    value = evidence.summed(parts.value) - 0.5 * np.sum(off**2, axis=1)
    gradient = evidence.summed(_mean_score(parts))
    information = evidence.summed(_crossed(_complete(evidence, parts), parts))
    gradient[:, :2] -= off / PRIOR_SD
    information[:, [0, 1], [0, 1]] += 1.0 / PRIOR_SD**2
    return value, gradient, information


def _mean_score(parts: _Parts) -> Floats:
    """(m, p) expected scores of cells."""
    worth = parts.mass * parts.score
    return np.stack([np.einsum("mk,mk->m", worth, one) for one in parts.slopes], axis=1)


def _complete(evidence: Evidence, parts: _Parts) -> Floats:
    """(m, K) weights of the information that cells would give, were their abilities known."""
    return parts.mass * evidence.trials[:, None] / parts.variance


def _crossed(weight: Floats, parts: _Parts) -> Floats:
    """(m, p, p) weighted sums of products of slopes over the nodes."""
    size = len(parts.slopes)
    found = np.empty((len(weight), size, size))
    for row in range(size):
        held = weight * parts.slopes[row]
        for column in range(row + 1):
            found[:, row, column] = np.einsum("mk,mk->m", held, parts.slopes[column])
            found[:, column, row] = found[:, row, column]
    return found


def _covariance(evidence: Evidence, x: Floats, free: Asymptote) -> Floats:
    parts = _parts(evidence, x, free)
    mean = _mean_score(parts)
    known = _complete(evidence, parts) - parts.mass * parts.score**2
    information = evidence.summed(_crossed(known, parts) + mean[:, :, None] * mean[:, None, :])
    information[:, [0, 1], [0, 1]] += 1.0 / PRIOR_SD**2
    found = np.full_like(information, np.nan)
    sound = np.linalg.eigvalsh(information)[:, 0] > 1e-9
    found[sound] = np.linalg.inv(information[sound])
    return found
