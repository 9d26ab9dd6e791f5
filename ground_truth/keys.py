"""The kinds of key that measures know. A measure serves every family whose key it takes."""

from collections.abc import Sequence

from pydantic import Field, field_serializer

from ground_truth._core import Key
from tasks import JSON, Frozen


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

    @field_serializer("edges", "universe", "neutral")
    def _in_order(self, edges: frozenset[str]) -> list[str]:
        # The order of a set changes with the process; what is written must not.
        return sorted(edges)


class Step(Frozen):
    """What one action of an episode was worth."""

    index: int
    action: JSON
    best: JSON
    """The optimal action at the information state that was reached."""
    regret: float
    """Value of optimal play from here minus value of this action and optimal play after it."""
    note: str = ""


class Verdict(Frozen):
    """An episode judged from its actions alone; no luck stands in any number but the metrics."""

    ability: float
    """In [0, 1]: 1 - regret / scale, clipped, where the family says nothing else."""
    passed: bool
    regret: float
    """Sum of the steps' regrets, in the units of the game."""
    optimum: float
    """Expected value of optimal play from the start."""
    scale: float
    """The regret that brings the ability to 0."""
    done: bool
    """Whether the episode was played to its end; if not, the stated default played on."""
    steps: tuple[Step, ...]
    axes: dict[str, float] = Field(default_factory=dict[str, float])
    """Any of `belief`, `decision`, `calibration`, each in [0, 1]; 1 is perfect."""
    safety: float | None = None
    metrics: dict[str, float] = Field(default_factory=dict[str, float])
    violations: tuple[str, ...] = ()


class EpisodeKey(Key):
    """An episode is to be played; subclasses hold its hidden draws."""

    def verdict(self, actions: Sequence[JSON]) -> Verdict:
        """Judge the actions (each valid when it was taken) by replaying the world.

        Fewer of them than there are steps: the brief's default action is played on.
        """
        raise NotImplementedError
