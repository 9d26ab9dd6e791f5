import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.interp._components import SLOTS, Universe, edge, edges, node

index = st.integers(0, 40)


@given(index, index)
def test_every_usual_spelling_of_a_head_is_the_same_head(layer: int, head: int) -> None:
    spellings = (
        f"a{layer}.h{head}",
        f"L{layer}H{head}",
        f"l{layer}.h{head}",
        f"{layer}.{head}",
        f"({layer}, {head})",
        f"[{layer},{head}]",
        f"head {layer}.{head}",
        f"blocks.{layer}.attn.hook_result[{head}]",
        f"blocks.{layer}.attn.hook_z[{head}]",
        f"  A0{layer}.H{head} ",
    )
    assert {node(spelling) for spelling in spellings} == {f"a{layer}.h{head}"}


@given(index, index)
def test_mlps_and_neurons_have_their_own_names(layer: int, neuron: int) -> None:
    mlps = (f"m{layer}", f"MLP {layer}", f"mlp.{layer}", f"blocks.{layer}.hook_mlp_out")
    neurons = (f"m{layer}.n{neuron}", f"blocks.{layer}.mlp.hook_post[{neuron}]")
    assert {node(mlp) for mlp in mlps} == {f"m{layer}"}
    assert {node(name) for name in neurons} == {f"m{layer}.n{neuron}"}


@given(index, index, st.sampled_from(SLOTS), st.sampled_from(("->", "→", " => ", "-->")))
def test_edges_in_any_spelling_are_one_edge(layer: int, head: int, slot: str, arrow: str) -> None:
    ends = (
        f"a{layer}.h{head}<{slot}>",
        f"L{layer}H{head}.{slot}",
        f"{layer}.{head}[{slot.upper()}]",
        f"({layer},{head}):{slot}",
        f"blocks.{layer}.hook_{slot}_input[{head}]",
        f"blocks.{layer}.attn.hook_{slot}[{head}]",
    )
    given_edges = [f"embed{arrow}{end}" for end in ends]
    assert edges([*given_edges, *given_edges]) == {f"tok->a{layer}.h{head}<{slot}>"}


universes = st.builds(
    Universe,
    layers=st.integers(1, 4),
    heads=st.integers(1, 5),
    mlps=st.booleans(),
    sources=st.sampled_from((("tok", "pos"), ("input",))),
)


@given(universes)
def test_canonical_names_stay_as_they_are(universe: Universe) -> None:
    every = universe.edges()
    assert len(set(every)) == len(every)
    assert [edge(name) for name in every] == list(every)
    assert [node(name) for name in universe.nodes()] == list(universe.nodes())


@given(universes)
def test_every_edge_leads_from_an_earlier_component(universe: Universe) -> None:
    order = {name: at for at, name in enumerate((*universe.nodes(), "logits"))}
    for name in universe.edges():
        source, _, target = name.partition("->")
        end = target.partition("<")[0]
        assert order[source] < order[end]
        same_layer = re.match(r"a(\d+)", source), re.match(r"a(\d+)", end)
        assert not (all(same_layer) and same_layer[0][1] == same_layer[1][1])  # pyright: ignore[reportOptionalSubscript]


@given(st.text(max_size=60))
def test_any_text_has_a_canonical_form_that_is_stable(text: str) -> None:
    assert edge(edge(text)) == edge(text)
    assert node(node(text)) == node(text)


@pytest.mark.parametrize("text", ["", "->", "a->b->c", "tok->", "tok->a0.h1<x>", "tok->a1.h1"])
def test_nonsense_lies_outside_every_universe(text: str) -> None:
    assert edge(text) not in set(Universe(3, 4, mlps=True).edges())


def test_the_size_of_the_universe_is_what_its_formula_says() -> None:
    # 24 into layer 0's heads, 6 into m0, 84 into layer 1's heads, 11 into m1, 12 into logits.
    assert len(Universe(2, 4, mlps=True).edges()) == 24 + 6 + 84 + 11 + 12
