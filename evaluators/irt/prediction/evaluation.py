"""Predictors side by side on the same splits."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from evaluators.irt._responses import ResponseTable
from evaluators.irt.prediction._predictor import PREDICTORS, Known
from evaluators.irt.prediction.measures import Accuracy, accuracy
from evaluators.irt.prediction.splits import Split
from tasks import UsageError


@dataclass(frozen=True)
class Judged:
    """One predictor on one split."""

    predictor: str
    split: str
    seed: int
    accuracy: Accuracy


@dataclass(frozen=True)
class Standing:
    """One predictor over all splits."""

    predictor: str
    mean: Accuracy
    """Each quantity averaged over the splits where it is defined."""
    splits: tuple[Judged, ...]


def evaluate(
    table: ResponseTable,
    predictors: Sequence[str],
    split: Callable[[ResponseTable, int], Iterable[Split]],
    seeds: Sequence[int] = (0, 1, 2),
) -> list[Standing]:
    """Judge predictors on the same held-out cells, in the order asked.

    Args:
        table: All that was observed.
        predictors: Names from the shelf; `seen:NAME` is one that is shown the held-out scores too,
            the best that such a model can do (an oracle, and no fair row).
        split: `(table, seed)` gives the splits of one seed.
        seeds: One round of splits each.

    Raises:
        UsageError: no predictors or seeds, or a predictor cannot be used on this table.
    """
    if not predictors or not seeds:
        raise UsageError("An evaluation needs at least one predictor and one seed.")
    everything = Known(table)
    rounds = [_Round(seed, one, Known(one.train)) for seed in seeds for one in split(table, seed)]
    return [_standing(name, everything, rounds) for name in predictors]


@dataclass(frozen=True)
class _Round:
    """One split, with what predictors may learn from."""

    seed: int
    split: Split
    known: Known


def _standing(name: str, everything: Known, rounds: Sequence[_Round]) -> Standing:
    seen = name.startswith("seen:")
    predict = PREDICTORS.find(name.removeprefix("seen:")).predict
    judged: list[Judged] = []
    for one in rounds:
        cells = one.split.test.cells
        found = predict(everything if seen else one.known, cells.agent, cells.item)
        judged.append(Judged(name, one.split.name, one.seed, accuracy(cells, found)))
    return Standing(name, _mean([one.accuracy for one in judged]), tuple(judged))


def _mean(several: Sequence[Accuracy]) -> Accuracy:
    def over(name: str) -> float:
        values = np.array([getattr(one, name) for one in several], dtype=float)
        known = values[~np.isnan(values)]
        return float(known.mean()) if known.size else float("nan")

    found = {field.name: over(field.name) for field in fields(Accuracy) if field.name != "cells"}
    return Accuracy(**found, cells=sum(one.cells for one in several))
