"""Recipe: one head looks by a drawn rule and moves the token that it sees, mapped, to the logits.

Spaces: `tok` (V, one-hot), `pos` (T, one-hot), `out` (V, read by the unembedding), `junk` (V).
Everything else in the model is distraction (`_distractors`).
"""

from dataclasses import dataclass

import numpy as np

from ground_truth._core import Rng
from ground_truth.organisms._compiler import Head, Mlp, Organism, compile_organism
from ground_truth.organisms._distractors import (
    Cast,
    busy_head,
    inert_head,
    inert_mlp,
    weak_head,
    weak_mlp,
)
from ground_truth.organisms._patching import Pairs
from ground_truth.organisms._planting import Planted, hidden_from_view, verified
from ground_truth.organisms._rules import RULES, Rule, Setting, draw_rule
from ground_truth.organisms._weights import Array, Ints, Weights
from tasks.interp.one_head import OneHeadParams

ATTEMPTS = 64
"""Redraws before giving up; one in a few fails, so that this bound is never met in practice."""
POOL = 2048
"""Sequences sampled at a time; those on which the rule is ambiguous are dropped."""
CLARITY = 0.5
"""Least lead of the answer's share of attention over the next token's."""


@dataclass(frozen=True)
class _Behaviour:
    """What the model computes, without the model."""

    setting: Setting
    rule: Rule
    image: Ints
    """(V,): seen token → answer."""

    def answers(self, tokens: Ints, positions: Ints) -> tuple[Ints, Array]:
        """Answer of each sequence, and its lead in attention over the next best."""
        setting = self.setting
        weights = self.rule.attention(tokens, positions, setting.at, causal=setting.causal)
        mass = np.zeros((len(tokens), setting.vocab))
        np.add.at(mass, (np.arange(len(tokens))[:, None], self.image[tokens]), weights)
        best = np.partition(mass, -2, axis=1)
        return mass.argmax(axis=1), best[:, -1] - best[:, -2]


def draw_one_head(params: OneHeadParams, rng: Rng) -> Planted:
    """Draw instances until one verifies; the same generator state gives the same instance.

    Raises:
        RuntimeError: none of `ATTEMPTS` draws verified: the parameters leave no gap.
    """
    for _ in range(ATTEMPTS):
        planted = _attempt(params, rng)
        if planted is not None:
            return hidden_from_view(planted, rng)
    raise RuntimeError(f"no draw of {params} could be verified in {ATTEMPTS} attempts")


def _attempt(params: OneHeadParams, rng: Rng) -> Planted | None:
    causal = bool(rng.integers(2))
    setting = Setting(
        vocab=params.vocab,
        length=params.length,
        at=params.length - 1 if causal else int(rng.integers(params.length)),
        causal=causal,
        gain=float(rng.uniform(params.gain_low, params.gain_high)),
    )
    names = list(RULES)
    rule = draw_rule(names[rng.integers(len(names))], setting, rng)
    plain = rng.random() < 0.5
    image = np.arange(params.vocab) if plain else rng.permutation(params.vocab)
    pairs = _draw_pairs(_Behaviour(setting, rule, image), 2 * params.pairs, rng)
    if pairs is None:
        return None
    weights = _build(params, setting, (rule, image), rng)
    half = params.pairs
    return verified(weights, pairs.rows(slice(half)), pairs.rows(slice(half, None)))


def _build(
    params: OneHeadParams, setting: Setting, circuit: tuple[Rule, Ints], rng: Rng
) -> Weights:
    rule, image = circuit
    vocab, length = params.vocab, params.length
    strength = float(rng.uniform(4.0, 6.0))
    copy = np.eye(vocab)[image]
    count = params.layers * params.heads
    cast = Cast(setting, rule, copy, vocab, strength, params.echo, params.chains, count)
    unembed = {"out": np.eye(vocab)}
    if params.shift:
        unembed["junk"] = np.outer(rng.standard_normal(vocab), np.full(vocab, 1 / cast.noise))
    if params.weak:
        unembed["tok"] = 0.02 * strength * rng.standard_normal((vocab, vocab))
    return compile_organism(
        Organism(
            spaces={"tok": vocab, "pos": length, "out": vocab, "junk": vocab},
            head_width=max(vocab, length) + 4,
            neurons=params.neurons,
            tok={"tok": np.eye(vocab), "junk": _faint(vocab, vocab, rng)},
            pos={"pos": np.eye(length), "junk": _faint(length, vocab, rng)},
            unembed=unembed,
            blocks=_blocks(params, cast, rng),
            causal=setting.causal,
            mlps=_mlps(params, cast, rng),
        )
    )


def _blocks(params: OneHeadParams, cast: Cast, rng: Rng) -> list[list[Head | None]]:
    places = rng.permutation(params.layers * params.heads)
    chosen, weak = int(places[0]), {int(place) for place in places[1 : 1 + params.weak]}

    def head(place: int) -> Head:
        if place == chosen:
            return busy_head(cast, rng)
        return weak_head(cast, rng) if place in weak else inert_head(cast, rng)

    heads = [head(place) for place in range(params.layers * params.heads)]
    return [list(heads[i : i + params.heads]) for i in range(0, len(heads), params.heads)]


def _mlps(params: OneHeadParams, cast: Cast, rng: Rng) -> list[Mlp | None]:
    faint = int(rng.integers(params.layers)) if params.weak else -1
    return [
        (weak_mlp if layer == faint else inert_mlp)(cast, params.neurons, rng)
        for layer in range(params.layers)
    ]


def _faint(rows: int, columns: int, rng: Rng) -> Array:
    return rng.standard_normal((rows, columns)) / np.sqrt(columns)


def _draw_pairs(behaviour: _Behaviour, count: int, rng: Rng) -> Pairs | None:
    """Pairs with clear, different answers; None if the rule is ambiguous nearly everywhere."""
    setting = behaviour.setting
    shape = (POOL, setting.length)
    straight = np.broadcast_to(np.arange(setting.length), shape)
    clean = rng.integers(setting.vocab, size=shape)
    other = rng.integers(setting.vocab, size=shape)
    positions = rng.permuted(straight, axis=1)
    first, clear = behaviour.answers(clean, straight)
    second, clear_too = behaviour.answers(other, positions)
    # Compared in order of appearance: each kept sequence with the next kept counterfactual.
    rows, columns = np.flatnonzero(clear >= CLARITY), np.flatnonzero(clear_too >= CLARITY)
    length = min(len(rows), len(columns))
    rows, columns = rows[:length], columns[:length]
    differ = first[rows] != second[columns]
    rows, columns = rows[differ][:count], columns[differ][:count]
    if len(rows) < count:
        return None
    return Pairs(
        clean[rows], other[columns], positions[columns], first[rows], second[columns], setting.at
    )
