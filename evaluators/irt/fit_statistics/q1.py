"""Q1: passes of agents in bands of ability against what the model expects of them.

Yen (1981), *Applied Psychological Measurement* 5, 245-262: agents in about ten equal bands of
estimated ability; per item X² = sum over bands of (O - E)² / V with the model's own E and V summed
over the band's cells, so that cells may be missing, hold k of n trials, or be partial credit.
Abilities are estimated from the same answers, which makes p-values too small for short tests; with
fewer than some forty items trust S-X² instead.
"""

import numpy as np

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import Floats, ResponseTable
from evaluators.irt.fit_statistics._cells import matched, moments
from evaluators.irt.fit_statistics._chi_squares import (
    ItemTests,
    chi_square_p,
    false_discovery,
    rmsea,
)
from tasks import UsageError


def q1(
    table: ResponseTable,
    bank: ItemBank,
    abilities: Abilities,
    *,
    bands: int = 10,
    known_items: bool = False,
) -> ItemTests:
    """Q1 of every item that table, bank and abilities share.

    Args:
        table: Scores of any kind that the bank's model knows.
        bank: The items.
        abilities: Of the agents, from long tests.
        bands: Groups of agents of neighbouring ability; a band in which an item expects less than
            one success or failure of variance .25 joins its neighbour.
        known_items: The bank was not calibrated on this table: no degree of freedom is lost to it.

    Raises:
        UsageError: fewer than two agents a band, or nothing in common.
    """
    found = matched(table, bank, abilities)
    if bands < 2 or len(found.agents) < 2 * bands:
        raise UsageError(
            f"Q1 compares bands of at least two agents: {bands} bands of {len(found.agents)} "
            "agents cannot be. Ask for 2 to half as many bands as agents."
        )
    rank = np.argsort(np.argsort(found.theta, kind="stable"), kind="stable")
    band = rank * bands // len(rank)
    cells, expected = found.cells, moments(found)
    place = cells.item * bands + band[cells.agent]
    shape = (cells.n_items, bands)

    def summed(values: Floats) -> Floats:
        return np.bincount(place, values, shape[0] * bands).astype(float).reshape(shape)

    off, variance = _joined(summed(cells.total - expected.mean), summed(expected.variance))
    used = variance > 0
    statistic = np.sum(np.where(used, off**2 / np.where(used, variance, 1.0), 0.0), axis=1)
    groups = used.sum(axis=1)
    df = (groups - (0 if known_items else found.bank.x.shape[1])).astype(float)
    df[df < 1] = np.nan
    statistic[np.isnan(df)] = np.nan
    size = np.bincount(cells.item, minlength=cells.n_items).astype(float)
    p = chi_square_p(statistic, df)
    return ItemTests(
        found.items, statistic, df, p, false_discovery(p), groups.astype(np.int64),
        rmsea(statistic, df, size), found.dropped,
    )  # fmt: skip


def _joined(off: Floats, variance: Floats, least: float = 0.25) -> tuple[Floats, Floats]:
    """Bands with too little variance for a chi-square join the next, the last the one before."""
    off, variance = off.copy(), variance.copy()
    last = off.shape[1] - 1
    for band in [*range(last), *range(last, 0, -1)]:
        to = band + 1 if band < last else band - 1
        thin = (variance[:, band] < least) & (variance[:, band] > 0)
        for values in (off, variance):
            values[:, to] += np.where(thin, values[:, band], 0.0)
            values[thin, band] = 0.0
    return off, variance
