"""A bank on a grid: what every step of a prediction or of an adaptive test looks up."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._responses import Floats, Ints
from evaluators.irt.scoring._ascent import exactly_warm
from evaluators.irt.scoring._posterior import grid_for, normal_prior
from evaluators.irt.scoring.norms import SLIP, Norms, check_norms


@dataclass(frozen=True)
class Curves:
    """Terms, expected scores and the prior of abilities on a grid."""

    bank: ItemBank
    grid: Floats
    """(Q,)"""
    log_prior: Floats
    """(Q,)"""
    terms: Floats
    """(S, J, Q) log probabilities (or the model's other terms)."""
    means: Floats
    """(J, Q) expected scores."""

    @cached_property
    def information(self) -> Floats:
        """(J, Q) of one trial."""
        return self.bank.information(self.grid)

    @cached_property
    def noise(self) -> Floats:
        """(J, Q) variance of the score of one trial at a known ability."""
        return score_variance(self.bank, self.grid)

    @cached_property
    def sums(self) -> tuple[Floats, Floats]:
        """(Q,) expected sum over all items, and (Q,) its variance at a known ability."""
        return self.means.sum(axis=0), self.noise.sum(axis=0)

    @cached_property
    def square(self) -> Floats:
        """(J, Q) expected square of the score of one trial."""
        return self.noise + self.means**2

    @cached_property
    def model_terms(self) -> Floats:
        """(S, J, Q) the model's own, without the slip."""
        return self.bank.model.terms(self.bank.x, self.grid, self.bank.layout)

    def log_likelihood(self, counts: Floats, items: Ints) -> Floats:
        """(N, Q) of cells: statistics (S, N, k) of items (k,) at their places."""
        found = np.zeros((counts.shape[1], len(self.grid)))
        for row, term in zip(counts, self.terms, strict=True):
            found += row @ term[items]
        return found


def curves_of(bank: ItemBank, norms: Norms | None = None, trials: Floats | None = None) -> Curves:
    """The curves of a bank.

    Args:
        bank: The items.
        norms: Their distribution of abilities is the prior, and a slip of SLIP makes the
            likelihood robust, as real agents miss easy items by accident; None: the population
            and the model as it is.
        trials: (J,) most trials that an agent has on each; None: one each.
    """
    if norms is None:
        grid = grid_for(bank, trials)
        prior, slip = normal_prior(bank, grid), 0.0
    else:
        check_norms(bank, norms)
        grid, prior, slip = norms.grid, norms.log_prior, SLIP
    terms = bank.model.terms(bank.x, grid, bank.layout)
    if slip and exactly_warm(bank):
        terms = np.log((1.0 - slip) * np.exp(terms) + slip / len(terms))
    return Curves(bank, grid, prior, terms, bank.mean(grid))


def score_variance(bank: ItemBank, theta: Floats) -> Floats:
    """(J, Q) variance of the score of one trial, by the model's support."""
    from evaluators.irt._responses import Cells

    model, layout = bank.model, bank.layout
    totals, log_weight = model.support(1, layout)
    places = np.zeros(len(totals), dtype=np.int64)
    cells = Cells(places, places, np.ones(len(totals)), totals, 1, 1)
    counts = model.statistics(cells, layout)
    terms = model.terms(bank.x, theta, layout)
    mean, square, mass = np.zeros((3, *terms.shape[1:]))
    with np.errstate(under="ignore"):
        for total, weight, count in zip(totals, log_weight, counts.T, strict=True):
            density = np.exp(weight + np.tensordot(count, terms, axes=1))
            mass += density
            mean += total * density
            square += total * total * density
    mean /= mass
    return np.maximum(square / mass - mean * mean, 0.0)
