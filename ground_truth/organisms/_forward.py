"""Forward pass in numpy float64, with every component's own contribution kept.

Components are named as in `tasks.interp._components`: `tok`, `pos`, `a<L>.h<H>`, `m<L>`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from ground_truth.organisms._weights import Array, Ints, Weights


@dataclass(frozen=True)
class Run:
    """What one batch of sequences does in the model."""

    writes: Mapping[str, Array]
    """Component → its contribution to the residual stream (B, T, D)."""
    slots: Mapping[str, "Slots"]
    """Head → its queries, keys and values."""
    before_heads: tuple[Array, ...]
    """By layer: the residual stream that its heads read."""
    before_mlp: tuple[Array, ...]
    """By layer: the residual stream that its MLP reads."""
    final: Array
    """The residual stream that the unembedding reads (B, T, D)."""

    def logits(self, weights: Weights, at: int) -> Array:
        """Logits at index `at`, (B, V)."""
        return self.final[:, at] @ weights.unembed


Slots = tuple[Array, Array, Array]
"""Queries, keys and values of one head, each (B, T, d); of narrow heads, one query (B, 1, d)."""


@dataclass(frozen=True)
class Scope:
    """What need not be computed, because nothing that is asked for depends on it."""

    only: Collection[str]
    """The heads and MLPs that write; the others write nothing."""
    narrow: Collection[str]
    """Those of them whose writes matter at one index alone; elsewhere they write nothing."""
    at: int
    """That index."""


def run(
    weights: Weights, tokens: Ints, positions: Ints | None = None, scope: Scope | None = None
) -> Run:
    """Run the model.

    Args:
        weights: The model.
        tokens: (B, T).
        positions: Row of the position table for each index, (B, T); 0..T-1 if None.
        scope: Leave out what is not in it.
    """
    rows = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    tok = weights.tok[tokens]
    pos = weights.pos[rows if positions is None else positions]
    writes, slots = {"tok": tok, "pos": pos}, dict[str, Slots]()
    before_heads, before_mlp = list[Array](), list[Array]()
    stream = tok + pos
    for layer in range(weights.layers):
        before_heads.append(stream)
        for head in range(weights.heads):
            name = f"a{layer}.h{head}"
            if scope is None or name in scope.only:
                at = index(scope, name)
                slots[name] = project(weights, (layer, head), stream, at)
                writes[name] = head_output(weights, (layer, head), slots[name], at)
        stream = stream + sum(
            writes[n] for h in range(weights.heads) if (n := f"a{layer}.h{h}") in writes
        )
        before_mlp.append(stream)
        name = f"m{layer}"
        if weights.neurons and (scope is None or name in scope.only):
            writes[name] = mlp_output(weights, layer, stream, index(scope, name))
            stream = stream + writes[name]
    return Run(writes, slots, tuple(before_heads), tuple(before_mlp), stream)


def index(scope: Scope | None, name: str) -> int | None:
    """The one index at which a component's write is wanted; None: at all of them."""
    return scope.at if scope is not None and name in scope.narrow else None


def project(weights: Weights, head: tuple[int, int], stream: Array, at: int | None = None) -> Slots:
    """Queries, keys and values of a head that reads `stream` (B, T, D) in all its slots.

    If `at` is given, the query at that index alone.
    """
    asking = stream if at is None else stream[:, at : at + 1]
    return asking @ weights.q[head], stream @ weights.k[head], stream @ weights.v[head]


def head_output(
    weights: Weights, head: tuple[int, int], slots: Slots, at: int | None = None
) -> Array:
    """What a head writes (B, T, D); if `at` is given, only there, zeros elsewhere."""
    queries, keys, values = slots
    if at is None:
        return patterns(queries, keys, causal=weights.causal) @ values @ weights.o[head]
    seen = at + 1 if weights.causal else keys.shape[1]
    pattern = patterns(queries, keys[:, :seen], causal=False)
    return _placed(pattern @ values[:, :seen] @ weights.o[head], keys.shape[1], at)


def patterns(queries: Array, keys: Array, *, causal: bool) -> Array:
    """Attention weights (B, T, T) of queries and keys."""
    scores = queries @ np.swapaxes(keys, 1, 2)
    if causal:
        scores = np.where(np.tri(scores.shape[1], dtype=bool), scores, -np.inf)
    shifted = np.exp(scores - scores.max(axis=2, keepdims=True))
    return shifted / shifted.sum(axis=2, keepdims=True)


def mlp_output(weights: Weights, layer: int, stream: Array, at: int | None = None) -> Array:
    """What an MLP writes, given what it reads (B, T, D); if `at` is given, only there."""
    read = stream if at is None else stream[:, at : at + 1]
    hidden = np.maximum(read @ weights.w_in[layer] + weights.b_in[layer], 0.0)
    written = hidden @ weights.w_out[layer]
    return written if at is None else _placed(written, stream.shape[1], at)


def _placed(row: Array, length: int, at: int) -> Array:
    found = np.zeros((row.shape[0], length, row.shape[2]))
    found[:, at : at + 1] = row
    return found
