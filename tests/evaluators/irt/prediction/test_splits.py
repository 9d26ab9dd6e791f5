"""Laws of holding out: nothing is in both halves, everything is tested once."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.irt._responses import Covariates, ResponseTable, table_of
from evaluators.irt.prediction.splits import (
    Split,
    held_out_agents,
    held_out_blocks,
    held_out_cells,
    held_out_items,
    held_out_label,
    later,
)
from tasks import UsageError


def table(agents: int = 12, items: int = 15, seed: int = 0, share: float = 0.7) -> ResponseTable:
    rng = np.random.default_rng(seed)
    wide = (rng.random((agents, items)) < 0.5).astype(float)
    wide[rng.random(wide.shape) > share] = np.nan
    names = [f"a{k}" for k in range(agents)], [f"i{k}" for k in range(items)]
    return table_of(*names, wide)


def pairs(of: ResponseTable) -> set[tuple[int, int]]:
    return set(zip(of.agent.tolist(), of.item.tolist(), strict=True))


@pytest.mark.parametrize("split", [held_out_items, held_out_agents, held_out_cells])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), folds=st.integers(2, 6))
def test_every_cell_is_tested_once_and_never_learned_from_then(
    split: Callable[[ResponseTable, int, int], Iterable[Split]], seed: int, folds: int
):
    whole = table(seed=seed)
    tested: list[tuple[int, int]] = []
    for part in split(whole, folds, seed):
        assert not pairs(part.train) & pairs(part.test)
        assert pairs(part.train) | pairs(part.test) == pairs(whole)
        tested.extend(pairs(part.test))
    assert sorted(tested) == sorted(pairs(whole))


def test_held_out_items_are_new():
    for part in held_out_items(table(), 5, 1):
        assert not set(part.train.item.tolist()) & set(part.test.item.tolist())


def test_blocks_are_new_on_both_sides():
    for part in held_out_blocks(table(), 3, 1):
        assert not set(part.train.item.tolist()) & set(part.test.item.tolist())
        assert not set(part.train.agent.tolist()) & set(part.test.agent.tolist())


def labelled() -> ResponseTable:
    from dataclasses import replace

    llm = tuple("abc"[k % 3] if k else "" for k in range(12))
    date = tuple(f"2024{k + 1:02d}01" if k else "" for k in range(12))
    return replace(table(), of_agents=Covariates({"llm": llm, "date": date}))


def test_a_label_is_held_out_value_by_value_and_the_unknown_is_never_tested():
    whole = labelled()
    parts = list(held_out_label(whole, "llm"))
    assert [part.name for part in parts] == ["llm a", "llm b", "llm c"]
    assert all(0 not in part.test.agent for part in parts)
    assert all(0 in part.train.agent for part in parts)


def test_the_past_foretells_the_future():
    part = later(labelled(), "20240601")
    assert set(part.train.agent.tolist()) == {1, 2, 3, 4}
    assert set(part.test.agent.tolist()) == set(range(5, 12))
    with pytest.raises(UsageError, match="does not divide"):
        later(labelled(), "2030")


def test_what_has_no_rows_leaves_the_smaller_table():
    part = next(iter(held_out_items(labelled(), 5, 0)))
    smaller = part.train.observed()
    assert set(smaller.items) == {part.train.items[k] for k in set(part.train.item.tolist())}
    assert len(smaller.of_agents.labels["llm"]) == len(smaller.agents)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: list(held_out_items(table(items=3), 5, 0)), "3 items cannot be held out in 5"),
        (lambda: list(held_out_agents(table(), 1, 0)), "at least 2"),
        (lambda: list(held_out_label(table(), "llm")), "No column 'llm'"),
    ],
)
def test_splits_that_cannot_be_made_are_explained(call: Callable[[], object], message: str):
    with pytest.raises(UsageError, match=message):
        call()
