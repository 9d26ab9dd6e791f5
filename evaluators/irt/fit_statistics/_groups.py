"""Groups of agents as places: what statistics by group read."""

from collections.abc import Sequence

import numpy as np

from evaluators.irt._responses import Ints, ResponseTable
from tasks import UsageError


def group_places(
    table: ResponseTable, groups: Sequence[str] | None
) -> tuple[tuple[str, ...], Ints]:
    """Names of the groups, sorted, and the place of each agent's among them; -1 for '' (none).

    Raises:
        UsageError: not one group an agent, or no group at all.
    """
    if groups is None:
        return ("all",), np.zeros(len(table.agents), dtype=np.int64)
    if len(groups) != len(table.agents):
        raise UsageError(
            f"{len(groups)} groups for {len(table.agents)} agents: give one for each, in the order "
            "of the table's agents, '' for an agent that is in none."
        )
    names = tuple(sorted(set(groups) - {""}))
    if not names:
        raise UsageError(f"None of the {len(groups)} agents is in a group: every name is ''.")
    place = {name: at for at, name in enumerate(names)}
    return names, np.array([place.get(one, -1) for one in groups], dtype=np.int64)
