"""The design of a table: parts, extremes, thin and double rows, each in words."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.irt._design import design, refuse_unfit
from evaluators.irt._responses import ResponseTable, table_of
from evaluators.irt._simulation import simulate
from tasks import UsageError

NAN = float("nan")


def wide(rows: Sequence[Sequence[float]]) -> ResponseTable:
    scores = np.array(rows)
    return table_of(
        [f"a{k}" for k in range(len(rows))], [f"i{k}" for k in range(scores.shape[1])], scores
    )


def about(table: ResponseTable) -> dict[str, tuple[str, ...]]:
    return {one.about: one.names for one in design(table).remarks}


def test_a_sound_design_has_nothing_to_remark():
    found = design(simulate("2pl", 60, 12, seed=5).table)
    assert len(found.blocks) == 1
    assert found.density == 1.0
    assert found.summary == "60 agents x 12 items, 720 cells (100 % of all), scores 0 or 1."
    assert "items_double" not in {one.about for one in found.remarks}
    assert "agents_thin" not in {one.about for one in found.remarks}


def test_parts_that_do_not_meet_are_named_largest_first():
    table = wide([[1, 0, NAN, NAN], [NAN, NAN, 1, 0], [NAN, NAN, 0, 1], [NAN, NAN, 1, 1]])
    found = design(table)
    assert [(one.agents, one.items, one.cells) for one in found.blocks] == [
        (("a1", "a2", "a3"), ("i2", "i3"), 6),
        (("a0",), ("i0", "i1"), 2),
    ]
    (remark,) = [one for one in found.remarks if one.about == "blocks"]
    assert remark is found.remarks[0]
    assert "2 parts that share neither agent nor item" in remark.text
    assert "1 agent (a0) x 2 items (i0, i1)" in remark.text
    assert "fit parts apart" in remark.text
    assert remark.names == ("a0", "i0", "i1")


def test_a_chain_of_overlaps_is_one_part():
    rows = [[1.0 if at == k else 0.0 if at == k + 1 else NAN for at in range(9)] for k in range(8)]
    assert len(design(wide(rows)).blocks) == 1


@given(
    seen=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=3, max_size=6).filter(
        lambda rows: any(any(row) for row in rows)
    )
)
def test_parts_are_those_of_the_bipartite_graph(seen: list[list[bool]]):
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from([f"a{k}" for k in range(len(seen))] + [f"i{k}" for k in range(4)])
    graph.add_edges_from(
        (f"a{a}", f"i{i}") for a, row in enumerate(seen) for i, met in enumerate(row) if met
    )
    table = wide([[1.0 if met else NAN for met in row] for row in seen])
    expected = {frozenset(part) for part in networkx.connected_components(graph)}
    assert {frozenset((*one.agents, *one.items)) for one in design(table).blocks} == expected


def test_items_and_agents_at_the_ends():
    found = about(wide([[0, 1, 0.5, 1, 0], [0, 1, 0.5, 1, 1], [0, 0, 0.5, 1, 0]]))
    assert found["items_all_fail"] == ("i0",)
    assert found["items_all_pass"] == ("i3",)
    assert found["items_constant"] == ("i2",)
    found = about(wide([[0] * 6, [1] * 6, [0, 1, 0, 1, 0, 1]]))
    assert found["agents_all_fail"] == ("a0",)
    assert found["agents_all_pass"] == ("a1",)
    assert found["items_thin"] == tuple(f"i{k}" for k in range(6))


def test_agents_with_few_cells_are_thin():
    rows = [[1, 0, 1, 0, 1, 0]] * 5 + [[1, 0, NAN, NAN, NAN, NAN]]
    assert about(wide(rows))["agents_thin"] == ("a5",)


def test_copies_are_found_and_what_chance_makes_is_not():
    table = simulate("2pl", 150, 40, seed=11).table
    scores = table.cells.wide()
    assert design(table).items_double == ()
    copied = np.column_stack([scores, scores[:, 3], scores[:, 3]])
    found = design(wide(copied.tolist()))
    assert found.items_double == (("i3", "i40", "i41"),)
    (remark,) = [one for one in found.remarks if one.about == "items_double"]
    assert "i3 = i40 = i41" in remark.text
    twice = design(wide([*scores.tolist(), scores[7].tolist()]))
    assert twice.agents_double == (("a7", "a150"),)


def test_many_names_are_counted_in_words_and_listed_whole():
    table = wide([[0] * 30 + [1, 0], [0] * 30 + [0, 1]])
    (remark,) = [one for one in design(table).remarks if one.about == "items_all_fail"]
    assert remark.text.startswith("30 items without a mark from any agent: i0, i1, i2, i3, i4, i5 ")
    assert "and 24 more" in remark.text
    assert len(remark.names) == 30


def test_a_name_without_a_response_is_a_part_of_its_own():
    table = wide([[1, 0, NAN], [0, 1, NAN]])
    found = design(table)
    assert [one.cells for one in found.blocks] == [4, 0]
    assert found.blocks[1].items == ("i2",)
    assert "i2" in found.items_thin


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1, 0, 1]], ["one agent ('a0')", "score it against that bank"]),
        ([[1], [0]], ["one item ('i0')", "calibrate it there with the agents fixed"]),
        ([[1, 1], [1, 1]], ["All 4 cells have the score 1"]),
    ],
)
def test_what_cannot_be_fitted_is_said(rows: list[list[float]], words: list[str]):
    with pytest.raises(UsageError) as caught:
        refuse_unfit(wide(rows))
    for word in words:
        assert word in str(caught.value)
