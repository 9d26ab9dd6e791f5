"""Components that look busy and do nothing, or next to nothing.

An *inert* head attends by a real rule over true features (sometimes the circuit's own) and writes
louder than the circuit into a junk space that nothing on the way to the logits reads; what the
unembedding reads of junk shifts all logits alike. Inert MLPs read everything. A *weak* head copies
by a real rule into the output space at a few per cent of the circuit's strength, and is as loud in
junk. Inert effects are exactly 0; weak ones are bounded when the instance is verified.
"""

from dataclasses import dataclass

import numpy as np

from ground_truth._core import Rng
from ground_truth.organisms._compiler import Head, Mlp, Term
from ground_truth.organisms._gauge import orthogonal
from ground_truth.organisms._rules import RULES, Rule, Setting, draw_rule
from ground_truth.organisms._weights import Array

LOUD = (1.1, 2.2)
"""Size of most inert writes, as a multiple of the circuit's."""
QUIET = (0.4, 1.1)
"""Size of the others, so that the circuit is not the quietest either."""
QUIET_SHARE = 0.35
WEAK = (0.01, 0.03)
"""Strength of weak writes, as a share of the circuit's."""
LITTER = (0.2, 0.5)
"""What the circuit's own head writes into junk, so that its outputs are not a space apart."""


@dataclass(frozen=True)
class Cast:
    """What the distractors of one instance are made for; space sizes follow from it."""

    setting: Setting
    rule: Rule
    """The circuit's own."""
    copy: Array
    """What the circuit moves into `out` (V, V)."""
    junk: int
    """Dimension of the junk space."""
    strength: float
    """The circuit's write into `out`, in logits."""
    echo: float
    """Probability that a distractor follows the circuit's own rule."""
    chains: bool
    """Whether inert heads also read what inert heads wrote."""
    heads: int
    """Number of heads in the model."""

    @property
    def noise(self) -> float:
        """Rough norm of the junk that all heads together write."""
        return self.strength * 1.5 * float(np.sqrt(self.heads))


def busy_head(cast: Cast, rng: Rng) -> Head:
    """The circuit's head itself."""
    litter = cast.strength * rng.uniform(*LITTER) * _isometry(cast.setting.vocab, cast.junk, rng)
    copy = Term("tok", "out", cast.strength * cast.copy)
    return Head(cast.rule.terms(), (copy, Term("tok", "junk", litter)))


def inert_head(cast: Cast, rng: Rng) -> Head:
    """A head without effect."""
    scores = _rule(cast, rng).terms()
    size = cast.strength * _loudness(rng)
    copies = (Term("tok", "junk", size * _isometry(cast.setting.vocab, cast.junk, rng)),)
    if cast.chains:
        scores = (*scores, Term("junk", "junk", _thin(cast, rng)))
        copies = (*copies, Term("junk", "junk", 0.3 * orthogonal(cast.junk, rng)))
    return Head(scores, copies)


def weak_head(cast: Cast, rng: Rng) -> Head:
    """A head with an effect of a few per cent."""
    size = cast.strength * _loudness(rng)
    copies = (
        Term("tok", "out", cast.copy * cast.strength * rng.uniform(*WEAK)),
        Term("tok", "junk", size * _isometry(cast.setting.vocab, cast.junk, rng)),
    )
    return Head(_rule(cast, rng).terms(), copies)


def inert_mlp(cast: Cast, neurons: int, rng: Rng) -> Mlp:
    """An MLP that reads every feature, the circuit's output too, and writes junk."""
    reads = {space: rng.standard_normal((n, neurons)) for space, n in _features(cast).items()}
    reads["out"] = rng.standard_normal((cast.setting.vocab, neurons)) / cast.strength
    reads["junk"] = rng.standard_normal((cast.junk, neurons)) / cast.noise
    return Mlp(
        reads=reads,
        bias=rng.standard_normal(neurons),
        writes={"junk": _spread(neurons, cast.junk, rng)},
    )


def weak_mlp(cast: Cast, neurons: int, rng: Rng) -> Mlp:
    """An MLP that moves the logits by a few per cent as well."""
    sizes = _features(cast)
    faint = cast.strength * rng.uniform(*WEAK) / np.sqrt(neurons)
    return Mlp(
        reads={space: rng.standard_normal((size, neurons)) for space, size in sizes.items()},
        bias=rng.standard_normal(neurons),
        writes={
            "junk": _spread(neurons, cast.junk, rng),
            "out": faint * rng.standard_normal((neurons, cast.setting.vocab)),
        },
    )


def _features(cast: Cast) -> dict[str, int]:
    return {"tok": cast.setting.vocab, "pos": cast.setting.length}


def _rule(cast: Cast, rng: Rng) -> Rule:
    if rng.random() < cast.echo:
        return cast.rule
    names = list(RULES)
    return draw_rule(names[rng.integers(len(names))], cast.setting, rng)


def _loudness(rng: Rng) -> float:
    return float(rng.uniform(*(QUIET if rng.random() < QUIET_SHARE else LOUD)))


def _isometry(rows: int, columns: int, rng: Rng) -> Array:
    # All singular values 1, as those of the circuit's own copy map.
    return orthogonal(max(rows, columns), rng)[:rows, :columns]


def _thin(cast: Cast, rng: Rng) -> Array:
    # Of rank 2, and scaled so that junk moves scores by about 1.
    left, right = rng.standard_normal((2, cast.junk, 2)) / cast.noise
    return left @ right.T


def _spread(neurons: int, size: int, rng: Rng) -> Array:
    return rng.standard_normal((neurons, size)) / np.sqrt(neurons)
