"""lz*: the likelihood of an agent's answers, standardised for an estimated ability.

Drasgow, Levine and Williams' (1985) lz compares l0 = sum y ln P + (1 - y) ln Q with its expectation
and spread at the ability; with an estimated one it is too narrow. Snijders (2001), *Psychometrika*
66, 331-342, takes out what the estimate absorbs:

    w = ln(P / Q),  r = P' / (P Q),  c = sum P' w / sum P' r,  w~ = w - c r,
    lz* = sum (y - P) w~ / sqrt(sum w~² P Q)

which is about standard normal for ML, WLE and MAP, where sum (y - P) r is what the estimator's own
equation says, and for EAP of long tests, which MAP nears. Negative: hard items passed and easy ones
failed. Cells of k of n trials add up as n trials of chance P.
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._responses import Dropped, Floats, ResponseTable, score_kind
from evaluators.irt.fit_statistics._cells import Matched, blocks, matched
from evaluators.irt.fit_statistics._chi_squares import false_discovery
from tasks import UsageError


@dataclass(frozen=True)
class PersonFit:
    """Of each agent; NaN where fewer than two items tell."""

    agents: tuple[str, ...]
    lz: Floats
    """Drasgow's lz, as if the ability were known."""
    lz_star: Floats
    p: Floats
    """One-sided: of an lz* as low or lower."""
    q: Floats
    """p adjusted for the number of agents (Benjamini and Hochberg)."""
    dropped: tuple[Dropped, ...] = ()


def person_fit(table: ResponseTable, bank: ItemBank, abilities: Abilities) -> PersonFit:
    """Both lz and lz* of the agents that table, bank and abilities share.

    Raises:
        UsageError: scores or a model for which trials are no independent passes of chance P; or
            nothing in common.
    """
    found = matched(table, bank, abilities)
    if score_kind(found.cells) == "continuous" or bank.model.name == "beta_binomial":
        raise UsageError(
            f"lz* is for scores of 0 or 1, or k of n independent trials; {bank.model.name} on "
            f"{score_kind(found.cells)} scores is neither. Infit and outfit of agents are defined."
        )
    chance, slope = cell_curves(found)
    cells = found.cells

    def summed(values: Floats) -> Floats:
        return np.bincount(cells.agent, values, cells.n_agents).astype(float)

    spread = chance * (1.0 - chance)
    weight = np.log(chance / (1.0 - chance))
    residual = cells.total - cells.trials * chance
    with np.errstate(invalid="ignore", divide="ignore"):
        lost = summed(cells.trials * slope * weight) / summed(cells.trials * slope**2 / spread)
        bare = weight - lost[cells.agent] * slope / spread
        lz = summed(residual * weight) / np.sqrt(summed(cells.trials * weight**2 * spread))
        star = summed(residual * bare) / np.sqrt(summed(cells.trials * bare**2 * spread))
    few = summed(np.ones(cells.size)) < 2
    lz[few], star[few] = np.nan, np.nan
    from scipy import special

    p: Floats = special.ndtr(star)
    return PersonFit(found.agents, lz, star, p, false_discovery(p), found.dropped)


def cell_curves(found: Matched) -> tuple[Floats, Floats]:
    """(n,) chance to pass and its derivative by the ability, of each cell at its agent's ability.

    The derivative is the root of information times P Q: curves rise.
    """
    cells, bank = found.cells, found.bank
    chance, slope = np.zeros(cells.size), np.zeros(cells.size)
    for block in blocks(cells.n_items, cells.n_agents):
        at = cells.between(block)
        part = bank.take(np.arange(block.start, block.stop))
        where = (cells.item[at] - block.start, cells.agent[at])
        chance[at] = np.clip(part.mean(found.theta)[where], 1e-12, 1.0 - 1e-12)
        information = part.information(found.theta)[where]
        slope[at] = np.sqrt(information * chance[at] * (1.0 - chance[at]))
    return chance, slope
