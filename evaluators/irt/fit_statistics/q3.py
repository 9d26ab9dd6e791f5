"""Q3: items whose residuals go together, and clusters of them.

Yen (1984), *Applied Psychological Measurement* 8, 125-145: the correlation, over agents, of what
two items leave unexplained. Duplicates, items of one repository or with one hidden step show up.
Under the model Q3 averages about -1 / (J - 1), so pairs are judged by Q3* = Q3 - mean(Q3)
(Christensen, Makransky and Horton 2017, *Applied Psychological Measurement* 41, 178-194), who find
.2 a fair cut for some twenty items, and a parametric bootstrap better. Among thousands of pairs
seen by a hundred agents chance alone exceeds .2, the more so the rarer one of the scores is; the
cut is therefore the larger of .2 and what the largest Q3* of data drawn from the model itself
exceeds with probability `alpha` (a Gumbel distribution by the moments of a few such maxima).

Clusters: average linkage on 1 - Q3*, cut where the mean Q3* within drops below .2; those are kept
whose mean Q3* times the root of their number of pairs is beyond the same of drawn data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._model import Draw
from evaluators.irt._responses import Cells, Dropped, Floats, ResponseTable
from evaluators.irt.fit_statistics._cells import Matched, matched, moments
from evaluators.irt.fit_statistics._clusters import Cluster, clusters_of, strongest
from tasks import UsageError

FLOOR = 0.2
"""Christensen et al.'s rule of thumb for Q3*."""
FEWEST = 5
"""Agents that two items must share, and cells of the rarer score that an item needs: a residual
that is one agent's alone correlates perfectly with any other of that agent's."""
MOST_ITEMS = 12_000
"""A matrix of pairs of more of them does not fit into memory."""


@dataclass(frozen=True)
class Chance:
    """Data drawn from the model, to see how far residuals of independent items correlate."""

    alpha: float = 0.05
    """Chance that even one pair of independent items is beyond the cut."""
    draws: int = 10
    seed: int = 0


DEFAULT = Chance()


@dataclass(frozen=True)
class Pair:
    """Two items that depend on each other."""

    first: str
    second: str
    q3: float
    adjusted: float
    """Q3*: q3 less the mean of all pairs."""


@dataclass(frozen=True)
class LocalDependence:
    """Residual correlations of the items that could be judged."""

    items: tuple[str, ...]
    q3: Floats
    """(J, J) NaN on the diagonal, and where fewer than five agents saw both."""
    mean: float
    """Of all pairs."""
    cut: float
    """Of Q3*."""
    pairs: tuple[Pair, ...]
    """Beyond the cut, strongest first."""
    clusters: tuple[Cluster, ...]
    """Largest first."""
    dropped: tuple[Dropped, ...] = ()

    @property
    def adjusted(self) -> Floats:
        """(J, J) Q3*."""
        return self.q3 - self.mean


def local_dependence(
    table: ResponseTable,
    bank: ItemBank,
    abilities: Abilities,
    *,
    cut: float | None = None,
    chance: Chance = DEFAULT,
) -> LocalDependence:
    """Q3 of all pairs of items, the pairs beyond the cut, and their clusters.

    Args:
        table: Scores of any kind that the bank's model knows; residuals are of cells' means.
        bank: The items.
        abilities: Of the agents.
        cut: Of Q3*; None: see the module.
        chance: How the cut is found where it is None.

    Raises:
        UsageError: fewer than three items or five agents that can be judged, or too many items.
    """
    found = matched(table, bank, abilities)
    cells = found.cells
    usable = _varied(cells.wide())
    names = tuple(name for name, fine in zip(found.items, usable, strict=True) if fine)
    if len(names) < 3 or cells.n_agents < FEWEST:
        raise UsageError(
            f"Q3 needs at least 3 items with {FEWEST} agents on either side, and {FEWEST} agents; "
            f"here are {len(names)} such of {cells.n_items} items, and {cells.n_agents} agents."
        )
    if len(names) > MOST_ITEMS:
        raise UsageError(
            f"Q3 of {len(names):,} items are {len(names) ** 2 // 2:,} pairs; at most {MOST_ITEMS:,}"
            " items at a time. Give it the items of one family."
        )
    expected = moments(found).mean
    q3 = _correlations(cells, (cells.total - expected) / cells.trials, usable)
    if not np.isfinite(q3).any():
        raise UsageError(
            f"No two of the {len(names)} items share {FEWEST} agents; their residuals cannot be "
            "correlated. Let some agents answer more of the items."
        )
    mean = float(np.nanmean(q3))
    by_pair, by_cluster = (cut, cut) if cut is not None else _cuts(found, expected, usable, chance)
    lost = tuple(name for name, fine in zip(found.items, usable, strict=True) if not fine)
    left = Dropped(
        int(np.sum(~usable[cells.item])),
        f"Fewer than {FEWEST} agents passed, or failed, these items: too few for a correlation.",
        lost,
    )
    return LocalDependence(
        names,
        q3,
        mean,
        by_pair,
        _pairs(names, q3, mean, by_pair),
        clusters_of(names, q3 - mean, FLOOR if cut is None else cut, by_cluster),
        (*found.dropped, left) if lost else found.dropped,
    )


def _varied(scores: Floats) -> npt.NDArray[np.bool_]:
    """Which items have enough agents above and below the middle of their range."""
    seen = ~np.isnan(scores)
    filled = np.where(seen, scores, 0.5)
    low, high = np.sum(seen & (filled < 0.5), axis=0), np.sum(seen & (filled > 0.5), axis=0)
    partial = np.sum(seen & (filled > 0.0) & (filled < 1.0), axis=0)
    return (np.minimum(low, high) >= FEWEST) | (partial >= FEWEST)


def pairwise_correlation(wide: Floats) -> tuple[Floats, Floats]:
    """(J, J) correlations over the rows that both columns have, and how many those are.

    NaN where a column does not vary among them.
    """
    seen = (~np.isnan(wide)).astype(float)
    filled = np.where(seen > 0, wide, 0.0)
    shared = seen.T @ seen
    total, square = filled.T @ seen, (filled * filled).T @ seen
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = square - total**2 / shared
        covariance = filled.T @ filled - total * total.T / shared
        spread[spread <= 1e-10 * np.maximum(square, 1e-300)] = np.nan
        found = covariance / np.sqrt(spread * spread.T)
    return np.clip(found, -1.0, 1.0), shared


def _cuts(
    found: Matched, mean: Floats, usable: npt.NDArray[np.bool_], chance: Chance
) -> tuple[float, float]:
    """What the largest Q3* of independent pairs exceeds with probability alpha; and clusters'."""
    rng, cells, bank = np.random.default_rng(chance.seed), found.cells, found.bank
    draw = Draw(bank.x[cells.item], found.theta[cells.agent], cells.trials)
    pairs: list[float] = []
    clusters: list[float] = []
    for _ in range(chance.draws):
        total = bank.model.sample(rng, draw, bank.layout)
        kept = usable & _varied(replace(cells, total=total).wide())
        q3 = _correlations(cells, (total - mean) / cells.trials, kept)
        if np.isfinite(q3).any():
            adjusted = q3 - np.nanmean(q3)
            pairs.append(float(np.nanmax(adjusted)))
            clusters.append(strongest(adjusted, FLOOR))
    return max(FLOOR, min(_beyond(pairs, chance.alpha), 1.0)), _beyond(clusters, chance.alpha)


def _beyond(largest: Sequence[float], alpha: float) -> float:
    """Quantile 1 - alpha of a Gumbel distribution with the moments of some maxima."""
    if len(largest) < 2:
        return FLOOR
    scale = float(np.std(largest, ddof=1)) * np.sqrt(6.0) / np.pi
    return float(np.mean(largest) - scale * (np.log(-np.log1p(-alpha)) + np.euler_gamma))


def _correlations(cells: Cells, residual: Floats, kept: npt.NDArray[np.bool_]) -> Floats:
    """(J, J) Q3 of the kept items; NaN on the diagonal, and where too few agents saw both."""
    wide = np.full((cells.n_agents, cells.n_items), np.nan)
    wide[cells.agent, cells.item] = residual
    q3, shared = pairwise_correlation(wide[:, kept])
    q3[shared < FEWEST] = np.nan
    np.fill_diagonal(q3, np.nan)
    return q3


def _pairs(names: tuple[str, ...], q3: Floats, mean: float, cut: float) -> tuple[Pair, ...]:
    with np.errstate(invalid="ignore"):
        first, second = np.nonzero(np.triu(q3 - mean > cut, 1))
    order = np.argsort(-q3[first, second], kind="stable")
    return tuple(
        Pair(names[a], names[b], float(q3[a, b]), float(q3[a, b] - mean))
        for a, b in zip(first[order].tolist(), second[order].tolist(), strict=True)
    )


def mean_by_label(
    dependence: LocalDependence, label_of: Mapping[str, str]
) -> Mapping[str, tuple[float, int]]:
    """Mean Q3* within the items of each label (repository, family), and the number of pairs.

    Args:
        dependence: Of `local_dependence`.
        label_of: Label of each item; items that are not there, or bear '', are left out.
    """
    labels = np.array([label_of.get(item, "") for item in dependence.items])
    found: dict[str, tuple[float, int]] = {}
    for label in sorted(set(labels.tolist()) - {""}):
        at = np.flatnonzero(labels == label)
        values = dependence.adjusted[np.ix_(at, at)][np.triu_indices(len(at), 1)]
        values = values[np.isfinite(values)]
        if values.size:
            found[label] = (float(values.mean()), int(values.size))
    return found
