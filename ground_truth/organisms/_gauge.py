"""Function-preserving disguise: the same logits from weights that show no basis, order or scale.

Per instance and secret: an orthogonal rotation of the residual stream; in each head invertible
maps A (`W_Q A, W_K A⁻ᵀ`) and S (`W_V S, S⁻¹ W_O`) of condition ≤ 4; a permutation of each layer's
heads and of each MLP's neurons; a positive factor a neuron (`c·w_in, w_out/c`, since ReLU is
homogeneous); a permutation of the vocabulary. Exact in real numbers; in float64 within 1e-9.
"""

from dataclasses import dataclass, replace

import numpy as np

from ground_truth._core import Rng
from ground_truth.organisms._weights import Array, Ints, Weights

CONDITION = 4.0
"""Upper bound on the condition number of head maps."""


@dataclass(frozen=True)
class Relabelling:
    """Where the permutations took things."""

    heads: Ints
    """(L, H): new index → old index."""
    tokens: Ints
    """(V,): new token id → old token id."""


def disguise(weights: Weights, rng: Rng) -> tuple[Weights, Relabelling]:
    """Apply every gauge once, drawn from `rng`."""
    heads = np.stack([rng.permutation(weights.heads) for _ in range(weights.layers)])
    tokens = rng.permutation(weights.tok.shape[0])
    moved = permute_tokens(permute_heads(weights, heads), tokens)
    mixed = mix_neurons(mix_heads(moved, rng), rng)
    return rotate(mixed, rng), Relabelling(heads, tokens)


def rotate(weights: Weights, rng: Rng) -> Weights:
    """Turn the residual stream by a random orthogonal matrix (Haar)."""
    turn = orthogonal(weights.tok.shape[1], rng)
    back = turn.T
    return weights.changed(
        tok=weights.tok @ turn,
        pos=weights.pos @ turn,
        q=back @ weights.q,
        k=back @ weights.k,
        v=back @ weights.v,
        o=weights.o @ turn,
        w_in=back @ weights.w_in,
        w_out=weights.w_out @ turn,
        unembed=back @ weights.unembed,
    )


def mix_heads(weights: Weights, rng: Rng) -> Weights:
    """Change the inner basis of every head."""
    shape = (weights.layers, weights.heads)
    inner = weights.q.shape[-1]
    a, a_inverse = _invertible(shape, inner, rng)
    s, s_inverse = _invertible(shape, inner, rng)
    return weights.changed(
        q=weights.q @ a,
        k=weights.k @ np.swapaxes(a_inverse, -1, -2),
        v=weights.v @ s,
        o=s_inverse @ weights.o,
    )


def mix_neurons(weights: Weights, rng: Rng) -> Weights:
    """Permute and rescale the neurons of every MLP."""
    if not weights.neurons:
        return weights
    order = np.stack([rng.permutation(weights.neurons) for _ in range(weights.layers)])
    factor = np.exp(rng.uniform(-np.log(2), np.log(2), order.shape))
    layer = np.arange(weights.layers)[:, None]
    w_in = np.swapaxes(np.swapaxes(weights.w_in, 1, 2)[layer, order], 1, 2)
    return weights.changed(
        w_in=w_in * factor[:, None, :],
        b_in=weights.b_in[layer, order] * factor,
        w_out=weights.w_out[layer, order] / factor[:, :, None],
    )


def permute_heads(weights: Weights, heads: Ints) -> Weights:
    """Reorder the heads of every layer; `heads[l, new] = old`."""
    layer = np.arange(weights.layers)[:, None]
    return weights.changed(
        **{name: getattr(weights, name)[layer, heads] for name in ("q", "k", "v", "o")}
    )


def permute_tokens(weights: Weights, tokens: Ints) -> Weights:
    """Rename the tokens; `tokens[new] = old`."""
    return replace(weights, tok=weights.tok[tokens], unembed=weights.unembed[:, tokens])


def orthogonal(size: int, rng: Rng) -> Array:
    """One orthogonal matrix, uniform over the group (QR with the signs of R fixed)."""
    return _orthogonal((), size, rng)


def _orthogonal(shape: tuple[int, ...], size: int, rng: Rng) -> Array:
    q, r = np.linalg.qr(rng.standard_normal((*shape, size, size)))
    return q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]


def _invertible(shape: tuple[int, ...], size: int, rng: Rng) -> tuple[Array, Array]:
    left, right = _orthogonal(shape, size, rng), _orthogonal(shape, size, rng)
    bound = np.log(CONDITION) / 2
    scale = np.exp(rng.uniform(-bound, bound, (*shape, size)))[..., None, :]
    whole = (left * scale) @ right
    inverse = np.swapaxes(right, -1, -2) @ np.swapaxes(left * (1 / scale), -1, -2)
    return whole, inverse
