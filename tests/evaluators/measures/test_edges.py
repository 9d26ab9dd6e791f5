import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.measures.edges import measure, overlap
from ground_truth.keys import EdgeSetKey
from tasks.interp._components import Universe

UNIVERSE = frozenset(Universe(2, 2, mlps=True).edges())
TRUE = frozenset({"tok->a0.h1<v>", "pos->a0.h1<q>", "pos->a0.h1<k>", "a0.h1->logits"})
KEY = EdgeSetKey(edges=TRUE, universe=UNIVERSE, neutral=frozenset({"tok->a0.h1<q>"}))
some_edges = st.frozensets(st.sampled_from(sorted(UNIVERSE)), max_size=12)


def ability(*names: str) -> float:
    return measure.score({"edges": list(names)}, KEY).ability


def test_the_true_set_in_any_spelling_is_perfect() -> None:
    marks = measure.score(
        {"edges": ["embed->L0H1.v", "pos->0.1<q>", "pos->(0,1)<k>", "0.1->unembed", *TRUE]}, KEY
    )
    assert marks.ability == 1.0
    assert marks.passed
    assert marks.metrics["outside"] == 0


def test_neutral_edges_count_neither_way() -> None:
    assert ability(*TRUE, "tok->a0.h1<q>") == 1.0


def test_unknown_names_are_wrong_edges() -> None:
    assert ability(*TRUE, "a9.h9->logits") == pytest.approx(4 / 5)
    assert ability(*TRUE, "the previous-token head") == pytest.approx(4 / 5)


def test_one_wrong_edge_of_five_still_passes_and_a_missing_one_of_four_does_not() -> None:
    assert measure.score({"edges": [*TRUE, "m0->logits"]}, KEY).passed
    assert not measure.score({"edges": sorted(TRUE)[:3]}, KEY).passed


def test_two_empty_sets_agree_and_one_empty_set_does_not() -> None:
    empty = EdgeSetKey(edges=frozenset(), universe=UNIVERSE)
    assert measure.score({"edges": []}, empty).ability == 1.0
    assert measure.score({"edges": ["tok->m0"]}, empty).ability == 0.0
    assert ability() == 0.0


@given(some_edges, some_edges)
def test_ratios_agree_with_each_other(given_edges: frozenset[str], true: frozenset[str]) -> None:
    found = overlap(given_edges, true)
    assert all(0 <= value <= 1 for value in found.values())
    assert found["iou"] == pytest.approx(found["f1"] / (2 - found["f1"]))
    assert found == pytest.approx(
        overlap(true, given_edges) | {"precision": found["precision"], "recall": found["recall"]}
    )


@pytest.mark.parametrize(
    ("source", "seen"), [("model.run_with_cache(x)", True), ("print('a0.h0->logits')", False)]
)
def test_evidence_asks_whether_the_work_looked_inside_the_model(source: str, seen: bool) -> None:
    cell = {
        "cell_type": "code", "source": source, "execution_count": 1, "outputs": [],
        "metadata": {"proctor": {"role": "agent"}},
    }  # fmt: skip
    assert measure.evidence["looked_inside"]({"cells": [cell]}) is seen
