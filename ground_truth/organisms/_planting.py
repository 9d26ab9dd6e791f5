"""What every circuit recipe shares: verify by exact patching, disguise, rename, store.

A recipe compiles an organism and draws pairs; here the true edges are read off from measured
effects, instances without a clear gap are refused, and the survivor is disguised.
"""

from dataclasses import dataclass

from ground_truth._core import Rng
from ground_truth.organisms._gauge import Relabelling, disguise
from ground_truth.organisms._patching import Effects, Pairs, effects, wiring
from ground_truth.organisms._weights import Ints, Weights

TRUE_AT_LEAST = 0.15
"""Smallest effect of a true edge in an accepted instance."""
OTHERS_AT_MOST = 0.05
"""Largest effect of any other edge."""
CONSTANT_AT_MOST = 1e-9
"""A live edge into the circuit with no larger effect carries a constant: not counted."""
MARGIN = 1.0
"""Smallest lead of the right answer, in logits, on every clean sequence."""


@dataclass(frozen=True)
class Planted:
    """A verified circuit in its model, under the names of that model."""

    weights: Weights
    shown: Pairs
    """The pairs that the agent gets; the effects were measured on others."""
    edges: frozenset[str]
    neutral: frozenset[str]
    effects: dict[str, float]


def verified(weights: Weights, shown: Pairs, hidden: Pairs) -> Planted | None:
    """Measure all edges on both sets of pairs; None if they leave a doubt about any edge."""
    wires = wiring(weights)
    first = effects(weights, hidden, wires)
    edges = _clear(first)
    if edges is None:
        return None
    second = effects(weights, shown, wires)
    if edges != _clear(second):
        return None
    ends = {edge.partition("->")[2].partition("<")[0] for edge in edges} - {"logits"}
    neutral = frozenset(
        edge
        for edge in first.wired - edges
        if edge.partition("->")[2].partition("<")[0] in ends
        and max(abs(first.edges[edge]), abs(second.edges[edge])) <= CONSTANT_AT_MOST
    )
    return Planted(weights, shown, edges, neutral, first.edges)


def hidden_from_view(planted: Planted, rng: Rng) -> Planted:
    """Disguise the weights; rename heads and tokens everywhere else accordingly."""
    weights, moved = disguise(planted.weights, rng)
    names = _new_names(moved)
    return Planted(
        weights,
        _renamed(planted.shown, moved.tokens.argsort()),
        frozenset(_edge(edge, names) for edge in planted.edges),
        frozenset(_edge(edge, names) for edge in planted.neutral),
        {_edge(edge, names): effect for edge, effect in planted.effects.items()},
    )


def _clear(found: Effects) -> frozenset[str] | None:
    # None if the answer is no clear one, or if some effect lies where neither verdict is safe.
    if found.margin < MARGIN:
        return None
    strong = {edge for edge, effect in found.edges.items() if abs(effect) >= TRUE_AT_LEAST}
    doubtful = (OTHERS_AT_MOST < abs(effect) < TRUE_AT_LEAST for effect in found.edges.values())
    return None if any(doubtful) else frozenset(strong)


def _new_names(moved: Relabelling) -> dict[str, str]:
    layers, heads = moved.heads.shape
    return {
        f"a{layer}.h{int(moved.heads[layer, new])}": f"a{layer}.h{new}"
        for layer in range(layers)
        for new in range(heads)
    }


def _edge(edge: str, names: dict[str, str]) -> str:
    source, _, target = edge.partition("->")
    end, bracket, slot = target.partition("<")
    return f"{names.get(source, source)}->{names.get(end, end)}{bracket}{slot}"


def _renamed(pairs: Pairs, new: Ints) -> Pairs:
    return Pairs(
        new[pairs.clean],
        new[pairs.counterfactual],
        pairs.positions,
        new[pairs.clean_answer],
        new[pairs.counterfactual_answer],
        pairs.at,
    )
