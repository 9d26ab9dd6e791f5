"""Attention rules: where a head looks, as score tables over tokens and positions.

A rule is the whole truth about a pattern: the compiler turns it into weights, and behaviour is
predicted from it without any model. Scores are logits of the softmax (the gain is in them).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ground_truth._core import Rng
from ground_truth.organisms._compiler import Term
from ground_truth.organisms._weights import Array, Ints

STEP = 4.0
"""Score gap between neighbours in an order (first, last, greatest): e^-4 of the weight leaks."""


@dataclass(frozen=True)
class Rule:
    """`score(i, j) = tok_tok[x_i, x_j] + pos_pos[p_i, p_j] + key_tok[x_j] + key_pos[p_j]`."""

    name: str
    tok_tok: Array
    """(V, V): query token, key token."""
    pos_pos: Array
    """(T, T): query position, key position."""
    key_tok: Array
    """(V,): read by a constant query."""
    key_pos: Array
    """(T,)."""
    constant: str
    """`tok` or `pos`: which embedding the constant query is read from."""

    def terms(self) -> tuple[Term, ...]:
        """The same as score terms over the one-hot spaces `tok` and `pos`."""
        size = {"tok": len(self.key_tok), "pos": len(self.key_pos)}[self.constant]
        every = np.ones((size, 1))
        found = (
            Term("tok", "tok", self.tok_tok),
            Term("pos", "pos", self.pos_pos),
            Term(self.constant, "tok", every * self.key_tok),
            Term(self.constant, "pos", every * self.key_pos),
        )
        return tuple(term for term in found if term.matrix.any())

    def attention(self, tokens: Ints, positions: Ints, at: int, *, causal: bool) -> Array:
        """Attention weights (B, T) of the query at index `at`."""
        scores = (
            self.tok_tok[tokens[:, at, None], tokens]
            + self.pos_pos[positions[:, at, None], positions]
            + self.key_tok[tokens]
            + self.key_pos[positions]
        )
        if causal:
            scores[:, at + 1 :] = -np.inf
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Setting:
    """What a rule is drawn for."""

    vocab: int
    length: int
    at: int
    """Index at which the answer is read."""
    causal: bool
    gain: float


def draw_rule(name: str, setting: Setting, rng: Rng) -> Rule:
    """Draw the constants of the rule called `name`."""
    parts = RULES[name](setting, rng)
    empty = {
        "tok_tok": np.zeros((setting.vocab, setting.vocab)),
        "pos_pos": np.zeros((setting.length, setting.length)),
        "key_tok": np.zeros(setting.vocab),
        "key_pos": np.zeros(setting.length),
    }
    return Rule(name=name, constant=("tok", "pos")[rng.integers(2)], **{**empty, **parts})


Parts = Mapping[str, Array]


def _offset(setting: Setting, rng: Rng) -> Parts:
    # Looks `step` positions back (or, where the model sees both ways, ahead).
    reach = setting.at if setting.causal else setting.length - 1
    steps = [d for d in range(-reach, reach + 1) if d and 0 <= setting.at - d < setting.length]
    steps = [d for d in steps if abs(d) <= max(2, setting.length // 3)]
    step = int(rng.choice([d for d in steps if not setting.causal or d > 0]))
    return {"pos_pos": setting.gain * np.eye(setting.length, k=-step)}


def _place(setting: Setting, rng: Rng) -> Parts:
    # Looks at one fixed position.
    last = setting.at if setting.causal else setting.length
    key = np.zeros(setting.length)
    key[rng.choice([p for p in range(last) if p != setting.at])] = setting.gain
    return {"key_pos": key}


def _relation(setting: Setting, rng: Rng) -> Parts:
    # Looks at the one token whose class is the partner of the query token's class.
    return {"tok_tok": setting.gain * _partners(setting, 1.25, rng)}


def _marker(setting: Setting, rng: Rng) -> Parts:
    # Looks at the one token of a marked class.
    return {"key_tok": setting.gain * _marked(setting, 1.25, rng)}


def _greatest(setting: Setting, rng: Rng) -> Parts:
    # Looks at the token that is first in a hidden order of the vocabulary.
    return {"key_tok": STEP * rng.permutation(setting.vocab).astype(float)}


def _first_marked(setting: Setting, rng: Rng) -> Parts:
    # Looks at the first of several tokens of a marked class.
    return {"key_tok": _above(setting) * _marked(setting, 4.0, rng), "key_pos": _slope(setting)}


def _last_marked(setting: Setting, rng: Rng) -> Parts:
    return {"key_tok": _above(setting) * _marked(setting, 4.0, rng), "key_pos": -_slope(setting)}


def _first_related(setting: Setting, rng: Rng) -> Parts:
    # Of several partners, the first.
    return {"tok_tok": _above(setting) * _partners(setting, 4.0, rng), "key_pos": _slope(setting)}


RULES: Mapping[str, Callable[[Setting, Rng], Parts]] = {
    "offset": _offset,
    "place": _place,
    "relation": _relation,
    "marker": _marker,
    "greatest": _greatest,
    "first_marked": _first_marked,
    "last_marked": _last_marked,
    "first_related": _first_related,
}


def _slope(setting: Setting) -> Array:
    return -STEP * np.arange(setting.length, dtype=float)


def _above(setting: Setting) -> float:
    # Outweighs any difference of position.
    return STEP * setting.length


def _marked(setting: Setting, expected: float, rng: Rng) -> Array:
    """Indicator of a class of which a random sequence holds `expected` members."""
    count = max(3, round(expected * setting.vocab / setting.length))
    found = np.zeros(setting.vocab)
    found[rng.choice(setting.vocab, count, replace=False)] = 1.0
    return found


def _partners(setting: Setting, expected: float, rng: Rng) -> Array:
    """Indicator of token pairs (query, key) whose classes are partners."""
    classes = min(max(3, round(setting.length / expected)), setting.vocab // 2)
    of = rng.permutation(np.arange(setting.vocab) % classes)
    partner = _derangement(classes, rng)
    return (partner[of][:, None] == of[None, :]).astype(float)


def _derangement(size: int, rng: Rng) -> Ints:
    # A cycle through all in random order moves everything.
    order = rng.permutation(size)
    found = np.empty(size, dtype=np.int64)
    found[order] = np.roll(order, 1)
    return found
