"""Names of circuit components: one canonical spelling, the usual aliases, and the universe.

| thing | canonical | accepted as well |
|---|---|---|
| head 2 of layer 3 | `a3.h2` | `L3H2`, `3.2`, `(3,2)`, `blocks.3.attn.hook_result[2]` (`hook_z`) |
| MLP of layer 1 | `m1` | `mlp1`, `MLP 1`, `blocks.1.mlp`, `blocks.1.hook_mlp_out` |
| its neuron 57 | `m1.n57` | `mlp1.n57`, `blocks.1.mlp.hook_post[57]` |
| token embedding | `tok` | `embed`, `hook_embed` |
| position embedding | `pos` | `pos_embed`, `hook_pos_embed` |
| both as one node | `input` | `blocks.0.hook_resid_pre` |
| output | `logits` | `unembed`, `output` |
| edge into a head | `src->dst<q>`, `<k>`, `<v>` | `.q`, `[q]`, `:q`; `blocks.3.hook_q_input[2]` |
| edge into MLP or logits | `src->dst` | `→`, `=>`; `blocks.1.hook_mlp_in` |

A family whose universe splits the input has `tok` and `pos` and no `input`, or the reverse. A name
that nothing here can read is kept as it is: it lies outside every universe, so it counts as wrong.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

SLOTS = ("q", "k", "v")
_FIXED = {
    "tok": "tok",
    "token": "tok",
    "tokens": "tok",
    "embed": "tok",
    "hook_embed": "tok",
    "pos": "pos",
    "position": "pos",
    "positions": "pos",
    "pos_embed": "pos",
    "hook_pos_embed": "pos",
    "input": "input",
    "blocks.0.hook_resid_pre": "input",
    "logits": "logits",
    "unembed": "logits",
    "output": "logits",
}
_N = r"(\d{1,6})"
_HEADS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"a{_N}\.?h{_N}",
        rf"(?:head)?l{_N}\.?h{_N}",
        rf"(?:head)?{_N}\.{_N}",
        rf"\({_N},{_N}\)",
        rf"\[{_N},{_N}\]",
        rf"blocks\.{_N}\.attn\.hook_(?:result|z)\[{_N}\]",
    )
)
_NEURONS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:m|mlp){_N}\.?n{_N}",
        rf"blocks\.{_N}\.mlp\.hook_(?:post|pre)\[{_N}\]",
    )
)
_MLPS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:m|mlp)\.?{_N}",
        rf"blocks\.{_N}\.(?:mlp|hook_mlp_out|hook_mlp_in)",
    )
)
_HOOKED = re.compile(rf"blocks\.{_N}\.(?:attn\.)?hook_([qkv])(?:_input)?\[{_N}\]")
_SLOTTED = re.compile(r"(.+?)(?:<([qkv])>|\[([qkv])\]|[.:_]([qkv]))")
_ARROW = re.compile(r"-+>|→|=+>")


def node(text: str) -> str:
    """Canonical name of a component; unreadable text comes back without spaces, unchanged."""
    squeezed = "".join(text.split())
    plain = squeezed.lower()
    if plain in _FIXED:
        return _FIXED[plain]
    for patterns, form in ((_HEADS, "a{}.h{}"), (_NEURONS, "m{}.n{}"), (_MLPS, "m{}")):
        for pattern in patterns:
            match = pattern.fullmatch(plain)
            if match is not None:
                return form.format(*(int(group) for group in match.groups()))
    return squeezed


def edge(text: str) -> str:
    """Canonical name of an edge; text that is not one comes back without spaces, unchanged."""
    squeezed = "".join(text.split())
    parts = _ARROW.split(squeezed)
    if len(parts) != 2:
        return squeezed
    return f"{node(parts[0])}->{_target(parts[1])}"


def edges(texts: Iterable[str]) -> frozenset[str]:
    """The set of canonical edges: aliases resolved, duplicates gone."""
    return frozenset(edge(text) for text in texts)


def _target(text: str) -> str:
    plain = text.lower()
    match = _HOOKED.fullmatch(plain)
    if match is not None:
        return f"a{int(match[1])}.h{int(match[3])}<{match[2]}>"
    match = _SLOTTED.fullmatch(plain)
    if match is not None:
        head = node(match[1])
        if re.fullmatch(r"a\d+\.h\d+", head):
            return f"{head}<{match[2] or match[3] or match[4]}>"
    return node(text)


@dataclass(frozen=True)
class Universe:
    """All candidate components and edges of one model, in the order of computation."""

    layers: int
    heads: int
    """Heads a layer."""
    mlps: bool
    sources: tuple[str, ...] = ("tok", "pos")
    """What enters the residual stream: `("tok", "pos")`, or `("input",)` for their sum."""

    def nodes(self) -> tuple[str, ...]:
        """Every component that writes to the residual stream."""
        return (*self.sources, *(n for layer in range(self.layers) for n in self._layer(layer)))

    def edges(self) -> tuple[str, ...]:
        """Every candidate edge, canonical."""
        return tuple(self._edges())

    def before(self, layer: int, *, mlp: bool) -> tuple[str, ...]:
        """The components whose output a head of `layer` (or, if `mlp`, its MLP) can read."""
        earlier = [n for at in range(layer) for n in self._layer(at)]
        own = self._heads(layer) if mlp else []
        return (*self.sources, *earlier, *own)

    def _heads(self, layer: int) -> list[str]:
        return [f"a{layer}.h{head}" for head in range(self.heads)]

    def _layer(self, layer: int) -> list[str]:
        return [*self._heads(layer), *([f"m{layer}"] if self.mlps else [])]

    def _edges(self) -> Iterator[str]:
        for layer in range(self.layers):
            earlier = self.before(layer, mlp=False)
            for head in self._heads(layer):
                yield from (f"{src}->{head}<{slot}>" for slot in SLOTS for src in earlier)
            if self.mlps:
                yield from (f"{src}->m{layer}" for src in self.before(layer, mlp=True))
        yield from (f"{src}->logits" for src in self.nodes())
