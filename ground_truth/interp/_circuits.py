"""What the truths of all circuit families share: public and hidden half, solvers, policies."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
from safetensors.numpy import load, save

from ground_truth._core import Drawn, Rng
from ground_truth.keys import EdgeSetKey
from ground_truth.organisms._patching import FLOAT32_TOLERANCE, Pairs, effects, wiring
from ground_truth.organisms._planting import OTHERS_AT_MOST, Planted
from ground_truth.organisms._weights import Weights, from_bytes, to_bytes
from tasks import JSON
from tasks.interp._circuits import CircuitPublic, ModelConfig

Q = TypeVar("Q", bound=CircuitPublic)

THRESHOLD = 2 * OTHERS_AT_MOST
"""Stated in the brief: an edge with at least this effect is in the circuit."""
_CONSONANTS, _VOWELS = tuple("bdfgklmnprstvz"), tuple("aeiou")


def halves(planted: Planted, kind: type[Q], rng: Rng) -> Drawn[Q, EdgeSetKey]:
    """Split a planted circuit into what is told and what grades."""
    pairs = planted.shown
    public = kind(
        model=_config(planted.weights),
        symbols=_symbols(planted.weights.tok.shape[0], rng),
        answer_index=pairs.at,
        threshold=THRESHOLD,
        example=(tuple(pairs.clean[0].tolist()), int(pairs.clean_answer[0])),
        weights=to_bytes(planted.weights),
        data=_data(pairs),
    )
    key = EdgeSetKey(
        edges=planted.edges,
        neutral=planted.neutral,
        universe=frozenset(planted.effects),
        effects=planted.effects,
    )
    return Drawn(public, key)


def opened(public: CircuitPublic) -> tuple[Weights, Pairs]:
    """The model and the pairs as an agent finds them."""
    data = load(public.data)
    return from_bytes(public.weights, causal=public.model.attention_dir == "causal"), Pairs(
        data["clean_tokens"],
        data["counterfactual_tokens"],
        data["counterfactual_positions"],
        data["clean_answer"],
        data["counterfactual_answer"],
        public.answer_index,
    )


def oracle(key: EdgeSetKey) -> JSON:
    """The true circuit."""
    return {"edges": sorted(key.edges)}


def reference(public: CircuitPublic) -> JSON:
    """Exact patching of every edge on the public pairs."""
    weights, pairs = opened(public)
    found = effects(weights, pairs, wiring(weights, FLOAT32_TOLERANCE)).edges
    return {"edges": [edge for edge, effect in found.items() if abs(effect) >= public.threshold]}


def noisy(answer: JSON, public: CircuitPublic, rng: Rng, level: float) -> JSON:
    """Each edge is replaced, with probability `level`, by one drawn from the universe."""
    every = public.universe.edges()
    kept = [
        every[rng.integers(len(every))] if rng.random() < level else edge
        for edge in answer["edges"]
    ]
    return {"edges": sorted(set(kept))}


def _no_edges(public: CircuitPublic, rng: Rng) -> JSON:
    return {"edges": []}


def _all_edges(public: CircuitPublic, rng: Rng) -> JSON:
    return {"edges": list(public.universe.edges())}


def _random_edges(public: CircuitPublic, rng: Rng) -> JSON:
    every = public.universe.edges()
    return {"edges": [every[i] for i in rng.choice(len(every), 5, replace=False)]}


def _random_head(public: CircuitPublic, rng: Rng) -> JSON:
    model = public.model
    return _around(int(rng.integers(model.n_layers)), int(rng.integers(model.n_heads)))


def _every_head(public: CircuitPublic, rng: Rng) -> JSON:
    shape = public.model.n_layers, public.model.n_heads
    return {"edges": [edge for place in np.ndindex(shape) for edge in _around(*place)["edges"]]}


def _by_norm(pick: Callable[[np.ndarray], np.intp]) -> Callable[[CircuitPublic, Rng], JSON]:
    def policy(public: CircuitPublic, rng: Rng) -> JSON:
        weights, _ = opened(public)
        # Size of V·O: unlike the factors' own norms it does not depend on the head's gauge.
        size = np.linalg.norm(weights.v @ weights.o, axis=(2, 3))
        layer, head = np.unravel_index(pick(size), size.shape)
        return _around(int(layer), int(head))

    return policy


def _around(layer: int, head: int) -> dict[str, list[str]]:
    name = f"a{layer}.h{head}"
    inward = [f"tok->{name}<q>", f"tok->{name}<k>", f"pos->{name}<k>", f"tok->{name}<v>"]
    return {"edges": [*inward, f"{name}->logits"]}


POLICIES: Mapping[str, Callable[[CircuitPublic, Rng], JSON]] = {
    "no_edges": _no_edges,
    "all_edges": _all_edges,
    "random_edges": _random_edges,
    "random_head": _random_head,
    "every_head": _every_head,
    "loudest_head": _by_norm(np.argmax),
    "quietest_head": _by_norm(np.argmin),
}
"""Fixed policies; the best of them sets the floor."""


def _config(weights: Weights) -> ModelConfig:
    layers, heads, width, small = weights.q.shape
    return ModelConfig(
        n_layers=layers,
        n_heads=heads,
        d_model=width,
        d_head=small,
        d_mlp=weights.neurons,
        d_vocab=weights.tok.shape[0],
        n_ctx=weights.pos.shape[0],
        attention_dir="causal" if weights.causal else "bidirectional",
    )


def _data(pairs: Pairs) -> bytes:
    return save(
        {
            "clean_tokens": np.ascontiguousarray(pairs.clean),
            "clean_answer": np.ascontiguousarray(pairs.clean_answer),
            "counterfactual_tokens": np.ascontiguousarray(pairs.counterfactual),
            "counterfactual_positions": np.ascontiguousarray(pairs.positions),
            "counterfactual_answer": np.ascontiguousarray(pairs.counterfactual_answer),
        }
    )


def _symbols(count: int, rng: Rng) -> tuple[str, ...]:
    found = dict[str, None]()
    while len(found) < count:
        letters = [rng.choice(_CONSONANTS if i % 2 == 0 else _VOWELS) for i in range(4)]
        found["".join(letters)] = None
    return tuple(found)
