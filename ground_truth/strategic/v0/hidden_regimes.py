"""Truth of `strategic/v0/hidden_regimes`: the filtered belief of a hidden Markov model.

Forward filter (Rabiner 1989): belief ∝ predicted · P(signal | regime), predicted = transposed
transition · belief; the first signal updates the initial distribution itself. The path is
simulated from a new generator of the same seed as the tables: that is the published form.
"""

from bisect import bisect_right
from typing import TypeAlias

import numpy as np

from ground_truth._core import Drawn, Related, Rng, Truth
from ground_truth.strategic.v0._beliefs import BeliefKey
from ground_truth.strategic.v0._form import heard, normalised, said, spoiled, weights
from tasks import JSON
from tasks.strategic.v0._form import PublishedParams
from tasks.strategic.v0.hidden_regimes import SECTIONS, RegimesPublic, Section

NAMES = ("calm", "stressed", "trending")
STICKINESS = 8.0

Row: TypeAlias = list[float]
Tables: TypeAlias = tuple[Row, list[Row], list[Row]]
"""Initial, transition, emission."""


def filtered(public: RegimesPublic) -> list[float]:
    """P(regime at the last step | all signals); without signals the initial distribution.

    Raises:
        ValueError: a signal that no regime with positive belief emits.
    """
    transition, emission = np.array(public.transition), np.array(public.emission)
    belief = predicted = np.array(public.initial)
    for seen in public.observations:
        belief = predicted * emission[:, seen]
        total = belief.sum()
        if total <= 0.0:
            raise ValueError("a signal is impossible under every regime")
        belief = belief / total
        predicted = transition.T @ belief
    return belief.tolist()


def draw(params: PublishedParams, seed: int) -> Drawn[RegimesPublic, BeliefKey]:
    """The published instance of a seed, draw by draw."""
    rng = np.random.default_rng(seed)
    k, m = int(rng.integers(2, 4)), int(rng.integers(2, 5))
    initial = weights(rng, k)
    transition = [_sticky(rng, k, i) for i in range(k)]
    emission = [weights(rng, m) for _ in range(k)]
    steps = int(rng.integers(3, 7))
    public = RegimesPublic(
        regime_names=NAMES[:k],
        signal_names=tuple(f"signal {i + 1}" for i in range(m)),
        initial=tuple(initial),
        transition=tuple(tuple(row) for row in transition),
        emission=tuple(tuple(row) for row in emission),
        observations=tuple(_signals((initial, transition, emission), steps, seed)),
    )
    exact = tuple(filtered(public))
    key = BeliefKey(environment="hidden_regimes", name="regime_posterior", exact=exact)
    return Drawn(public, key)


def _sticky(rng: Rng, count: int, own: int) -> Row:
    row = rng.integers(1, 5, size=count).astype(np.float64)
    row[own] += STICKINESS
    return normalised(row)


def _signals(tables: Tables, steps: int, seed: int) -> list[int]:
    """Signals of one path; the draws are those of `Generator.choice(n, p=row)`, one after another.

    That is the row's cumulative sum, searched for one uniform number; `choice` itself would make
    arrays and check them a dozen times for each path.
    """
    initial, transition, emission = tables
    starts, moves = _cumulative(initial), [_cumulative(row) for row in transition]
    emits = [_cumulative(row) for row in emission]
    uniforms = np.random.default_rng(seed).random(2 * steps + 1).tolist()
    regime, seen = bisect_right(starts, uniforms[0]), list[int]()
    for step in range(steps):
        seen.append(bisect_right(emits[regime], uniforms[2 * step + 1]))
        regime = bisect_right(moves[regime], uniforms[2 * step + 2])
    return seen


def _cumulative(row: Row) -> Row:
    sums = np.cumsum(row)
    return (sums / sums[-1]).tolist()


def order_permutation(
    drawn: Drawn[RegimesPublic, BeliefKey], rng: Rng
) -> Related[RegimesPublic, BeliefKey]:
    """Show the three tables in another order; the signals keep theirs."""
    sections: list[Section] = list(SECTIONS)
    for _ in range(16):
        rng.shuffle(sections)
        if sections != list(SECTIONS):
            break
    public = drawn.public.model_copy(update={"sections": tuple(sections)})
    return Related(Drawn(public, drawn.key), lambda answer: answer)


def _last_signal(public: RegimesPublic) -> JSON:
    return _answer(normalised(np.array(public.emission)[:, public.observations[-1]]))


def _static(public: RegimesPublic) -> JSON:
    """Bayes' rule as if the regime never changed: what the one tool on offer computes."""
    table = np.array(public.emission)[:, public.observations]
    return _answer(normalised(np.array(public.initial) * table.prod(axis=1)))


def _answer(chances: list[float]) -> JSON:
    return said({"regime_posterior": chances})


def _noisy(answer: JSON, public: RegimesPublic, rng: Rng, level: float) -> JSON:
    return _answer(spoiled(heard(answer)["regime_posterior"], rng, level))


def _uniform(public: RegimesPublic) -> JSON:
    return _answer([1.0 / len(public.initial)] * len(public.initial))


truth: Truth[PublishedParams, RegimesPublic, BeliefKey] = Truth(
    key=BeliefKey,
    draw_open=draw,
    oracle=lambda key: _answer(list(key.exact)),
    reference=lambda public: _answer(filtered(public)),
    noisy=_noisy,
    policies={
        "uniform": lambda public, rng: _uniform(public),
        "prior": lambda public, rng: _answer(list(public.initial)),
        "last_signal": lambda public, rng: _last_signal(public),
        "static_bayes": lambda public, rng: _static(public),
    },
    relations={"order_permutation": order_permutation},
)
