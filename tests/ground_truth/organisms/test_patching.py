import numpy as np
import pytest

from ground_truth.organisms import one_head
from ground_truth.organisms._patching import (
    FLOAT32_TOLERANCE,
    Pairs,
    effects,
    universe_of,
    wiring,
)
from ground_truth.organisms._planting import Planted
from ground_truth.organisms._weights import Weights
from tasks.interp.one_head import OneHeadParams

SMALL = OneHeadParams(
    layers=2, heads=2, neurons=6, vocab=8, length=6, gain_low=4, gain_high=6,
    echo=0.5, weak=1, chains=True, shift=True,
)  # fmt: skip


def planted(seed: int) -> Planted:
    return one_head.draw_one_head(SMALL, np.random.default_rng(seed))


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def slow_forward(
    weights: Weights,
    tokens: np.ndarray,
    positions: np.ndarray,
    patch: tuple[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Every component's write, all indices, nothing skipped; `patch` adds to one slot's input."""

    def read(slot: str, stream: np.ndarray) -> np.ndarray:
        return stream + patch[1] if patch is not None and patch[0] == slot else stream

    found = {"tok": weights.tok[tokens], "pos": weights.pos[positions]}
    length = tokens.shape[1]
    for layer in range(weights.layers):
        stream = sum(found.values())
        assert isinstance(stream, np.ndarray)
        for head in range(weights.heads):
            name = f"a{layer}.h{head}"
            q = read(f"{name}<q>", stream) @ weights.q[layer, head]
            k = read(f"{name}<k>", stream) @ weights.k[layer, head]
            v = read(f"{name}<v>", stream) @ weights.v[layer, head]
            scores = q @ k.transpose(0, 2, 1)
            if weights.causal:
                scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
            found[name] = softmax(scores) @ v @ weights.o[layer, head]
        stream = sum(found.values())
        assert isinstance(stream, np.ndarray)
        hidden = read(f"m{layer}", stream) @ weights.w_in[layer] + weights.b_in[layer]
        found[f"m{layer}"] = np.maximum(hidden, 0) @ weights.w_out[layer]
    return found


def slow_effects(weights: Weights, pairs: Pairs) -> dict[str, float]:
    straight = np.broadcast_to(np.arange(pairs.clean.shape[1]), pairs.clean.shape)
    rows = np.arange(len(pairs.clean))

    def metric(found: dict[str, np.ndarray], extra: np.ndarray | float = 0.0) -> float:
        final = sum(found.values()) + extra
        logits = (final @ weights.unembed)[:, pairs.at]
        answers = pairs.clean_answer, pairs.counterfactual_answer
        return float((logits[rows, answers[0]] - logits[rows, answers[1]]).mean())

    clean = slow_forward(weights, pairs.clean, straight)
    other = slow_forward(weights, pairs.counterfactual, pairs.positions)
    whole = metric(clean) - metric(other)
    result = dict[str, float]()
    for edge in universe_of(weights).edges():
        source, _, slot = edge.partition("->")
        change = other[source] - clean[source]
        if slot == "logits":
            patched = metric(clean, change)
        else:
            patched = metric(slow_forward(weights, pairs.clean, straight, (slot, change)))
        result[edge] = (metric(clean) - patched) / whole
    return result


@pytest.mark.parametrize("seed", range(3))
def test_fast_patching_is_brute_force_patching(seed: int) -> None:
    found = planted(seed)
    weights, pairs = found.weights, found.shown.rows(slice(16))
    slow = slow_effects(weights, pairs)
    fast = effects(weights, pairs, wiring(weights)).edges
    rounded = weights.rounded()
    stored = effects(rounded, pairs, wiring(rounded, FLOAT32_TOLERANCE)).edges
    assert slow.keys() == fast.keys()
    assert max(abs(slow[edge] - fast[edge]) for edge in slow) <= 1e-9
    assert max(abs(slow[edge] - stored[edge]) for edge in slow) <= 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_effects_at_draw_time_survive_the_disguise(seed: int) -> None:
    found = planted(seed)
    slow = slow_effects(found.weights, found.shown)
    for edge, effect in slow.items():
        assert (abs(effect) >= 0.1) == (edge in found.edges)
        if abs(found.effects[edge]) == 0.0:
            assert abs(effect) <= 1e-9


def deep(seed: int) -> tuple[Weights, Pairs]:
    """A model in which everything reads everything, so that changes travel through layers."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape) / np.sqrt(shape[-1])

    weights = Weights(
        tok=draw(7, 10), pos=draw(5, 10),
        q=draw(3, 2, 10, 4), k=draw(3, 2, 10, 4), v=draw(3, 2, 10, 4), o=draw(3, 2, 4, 10),
        w_in=draw(3, 10, 6), b_in=draw(3, 6), w_out=draw(3, 6, 10), unembed=draw(10, 7),
        causal=bool(seed % 2),
    )  # fmt: skip
    tokens = rng.integers(7, size=(2, 8, 5))
    positions = rng.permuted(np.broadcast_to(np.arange(5), (8, 5)), axis=1)
    answers = rng.integers(7, size=(8,))
    return weights, Pairs(tokens[0], tokens[1], positions, answers, (answers + 1) % 7, 3)


@pytest.mark.parametrize("seed", range(2))
def test_changes_travel_through_every_later_component(seed: int) -> None:
    weights, pairs = deep(seed)
    slow, fast = slow_effects(weights, pairs), effects(weights, pairs, wiring(weights)).edges
    scale = max(abs(effect) for effect in slow.values())
    assert max(abs(slow[edge] - fast[edge]) for edge in slow) <= 1e-9 * scale
