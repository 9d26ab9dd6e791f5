"""The same responses told in another order."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from evaluators.irt._responses import ResponseTable


@pytest.fixture
def shuffled() -> Callable[[ResponseTable], ResponseTable]:
    """Agents, items and rows in another order."""

    def shuffle(table: ResponseTable) -> ResponseTable:
        rng = np.random.default_rng(99)
        agents, items = rng.permutation(len(table.agents)), rng.permutation(len(table.items))
        rows = rng.permutation(len(table.agent))
        return replace(
            table,
            agents=tuple(table.agents[place] for place in agents),
            items=tuple(table.items[place] for place in items),
            agent=np.argsort(agents)[table.agent[rows]],
            item=np.argsort(items)[table.item[rows]],
            score=table.score[rows],
            trials=table.trials[rows],
            trial=table.trial[rows],
            of_items=table.of_items.take(items),
        )

    return shuffle
