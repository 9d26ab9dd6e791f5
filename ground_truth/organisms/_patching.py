"""Exact effect of every edge, and which edges the weights have at all.

An edge `u->v<slot>` is *wired* if what u writes is not annihilated by what v's slot reads (for
`logits`: by the unembedding up to a shift of all logits, which no logit difference sees), and
*live* if moreover a wired path leads on from v to the logits. Edges that are not live have effect
zero by linear algebra, whatever the data. The effect of a live edge is measured: v reads u's
contribution from the counterfactual run instead of the clean one, everything after v is computed
anew, and with m = logit(clean answer) - logit(counterfactual answer)

    effect = mean(m_clean - m_patched) / mean(m_clean - m_counterfactual).

Resample ablation of single edges ("exact edge patching", facts: Wang et al. 2022; ACDC).
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ground_truth.organisms._forward import (
    Run,
    Scope,
    head_output,
    index,
    mlp_output,
    run,
)
from ground_truth.organisms._weights import Array, Ints, Weights
from tasks.interp._components import SLOTS, Universe

FLOAT64_TOLERANCE = 1e-12
"""A product of maps smaller than this share of its factors is zero: for weights as compiled."""
FLOAT32_TOLERANCE = 1e-5
"""The same for weights that were stored as float32."""


@dataclass(frozen=True)
class Pairs:
    """Clean sequences and the counterfactual ones they are compared with."""

    clean: Ints
    """Tokens (B, T), at positions 0..T-1."""
    counterfactual: Ints
    """Tokens (B, T)."""
    positions: Ints
    """Rows of the position table in the counterfactual run (B, T)."""
    clean_answer: Ints
    """Token ids (B,)."""
    counterfactual_answer: Ints
    at: int
    """Index at which the answer is read."""

    def rows(self, chosen: slice) -> "Pairs":
        """Some of the pairs."""
        return Pairs(
            self.clean[chosen],
            self.counterfactual[chosen],
            self.positions[chosen],
            self.clean_answer[chosen],
            self.counterfactual_answer[chosen],
            self.at,
        )


@dataclass(frozen=True)
class Wiring:
    """Which components read which, from the weights alone."""

    reads: Mapping[str, tuple[str, ...]]
    """Slot (`a1.h0<q>`, `m1`, `logits`) of a live component → the components it reads."""
    live: tuple[str, ...]
    """Heads and MLPs with a wired path to the logits, in order of computation."""
    narrow: frozenset[str]
    """Those of them whose writes reach the answer from its own index alone."""

    def edges(self) -> frozenset[str]:
        """All live edges, canonical."""
        ends = [slot for name in self.live for slot in _slots(name)]
        return frozenset(f"{u}->{slot}" for slot in [*ends, "logits"] for u in self.reads[slot])


def universe_of(weights: Weights) -> Universe:
    """All candidate components and edges of a model."""
    return Universe(weights.layers, weights.heads, weights.neurons > 0)


def wiring(weights: Weights, tolerance: float = FLOAT64_TOLERANCE) -> Wiring:
    """Derive the wired edges by multiplying every write map with every read map."""
    universe = universe_of(weights)
    writes = {name: _write_map(weights, name) for name in universe.nodes()}

    def readers(slot: str) -> tuple[str, ...]:
        read = _read_map(weights, slot)
        sources = _before(universe, slot)
        return tuple(u for u in sources if _meets(writes[u], read, tolerance))

    reads = {"logits": readers("logits")}
    live, wanted = list[str](), set(reads["logits"])
    # Backwards, so that only what is live is ever looked at.
    for name in reversed(universe.nodes()):
        if name in wanted and name not in universe.sources:
            live.append(name)
            reads |= {slot: readers(slot) for slot in _slots(name)}
            wanted.update(*(reads[slot] for slot in _slots(name)))
    return Wiring(reads, tuple(reversed(live)), frozenset(live) - _wide(reads, live))


def _wide(reads: Mapping[str, tuple[str, ...]], live: Sequence[str]) -> frozenset[str]:
    # Keys and values are read at every index, and so is all that a wide component reads.
    wide = set[str]()
    for name in live:
        for slot in _slots(name):
            if name in wide or slot.endswith(("<k>", "<v>")):
                wide.update(reads[slot])
    return frozenset(wide)


@dataclass(frozen=True)
class Effects:
    """What patching found on one set of pairs."""

    edges: dict[str, float]
    """Every candidate edge → effect (1: as much as the whole counterfactual run)."""
    margin: float
    """Smallest lead of the right answer over all other tokens, in logits, over clean runs."""
    wired: frozenset[str]
    """The live edges; all others have effect 0 by construction."""


def effects(weights: Weights, pairs: Pairs, wires: Wiring) -> Effects:
    """Measure every edge; `wires` is `wiring(weights)`."""
    bench = _Bench.of(weights, pairs, wires)
    found = dict.fromkeys(universe_of(weights).edges(), 0.0)
    for slot in (s for name in bench.wiring.live for s in _slots(name)):
        for source in bench.wiring.reads[slot]:
            found[f"{source}->{slot}"] = bench.effect(source, slot)
    for source in bench.wiring.reads["logits"]:
        found[f"{source}->logits"] = bench.share(bench.differences[source])
    return Effects(found, bench.margin(), bench.wiring.edges())


@dataclass(frozen=True)
class _Bench:
    weights: Weights
    pairs: Pairs
    wiring: Wiring
    scope: Scope
    clean: Run
    differences: Mapping[str, Array]
    """Component → counterfactual minus clean contribution (B, T, D)."""
    direction: Array
    """(B, D): the metric as a linear map of the final residual stream at the answer."""
    total: float
    """mean(m_counterfactual - m_clean), negative."""

    @classmethod
    def of(cls, weights: Weights, pairs: Pairs, wires: Wiring) -> "_Bench":
        scope = Scope(wires.live, wires.narrow, pairs.at)
        clean = run(weights, pairs.clean, scope=scope)
        other = run(weights, pairs.counterfactual, pairs.positions, scope)
        unembed = weights.unembed.T
        direction = unembed[pairs.clean_answer] - unembed[pairs.counterfactual_answer]
        gap = np.einsum("bd,bd->b", other.final[:, pairs.at] - clean.final[:, pairs.at], direction)
        differences = {name: other.writes[name] - write for name, write in clean.writes.items()}
        return cls(weights, pairs, wires, scope, clean, differences, direction, float(gap.mean()))

    def margin(self) -> float:
        logits = self.clean.logits(self.weights, self.pairs.at)
        rows = np.arange(len(logits))
        right = logits[rows, self.pairs.clean_answer]
        logits[rows, self.pairs.clean_answer] = -np.inf
        return float((right - logits.max(axis=1)).min())

    def share(self, change: Array) -> float:
        """Effect of a change of the final residual stream."""
        moved = np.einsum("bd,bd->b", change[:, self.pairs.at], self.direction)
        return float(moved.mean()) / self.total

    def effect(self, source: str, slot: str) -> float:
        """Effect of one edge into a head or an MLP."""
        name = slot.partition("<")[0]
        patch = {slot: self.differences[source]}
        changes = {name: self._output(name, patch) - self.clean.writes[name]}
        for later in self.wiring.live[self.wiring.live.index(name) + 1 :]:
            moved = {
                at: total for at in _slots(later) if (total := self._sum(at, changes)) is not None
            }
            if moved:
                changes[later] = self._output(later, moved) - self.clean.writes[later]
        end = self._sum("logits", changes)
        return 0.0 if end is None else self.share(end)

    def _sum(self, slot: str, changes: Mapping[str, Array]) -> Array | None:
        """By how much the stream that `slot` reads has changed; None: not at all."""
        found = [changes[name] for name in self.wiring.reads[slot] if name in changes]
        return functools.reduce(np.add, found) if found else None

    def _output(self, name: str, moved: Mapping[str, Array]) -> Array:
        """What a component writes if its slots read the clean stream plus `moved`."""
        at, place = index(self.scope, name), _place(name)
        if place is None:
            layer = int(name[1:])
            stream = self.clean.before_mlp[layer]
            return mlp_output(self.weights, layer, stream + moved[name], at)
        queries, keys, values = (
            clean + self._moved(f"{name}<{slot}>", moved, at)
            for slot, clean in zip(SLOTS, self.clean.slots[name], strict=True)
        )
        return head_output(self.weights, place, (queries, keys, values), at)

    def _moved(self, slot: str, moved: Mapping[str, Array], at: int | None) -> Array | float:
        """Change of a head's queries, keys or values."""
        change = moved.get(slot)
        if change is None:
            return 0.0
        if at is not None and slot.endswith("<q>"):
            change = change[:, at : at + 1]
        return change @ _read_map(self.weights, slot)


def _place(name: str) -> tuple[int, int] | None:
    """Layer and index of a head; None for an MLP."""
    if not name.startswith("a"):
        return None
    layer, _, head = name[1:].partition(".h")
    return int(layer), int(head)


def _slots(name: str) -> tuple[str, ...]:
    return tuple(f"{name}<{slot}>" for slot in SLOTS) if name.startswith("a") else (name,)


def _before(universe: Universe, slot: str) -> tuple[str, ...]:
    if slot == "logits":
        return universe.nodes()
    layer = int(slot[1:].partition(".")[0])
    return universe.before(layer, mlp=slot.startswith("m"))


def _write_map(weights: Weights, name: str) -> Array:
    if name in ("tok", "pos"):
        return weights.tok if name == "tok" else weights.pos
    place = _place(name)
    return weights.w_out[int(name[1:])] if place is None else weights.o[place]


def _read_map(weights: Weights, slot: str) -> Array:
    if slot == "logits":
        return weights.unembed - weights.unembed.mean(axis=1, keepdims=True)
    if slot.startswith("m"):
        return weights.w_in[int(slot[1:])]
    return getattr(weights, slot[-2])[_place(slot[:-3])]


def _meets(write: Array, read: Array, tolerance: float) -> bool:
    scale = float(np.abs(write).max(initial=0.0) * np.abs(read).max(initial=0.0))
    return scale > 0 and float(np.abs(write @ read).max()) > tolerance * scale
