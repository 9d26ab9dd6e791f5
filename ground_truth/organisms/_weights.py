"""Weights of a small transformer without norms, float64, and their safetensors form.

One layer is `x += Σ_h A_h (x W_V) W_O` with `A = softmax((x W_Q)(x W_K)ᵀ)` (scale 1), then
`x += ReLU(x W_in + b_in) W_out`; logits are `x W_U`. Stored names are transformer-lens' own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Weights:
    """All parameters; L layers, H heads, D residual width, d head width, M neurons, V tokens."""

    tok: Array
    """Token embedding (V, D)."""
    pos: Array
    """Position embedding (T, D)."""
    q: Array
    """(L, H, D, d), like `k` and `v`."""
    k: Array
    v: Array
    o: Array
    """(L, H, d, D)."""
    w_in: Array
    """(L, D, M); M = 0 where the model has no MLPs."""
    b_in: Array
    """(L, M)."""
    w_out: Array
    """(L, M, D)."""
    unembed: Array
    """(D, V)."""
    causal: bool

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self.q.shape[0]

    @property
    def heads(self) -> int:
        """Heads a layer."""
        return self.q.shape[1]

    @property
    def neurons(self) -> int:
        """Neurons of an MLP; 0 where there is none."""
        return self.w_in.shape[2]

    def changed(self, **arrays: Array) -> "Weights":
        """The same with some arrays replaced."""
        return replace(self, **arrays)

    def rounded(self) -> "Weights":
        """What is left after storage as float32."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        return replace(
            self, **{n: a.astype(np.float32).astype(np.float64) for n, a in arrays.items()}
        )


_ARRAYS = ("tok", "pos", "q", "k", "v", "o", "w_in", "b_in", "w_out", "unembed")
_ATTENTION = {"q": "W_Q", "k": "W_K", "v": "W_V", "o": "W_O"}
_MLP = {"w_in": "W_in", "b_in": "b_in", "w_out": "W_out"}


def to_bytes(weights: Weights) -> bytes:
    """Safetensors, float32, under the names of transformer-lens' `HookedTransformer`."""
    layers, heads, width, small = weights.q.shape
    found: dict[str, NDArray[Any]] = {
        "embed.W_E": weights.tok,
        "pos_embed.W_pos": weights.pos,
        "unembed.W_U": weights.unembed,
        "unembed.b_U": np.zeros(weights.unembed.shape[1]),
    }
    for layer in range(layers):
        attention = f"blocks.{layer}.attn."
        found |= {attention + to: getattr(weights, own)[layer] for own, to in _ATTENTION.items()}
        found |= {attention + f"b_{slot}": np.zeros((heads, small)) for slot in "QKV"}
        found[attention + "b_O"] = np.zeros(width)
        if weights.neurons:
            mlp = f"blocks.{layer}.mlp."
            found |= {mlp + to: getattr(weights, own)[layer] for own, to in _MLP.items()}
            found[mlp + "b_out"] = np.zeros(width)
    return save({n: np.ascontiguousarray(a, dtype=np.float32) for n, a in found.items()})


def from_bytes(raw: bytes, *, causal: bool) -> Weights:
    """Read what `to_bytes` wrote, as float64."""
    stored = {name: array.astype(np.float64) for name, array in load(raw).items()}
    layers = sum(name.endswith("attn.W_Q") for name in stored)
    width = stored["embed.W_E"].shape[1]
    mlps = {
        own: _stack(stored, f"mlp.{to}", layers) if "blocks.0.mlp.W_in" in stored else None
        for own, to in _MLP.items()
    }
    empty = {"w_in": (layers, width, 0), "b_in": (layers, 0), "w_out": (layers, 0, width)}
    return Weights(
        tok=stored["embed.W_E"],
        pos=stored["pos_embed.W_pos"],
        unembed=stored["unembed.W_U"],
        causal=causal,
        **{own: _stack(stored, f"attn.{to}", layers) for own, to in _ATTENTION.items()},
        **{own: np.zeros(empty[own]) if a is None else a for own, a in mlps.items()},
    )


def _stack(stored: Mapping[str, Array], name: str, layers: int) -> Array:
    return np.stack([stored[f"blocks.{layer}.{name}"] for layer in range(layers)])
