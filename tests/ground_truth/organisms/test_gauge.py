from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground_truth._core import Rng
from ground_truth.organisms import _gauge as gauge
from ground_truth.organisms._forward import run
from ground_truth.organisms._weights import Weights, from_bytes, to_bytes

V, T, D, INNER, LAYERS, HEADS, NEURONS = 9, 6, 14, 5, 2, 3, 7
EXACT = 1e-9


def random_model(seed: int, *, causal: bool = True) -> Weights:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape) / np.sqrt(shape[-1])

    heads = (LAYERS, HEADS, D, INNER)
    return Weights(
        tok=draw(V, D), pos=draw(T, D),
        q=draw(*heads), k=draw(*heads), v=draw(*heads), o=draw(LAYERS, HEADS, INNER, D),
        w_in=draw(LAYERS, D, NEURONS), b_in=draw(LAYERS, NEURONS),
        w_out=draw(LAYERS, NEURONS, D), unembed=draw(D, V), causal=causal,
    )  # fmt: skip


def logits(weights: Weights, tokens: np.ndarray) -> np.ndarray:
    return run(weights, tokens).final @ weights.unembed


@pytest.mark.parametrize("change", [gauge.rotate, gauge.mix_heads, gauge.mix_neurons])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), causal=st.booleans())
def test_a_gauge_changes_weights_and_no_logit(
    change: Callable[[Weights, Rng], Weights], seed: int, causal: bool
) -> None:
    weights = random_model(seed, causal=causal)
    rng = np.random.default_rng(seed)
    tokens = rng.integers(V, size=(4, T))
    changed = change(weights, rng)
    assert not np.allclose(changed.o, weights.o) or not np.allclose(changed.w_in, weights.w_in)
    assert np.abs(logits(changed, tokens) - logits(weights, tokens)).max() <= EXACT


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_whole_disguise_changes_names_only(seed: int) -> None:
    weights = random_model(seed)
    rng = np.random.default_rng(seed)
    old = rng.integers(V, size=(4, T))
    disguised, moved = gauge.disguise(weights, rng)
    new = moved.tokens.argsort()[old]
    assert np.abs(logits(disguised, new) - logits(weights, old)[..., moved.tokens]).max() <= EXACT
    # A head's write is the old head's write, seen in the turned basis: its size is the same.
    before, after = run(weights, old).writes, run(disguised, new).writes
    for layer in range(LAYERS):
        for head in range(HEADS):
            was = before[f"a{layer}.h{moved.heads[layer, head]}"]
            sizes = np.linalg.norm(after[f"a{layer}.h{head}"], axis=-1)
            assert np.allclose(np.linalg.norm(was, axis=-1), sizes)


def test_head_maps_are_well_conditioned() -> None:
    weights = random_model(0)
    mixed = gauge.mix_heads(weights, np.random.default_rng(1))
    for layer in range(LAYERS):
        for head in range(HEADS):
            a = np.linalg.pinv(weights.q[layer, head]) @ mixed.q[layer, head]
            assert np.linalg.cond(a) <= gauge.CONDITION * (1 + 1e-9)


def test_a_stored_model_comes_back_as_float32_says() -> None:
    weights = random_model(3, causal=False)
    again = from_bytes(to_bytes(weights), causal=False)
    tokens = np.random.default_rng(0).integers(V, size=(4, T))
    assert np.array_equal(again.q, weights.rounded().q)
    assert np.abs(logits(again, tokens) - logits(weights, tokens)).max() < 1e-4
