"""Beliefs of `strategic/prediction_markets` as finite statistics.

The sources due in a round fall into independent parts: a source with those that copy it in that
round, or a source alone. Given the outcome o, the reports y of a part have the probability

    P(y | o) = p_o(y_0) · ∏_copiers [c·1(y_j = y_0) + (1 - c)·p_oj(y_j)],

so the log-likelihood ratio of all reports so far depends only on how often each (part, y) was
seen. Outside traders move by m ∈ {-1, 0, 1} with P(±1 | o = 0) = μ·1(±1 = 1) + (1 - μ)(1 - z)/2
and mirrored under o = 1: their log-likelihood ratio depends on Σ m alone. A *node* of round t is
one table of counts after the reports of the rounds 0 … t.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from tasks.strategic._prediction_public import Flow, PredictionPublic

Grid: TypeAlias = npt.NDArray[np.float64]
Whole: TypeAlias = npt.NDArray[np.int64]
Part: TypeAlias = tuple[int, ...]
"""Sources that report together in a round: one, and those due that may copy it."""
Reports: TypeAlias = tuple[int, ...]
"""What each source due in a round reports, in the order of the schedule: an outcome's index."""
Counts: TypeAlias = frozenset[tuple[tuple[Part, Reports], int]]
"""How often each part was seen to report each combination."""


def parts(public: PredictionPublic, due: Sequence[int]) -> list[Part]:
    """Split the sources due in a round into groups that are independent given the outcome."""
    groups: dict[int, list[int]] = {}
    for source in sorted(due):
        copied = public.sources[source].copies
        groups.setdefault(copied if copied in due and copied is not None else source, [])
    for source in sorted(due):
        copied = public.sources[source].copies
        head = copied if copied in due and copied is not None else source
        groups[head].append(source)
    return [(head, *(s for s in group if s != head)) for head, group in groups.items()]


def part_chance(public: PredictionPublic, part: Part, reports: Reports, outcome: int) -> float:
    """P(reports of a part | outcome); reports in the order of the part."""
    chance = 1.0
    for place, index in enumerate(part):
        source, said = public.sources[index], reports[place]
        first = source.false_alarm if outcome else source.hit
        own = 1.0 - first if said else first
        if place:
            own = source.copying * (said == reports[0]) + (1.0 - source.copying) * own
        chance *= own
    return chance


def move_chances(flow: Flow) -> Grid:
    """P(move | outcome), shape (2, 3): rows outcomes, columns the moves -1, 0, +1."""
    noise = (1.0 - flow.informed) * (1.0 - flow.idle) / 2.0
    rest = (1.0 - flow.informed) * flow.idle
    first = [noise, rest, noise + flow.informed]
    return np.array([first, first[::-1]])


def move_weight(flow: Flow) -> float:
    """Log-likelihood ratio (first outcome to second) of one move by +1."""
    chances = move_chances(flow)
    return float(np.log(chances[0, 2] / chances[1, 2]))


def report_weight(public: PredictionPublic, due: Sequence[int], said: Reports) -> float:
    """Log-likelihood ratio (first outcome to second) of one round's reports."""
    by_source = dict(zip(due, said, strict=True))
    total = 0.0
    for part in parts(public, due):
        seen = tuple(by_source[s] for s in part)
        total += math.log(part_chance(public, part, seen, 0) / part_chance(public, part, seen, 1))
    return total


def probability(public: PredictionPublic, weight: float) -> float:
    """P(first outcome) after evidence of this log-likelihood ratio."""
    return float(expit(logit(public.prior) + weight))


@dataclass(frozen=True)
class Round:
    """What may have been reported up to one round."""

    places: dict[Counts, int]
    """Index of each node."""
    reached: Whole
    """Shape (nodes of the round before, sayings): the node that each saying leads to."""
    chances: Grid
    """Shape (2, sayings): P(saying | outcome)."""
    belief: Grid
    """Shape (nodes, 2 t + 1): P(first outcome), by node and by the sum of the t moves so far."""


@dataclass(frozen=True)
class _Saying:
    """One thing that a round's sources may say."""

    counts: tuple[tuple[Part, Reports], ...]
    chances: tuple[float, float]

    @property
    def weight(self) -> float:
        return math.log(self.chances[0] / self.chances[1])


def rounds(public: PredictionPublic) -> tuple[Round, ...]:
    """Every node of every round, with the probabilities that lead to it."""
    found: list[Round] = []
    before: dict[Counts, float] = {frozenset(): 0.0}
    for t, due in enumerate(public.schedule):
        said = _sayings(public, due)
        weights: dict[Counts, float] = {}
        for node, weight in before.items():
            for one in said:
                weights.setdefault(_counted(node, one.counts), weight + one.weight)
        places = {node: i for i, node in enumerate(weights)}
        reached = [[places[_counted(node, one.counts)] for one in said] for node in before]
        moves = move_weight(public.flow) * np.arange(-t, t + 1)
        belief: Grid = expit(logit(public.prior) + np.array([*weights.values()])[:, None] + moves)
        chances = np.array([one.chances for one in said]).T
        found.append(Round(places, np.array(reached), chances, belief))
        before = weights
    return tuple(found)


def after(public: PredictionPublic, node: Counts, due: Sequence[int], said: Reports) -> Counts:
    """The node that is reached from `node` when the sources `due` report `said`."""
    by_source = dict(zip(due, said, strict=True))
    seen = [(part, tuple(by_source[s] for s in part)) for part in parts(public, due)]
    return _counted(node, seen)


def _sayings(public: PredictionPublic, due: Sequence[int]) -> list[_Saying]:
    options: list[list[tuple[Part, Reports]]] = [
        [(part, said) for said in itertools.product((0, 1), repeat=len(part))]
        for part in parts(public, due)
    ]
    found: list[_Saying] = []
    for seen in itertools.product(*options):
        first, second = (
            math.prod(part_chance(public, part, said, o) for part, said in seen) for o in (0, 1)
        )
        found.append(_Saying(seen, (first, second)))
    return found


def _counted(node: Counts, seen: Iterable[tuple[Part, Reports]]) -> Counts:
    counts = dict(node)
    for one in seen:
        counts[one] = counts.get(one, 0) + 1
    return frozenset(counts.items())
