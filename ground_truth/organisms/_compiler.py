"""From a block spec over named subspaces to weights: circuits that are exact by construction.

The residual stream is the direct sum of named spaces. A head has query-key terms
`score += x_q[query] · M · x_k[key]` and copy terms `out[write] += Σ_k A x_k[read] · M`; the
compiler adds the terms up and factors each sum through the head's width, so that what is not read
or written stays exactly zero. Compare Tracr (Lindner et al. 2023), which fixes the programs; here
blocks are given directly, and hidden by `_gauge`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ground_truth.organisms._weights import Array, Weights

RANK_TOLERANCE = 1e-10
"""Singular values below this share of the largest count as zero."""


@dataclass(frozen=True)
class Term:
    """One bilinear map between two spaces; rows belong to `source`, columns to `target`."""

    source: str
    """Query space of a score term, space read by a copy term."""
    target: str
    """Key space of a score term, space written by a copy term."""
    matrix: Array


@dataclass(frozen=True)
class Head:
    """One attention head: where it looks and what it moves."""

    scores: tuple[Term, ...]
    copies: tuple[Term, ...]


@dataclass(frozen=True)
class Mlp:
    """One ReLU layer over N neurons."""

    reads: Mapping[str, Array]
    """Space → (size of space, N)."""
    bias: Array
    """(N,)."""
    writes: Mapping[str, Array]
    """Space → (N, size of space)."""


@dataclass(frozen=True)
class Organism:
    """A whole model: spaces, embeddings, blocks at their places, unembedding."""

    spaces: Mapping[str, int]
    """Name → dimension, in residual order."""
    head_width: int
    neurons: int
    tok: Mapping[str, Array]
    """Space → (V, size of space): what a token's embedding writes there."""
    pos: Mapping[str, Array]
    """Space → (T, size of space)."""
    unembed: Mapping[str, Array]
    """Space → (size of space, V)."""
    blocks: Sequence[Sequence[Head | None]]
    """By layer, then by head; None does nothing."""
    causal: bool
    mlps: Sequence[Mlp | None] = field(default_factory=list[Mlp | None])
    """By layer; may be empty if `neurons` is 0."""


def compile_organism(organism: Organism) -> Weights:
    """Compute the weights.

    Raises:
        ValueError: a head needs a higher rank than `head_width`.
    """
    where = _places(organism.spaces)
    width = sum(organism.spaces.values())
    layers, heads = len(organism.blocks), len(organism.blocks[0])
    q, k, v = (np.zeros((layers, heads, width, organism.head_width)) for _ in range(3))
    o = np.zeros((layers, heads, organism.head_width, width))
    for layer, block in enumerate(organism.blocks):
        for index, head in enumerate(block):
            if head is not None:
                q[layer, index], keys = _factors(head.scores, where, organism.head_width)
                k[layer, index] = keys.T
                v[layer, index], o[layer, index] = _factors(head.copies, where, organism.head_width)
    w_in = np.zeros((layers, width, organism.neurons))
    b_in = np.zeros((layers, organism.neurons))
    w_out = np.zeros((layers, organism.neurons, width))
    for layer, mlp in enumerate(organism.mlps):
        if mlp is not None:
            b_in[layer] = mlp.bias
            for space, matrix in mlp.reads.items():
                w_in[layer, where[space]] += matrix
            for space, matrix in mlp.writes.items():
                w_out[layer][:, where[space]] += matrix
    return Weights(
        tok=_rows(organism.tok, where, width),
        pos=_rows(organism.pos, where, width),
        unembed=_rows({s: m.T for s, m in organism.unembed.items()}, where, width).T,
        causal=organism.causal,
        q=q, k=k, v=v, o=o, w_in=w_in, b_in=b_in, w_out=w_out,
    )  # fmt: skip


def _places(spaces: Mapping[str, int]) -> dict[str, slice]:
    ends = np.cumsum([0, *spaces.values()]).tolist()
    return {name: slice(ends[i], ends[i + 1]) for i, name in enumerate(spaces)}


def _rows(parts: Mapping[str, Array], where: Mapping[str, slice], width: int) -> Array:
    count = next(iter(parts.values())).shape[0]
    found = np.zeros((count, width))
    for space, matrix in parts.items():
        found[:, where[space]] += matrix
    return found


def _factors(terms: Sequence[Term], where: Mapping[str, slice], width: int) -> tuple[Array, Array]:
    """Write Σ terms as `left @ right` with inner size `width`; untouched rows stay zero."""
    total = max(place.stop for place in where.values())
    whole = np.zeros((total, total))
    for term in terms:
        whole[where[term.source], where[term.target]] += term.matrix
    rows, columns = (np.flatnonzero(whole.any(axis=axis)) for axis in (1, 0))
    left, right = np.zeros((total, width)), np.zeros((width, total))
    if rows.size == 0:
        return left, right
    u, s, vt = np.linalg.svd(whole[np.ix_(rows, columns)], full_matrices=False)
    rank = int((s > s[0] * RANK_TOLERANCE).sum())
    if rank > width:
        raise ValueError(f"a head of width {width} cannot hold a map of rank {rank}")
    root = np.sqrt(s[:rank])
    left[np.ix_(rows, np.arange(rank))] = u[:, :rank] * root
    right[np.ix_(np.arange(rank), columns)] = vt[:rank] * root[:, None]
    return left, right
