"""Whether stated probabilities come true: bins, scores with intervals, and what abstaining buys.

    ECE = Σ_b (n_b / n) |mean outcome - mean probability| over ten equal bins
    Brier = mean (p - y)²,   log score = -mean ln P(what happened)

Brier and log score are proper (Gneiting and Raftery 2007); ECE is not, and is biased upward in
small samples, its interval too. Risk and coverage: El-Yaniv and Wiener 2010.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from evaluators.stats.bootstrap import statistic_interval
from evaluators.stats.sample import DEFAULT, Estimate, Resampling, Vector
from tasks import Frozen, UsageError

BINS = 10
FLOOR = 1e-12
"""Probabilities are kept this far from 0 in the log score, which would else be infinite."""


class Bin(Frozen):
    """One bin of a reliability diagram."""

    low: float
    high: float
    n: int
    stated: float | None
    """Mean probability; None in an empty bin."""
    happened: float | None
    """Share of outcomes that came true; None in an empty bin."""


class Point(Frozen):
    """One point of the risk-coverage curve: what is stated at least `threshold` is answered."""

    threshold: float
    coverage: float
    """Share that is answered."""
    risk: float
    """Share of what is answered that is wrong."""


class Calibration(Frozen):
    """Scores of stated probabilities."""

    n: int
    ece: Estimate
    brier: Estimate
    log_score: Estimate
    bins: tuple[Bin, ...]
    curve: tuple[Point, ...]
    """From the surest to all; risks along it are those of answering less and less selectively."""
    area: float
    """Under that curve (AURC): mean risk over coverage."""


def calibration(
    stated: Sequence[float],
    outcomes: Sequence[bool],
    clusters: Sequence[str] | None = None,
    resampling: Resampling = DEFAULT,
) -> Calibration:
    """Score probabilities against what happened.

    Args:
        stated: probabilities in [0, 1] that the outcome is true.
        outcomes: what happened.
        clusters: what is resampled as one; None: each row by itself.
        resampling: how to draw the intervals.

    Raises:
        UsageError: nothing stated, other lengths, or a number outside [0, 1].
    """
    p, y = _checked(stated, outcomes)
    names = [str(row) for row in range(len(p))] if clusters is None else clusters
    if len(names) != len(p):
        raise UsageError(f"{len(p)} probabilities with {len(names)} cluster names; one for each.")

    def estimate(score: Callable[[Vector, Vector], float]) -> Estimate:
        return statistic_interval(lambda rows: score(p[rows], y[rows]), names, resampling)

    curve = risk_coverage(stated, outcomes)
    return Calibration(
        n=len(p),
        ece=estimate(_ece),
        brier=estimate(_brier),
        log_score=estimate(_log_score),
        bins=reliability(stated, outcomes),
        curve=curve,
        area=_area(curve),
    )


def ece(stated: Sequence[float], outcomes: Sequence[bool]) -> float:
    """Expected calibration error.

    Raises:
        UsageError: as `calibration`.
    """
    return _ece(*_checked(stated, outcomes))


def brier(stated: Sequence[float], outcomes: Sequence[bool]) -> float:
    """Mean squared error of the probabilities.

    Raises:
        UsageError: as `calibration`.
    """
    return _brier(*_checked(stated, outcomes))


def log_score(stated: Sequence[float], outcomes: Sequence[bool]) -> float:
    """Mean surprise in nats.

    Raises:
        UsageError: as `calibration`.
    """
    return _log_score(*_checked(stated, outcomes))


def reliability(stated: Sequence[float], outcomes: Sequence[bool]) -> tuple[Bin, ...]:
    """The ten bins; a probability on an edge lies in the bin above it, 1 in the last.

    The edges are the published ones, numpy's `linspace`: those near .3, .6 and .7 lie a rounding
    error above these numbers, which are therefore in the bin below.

    Raises:
        UsageError: as `calibration`.
    """
    p, y = _checked(stated, outcomes)
    edges, places = np.linspace(0.0, 1.0, BINS + 1), _places(p)
    found: list[Bin] = []
    for place in range(BINS):
        inside = places == place
        some = bool(inside.any())
        found.append(
            Bin(
                low=float(edges[place]),
                high=float(edges[place + 1]),
                n=int(inside.sum()),
                stated=float(p[inside].mean()) if some else None,
                happened=float(y[inside].mean()) if some else None,
            )
        )
    return tuple(found)


def risk_coverage(stated: Sequence[float], outcomes: Sequence[bool]) -> tuple[Point, ...]:
    """One point for every distinct probability, the surest first.

    Raises:
        UsageError: as `calibration`.
    """
    p, y = _checked(stated, outcomes)
    order = np.argsort(-p, kind="stable")
    wrong = np.cumsum(1.0 - y[order])
    answered = np.arange(1, len(p) + 1)
    # Equal probabilities cannot be told apart: they are answered together.
    last = np.append(np.diff(p[order]) != 0, True)
    return tuple(
        Point(threshold=float(t), coverage=float(k / len(p)), risk=float(w / k))
        for t, k, w in zip(p[order][last], answered[last], wrong[last], strict=True)
    )


def _area(curve: Sequence[Point]) -> float:
    steps = np.diff([0.0, *(point.coverage for point in curve)])
    return float(np.dot(steps, [point.risk for point in curve]))


def _checked(stated: Sequence[float], outcomes: Sequence[bool]) -> tuple[Vector, Vector]:
    p = np.asarray(stated, dtype=np.float64)
    y = np.asarray(outcomes, dtype=np.float64)
    if p.ndim != 1 or p.shape != y.shape or not len(p):
        raise UsageError(
            f"Calibration needs as many outcomes as probabilities, and one at least; got {len(p)} "
            f"probabilities and {len(y)} outcomes."
        )
    if not np.all((p >= 0) & (p <= 1)) or not np.all((y == 0) | (y == 1)):
        raise UsageError("Probabilities lie in [0, 1], and outcomes are true or false.")
    return p, y


def _places(p: Vector) -> npt.NDArray[np.intp]:
    inner = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
    return np.digitize(p, inner)


def _ece(p: Vector, y: Vector) -> float:
    # |Σ y - Σ p| of a bin is n_b times the gap of its means.
    gaps = np.bincount(_places(p), weights=y - p, minlength=BINS)
    return float(np.abs(gaps).sum() / len(p))


def _brier(p: Vector, y: Vector) -> float:
    return float(np.mean((p - y) ** 2))


def _log_score(p: Vector, y: Vector) -> float:
    happened = np.where(y == 1, p, 1 - p)
    return float(-np.mean(np.log(np.maximum(happened, FLOOR))))
