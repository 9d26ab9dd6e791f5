"""Abilities of agents on a bank of a vector model, its items taken as known."""

import numpy as np

from evaluators.irt._fit import Z90, Abilities, ItemBank
from evaluators.irt._responses import Cells, Floats, Ints, ResponseTable, sorted_cells
from evaluators.irt._vector.blocks import block
from evaluators.irt._vector.options import nodes_for
from evaluators.irt._vector.posterior import Posterior, posterior, variances
from evaluators.irt._vector.testlets import reduced_posterior
from tasks import UsageError


def score_vectors(bank: ItemBank, table: ResponseTable) -> Abilities:
    """EAP abilities (N, D) with posterior sds, by adaptive quadrature.

    Args:
        bank: Of a vector model.
        table: Responses to items of the bank; agents need not have been in the fit.

    Raises:
        UsageError: the bank is of another kind of model, or lacks an item.
    """
    if not bank.model.vector:
        raise UsageError(
            f"The bank is of the model {bank.model.name}, which has one ability an agent; "
            "`score_agents` is for that."
        )
    seen = bank_posterior(bank, _onto(bank, table))
    se = np.sqrt(variances(seen))
    return Abilities(table.agents, seen.mean, se, "eap", seen.mean - Z90 * se, seen.mean + Z90 * se)


def bank_posterior(bank: ItemBank, cells: Cells) -> Posterior:
    """The posterior of every agent, given items of a bank; cells are numbered as the bank is."""
    size = bank.x.shape[1] - 1
    start = np.zeros((cells.n_agents, size))
    members = group_members(bank)
    if members:
        blocks = [
            block(cells, np.array([0, place + 1], dtype=np.int64), size, items)
            for place, items in enumerate(members)
        ]
        count = nodes_for(cells.size / max(cells.n_agents, 1) / len(members), 2)
        return reduced_posterior(blocks, bank.x, start, count, 1e-4)
    correlation = bank.population.correlation
    whole = block(cells, np.arange(size, dtype=np.int64), size)
    count = nodes_for(cells.size / max(cells.n_agents, 1) / size, size)
    known: Floats = np.eye(size) if correlation is None else correlation
    return posterior(whole, bank.x, known, start, count, 1e-4)


def group_members(bank: ItemBank) -> tuple[Ints, ...]:
    """Items of each group of a bifactor bank; () of another model.

    An item whose specific slope is exactly 0 belongs to no group, and is counted to the first.
    """
    if bank.model.name != "bifactor":
        return ()
    specific = bank.x[:, 1:-1] != 0.0
    of = np.argmax(specific, axis=1)
    return tuple(np.flatnonzero(of == place) for place in range(specific.shape[1]))


def _onto(bank: ItemBank, table: ResponseTable) -> Cells:
    """The table's cells with items numbered as in the bank."""
    cells = table.cells
    item = bank.places(table.items)[cells.item]
    order = np.lexsort((item, cells.agent))
    return sorted_cells(
        cells.agent[order],
        item[order],
        cells.trials[order],
        cells.total[order],
        (cells.n_agents, len(bank.items)),
    )
