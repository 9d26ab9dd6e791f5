"""The kinds of key that measures know. A measure serves every family whose key it takes."""

from pydantic import Field

from ground_truth._core import Key


class PosteriorKey(Key):
    """A probability vector is asked for."""

    posterior: tuple[float, ...]
    """Shape (k,), non-negative, sums to 1."""


class EdgeSetKey(Key):
    """A set of circuit edges is asked for."""

    edges: frozenset[str]
    """True edges, canonical `src->dst<q|k|v>` (or `src->dst` where dst has one input)."""
    universe: frozenset[str]
    """All candidate edges, as stated in the brief."""
    neutral: frozenset[str] = frozenset()
    """Edges whose removal changes the behaviour by an amount too small to call; not counted."""
    effects: dict[str, float] = Field(default_factory=dict[str, float])
    """Exact patching effect of every edge of the universe, for reports."""
