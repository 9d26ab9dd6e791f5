"""Truth of `strategic/bayesian_games`: drawing, the exact posterior, policies that set the floor.

The cause is drawn from the stated prior and everything else from the stated tables, so the
posterior is calibrated. An instance is drawn anew unless every complication that it describes
matters: each shortcut of `shortcuts` (noise taken at face value, shared signals counted twice,
silences or archives or the prior left out) misses the pass mark, no fixed policy scores above
`POLICY_MAX`, and no cause is all but certain. These conditions look at the public half alone, and
selection on what the agent sees leaves the posterior exact.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import cast

import numpy as np

from ground_truth._core import Drawn, Rng, Truth
from ground_truth.keys import PosteriorKey
from ground_truth.strategic._bayesian_relations import RELATIONS
from ground_truth.strategic._stated import Vector, pick, some, stated
from tasks import JSON
from tasks.strategic._bayesian_prose import SETTINGS, Setting
from tasks.strategic._tables import NUMBERS
from tasks.strategic.bayesian_games import (
    TOLERANCE,
    Archive,
    BayesianParams,
    BayesianPublic,
    Report,
    Section,
    Style,
    Witness,
)

POLICY_MAX = 0.9
"""A drawn instance leaves at least `1 - POLICY_MAX` between every fixed policy and the ceiling."""
CERTAINTY_MAX = 0.95
DRAWS_MAX = 10_000
_SECTIONS: tuple[Section, ...] = ("causes", "signals", "witnesses")


def posterior(public: BayesianPublic) -> Vector:
    """The exact posterior, shape (hypotheses,); in log space, sums out every hidden signal."""
    rates = np.array(public.rates)
    confusion = [np.array(w.confusion) for w in public.witnesses]
    log = np.log(np.array(public.prior))
    given_signal = np.ones((len(public.events), rates.shape[1]))
    for row, event in zip(given_signal, public.events, strict=True):
        for seen in event:
            row *= confusion[seen.witness][:, seen.report]
    log = log + np.log(given_signal @ rates.T).sum(axis=0)
    for archive in public.archives:
        chance = rates @ confusion[archive.witness][:, archive.report]
        log = log + np.log([_bin(archive, float(q)) for q in chance])
    weights = np.exp(log - log.max())
    return weights / weights.sum()


def _bin(archive: Archive, q: float) -> float:
    n = archive.events
    return sum(
        math.comb(n, c) * q**c * (1.0 - q) ** (n - c) for c in range(archive.low, archive.high + 1)
    )


def shortcuts(public: BayesianPublic) -> Iterator[tuple[str, Vector]]:
    """What a solver gets that leaves out one of the complications the instance has."""
    yield "noise", _face_value(public)
    flat = (1.0 / len(public.prior),) * len(public.prior)
    if max(public.prior) - min(public.prior) > TOLERANCE:
        yield "prior", posterior(public.model_copy(update={"prior": flat}))
    if any(len(event) > 1 for event in public.events):
        alone = tuple((seen,) for event in public.events for seen in event)
        yield "overlap", posterior(public.model_copy(update={"events": alone}))
    silence = len(public.signals)
    if any(seen.report == silence for event in public.events for seen in event):
        heard = tuple(tuple(r for r in event if r.report != silence) for event in public.events)
        yield "silence", posterior(public.model_copy(update={"events": heard}))
    if public.archives:
        yield "archives", posterior(public.model_copy(update={"archives": ()}))


def draw(params: BayesianParams, rng: Rng) -> Drawn[BayesianPublic, PosteriorKey]:
    """Draw until the instance is worth asking (see the module's text)."""
    for _ in range(DRAWS_MAX):
        public = _public(params, rng)
        exact = posterior(public)
        if _worth_asking(public, exact):
            return Drawn(public, PosteriorKey(posterior=tuple(exact.tolist())))
    raise ValueError(f"no instance worth asking in {DRAWS_MAX} draws of {params!r}")


def _worth_asking(public: BayesianPublic, exact: Vector) -> bool:
    if exact.max() > CERTAINTY_MAX:
        return False
    if any(1.0 - _distance(policy(public), exact) > POLICY_MAX for policy in SIMPLE.values()):
        return False
    return all(_distance(answer, exact) > TOLERANCE for _, answer in shortcuts(public))


def _distance(p: Vector, q: Vector) -> float:
    return float(0.5 * np.abs(p - q).sum())


def _public(params: BayesianParams, rng: Rng) -> BayesianPublic:
    name = str(rng.choice(sorted(SETTINGS)))
    setting = SETTINGS[name]
    prior = stated(np.exp(params.skew * rng.standard_normal(params.hypotheses)), params.digits)
    spread = rng.standard_normal((params.hypotheses, params.signals))
    rates = [stated(np.exp(params.evidence * row), params.digits) for row in spread]
    witnesses = _witnesses(params, setting, rng)
    truth = pick(prior, rng.random())
    events = tuple(_event(params, rates[truth], witnesses, rng) for _ in range(params.events))
    archives = tuple(_archive(params, rates[truth], witnesses, rng) for _ in range(params.archives))
    return BayesianPublic(
        hypotheses=some(setting.causes, params.hypotheses, rng),
        prior=tuple(prior),
        signals=some(setting.signals, params.signals, rng),
        rates=tuple(tuple(row) for row in rates),
        witnesses=witnesses,
        events=events,
        archives=archives,
        digits=params.digits,
        style=_style(name, rng),
    )


def _witnesses(params: BayesianParams, setting: Setting, rng: Rng) -> tuple[Witness, ...]:
    names = some(setting.witnesses, params.witnesses, rng)
    return tuple(Witness(name=name, confusion=_confusion(params, rng)) for name in names)


def _confusion(params: BayesianParams, rng: Rng) -> tuple[tuple[float, ...], ...]:
    rows: list[tuple[float, ...]] = []
    for signal in range(params.signals):
        lost = params.loss * rng.uniform()
        wrong = min(0.9, params.noise * rng.uniform(0.6, 1.4))
        shares = wrong * rng.dirichlet(np.ones(params.signals - 1))
        delivered = (1.0 - lost) * np.insert(shares, signal, 1.0 - wrong)
        row = stated(delivered if params.loss == 0 else [*delivered, lost], params.digits)
        rows.append((*row, 0.0) if params.loss == 0 else tuple(row))
    return tuple(rows)


def _event(
    params: BayesianParams, rates: list[float], witnesses: tuple[Witness, ...], rng: Rng
) -> tuple[Report, ...]:
    first = int(rng.integers(params.witnesses))
    which, *chances = rng.random(1 + 2 * params.witnesses).tolist()
    signal = pick(rates, which)
    joins, says = chances[: params.witnesses], chances[params.witnesses :]
    return tuple(
        Report(witness=w, report=pick(row.confusion[signal], says[w]))
        for w, row in enumerate(witnesses)
        if w == first or joins[w] < params.overlap / 2
    )


def _archive(
    params: BayesianParams, rates: list[float], witnesses: tuple[Witness, ...], rng: Rng
) -> Archive:
    witness = int(rng.integers(params.witnesses))
    report = int(rng.integers(params.signals + (params.loss > 0)))
    n = int(rng.integers(12, 31))
    width = int(rng.integers(3, 6))
    confusion = np.array(witnesses[witness].confusion)
    count = int(rng.binomial(n, float(np.array(rates) @ confusion[:, report])))
    low = count // width * width
    return Archive(witness=witness, events=n, report=report, low=low, high=min(low + width - 1, n))


def _style(setting: str, rng: Rng) -> Style:
    return Style(
        setting=setting,
        order=tuple(_SECTIONS[i] for i in rng.permutation(len(_SECTIONS))),
        numbers=NUMBERS[int(rng.integers(len(NUMBERS)))],
        transposed=bool(rng.integers(2)),
        listed=bool(rng.integers(2)),
        voice="account" if rng.integers(2) else "protocol",
    )


def _flat(public: BayesianPublic) -> Vector:
    return np.full(len(public.prior), 1.0 / len(public.prior))


def _prior(public: BayesianPublic) -> Vector:
    return np.array(public.prior)


def _delivered(public: BayesianPublic) -> list[int]:
    heard = itertools.chain.from_iterable(public.events)
    return [seen.report for seen in heard if seen.report < len(public.signals)]


def _face_value(public: BayesianPublic) -> Vector:
    return _believing(public, _delivered(public))


def _last_report(public: BayesianPublic) -> Vector:
    return _believing(public, _delivered(public)[-1:])


def _trusting(trust: float) -> Callable[[BayesianPublic], Vector]:
    """Every report is right with probability `trust` and otherwise any signal at all."""
    return lambda public: _believing(public, _delivered(public), trust)


def _believing(public: BayesianPublic, signals: list[int], trust: float = 1.0) -> Vector:
    """Posterior of one who takes reports for the signals themselves, as far as `trust` goes."""
    rates = trust * np.array(public.rates) + (1.0 - trust) / len(public.signals)
    log = np.log(public.prior) + np.log(rates)[:, signals].sum(axis=1)
    weights = np.exp(log - log.max())
    return weights / weights.sum()


SIMPLE: dict[str, Callable[[BayesianPublic], Vector]] = {
    "uniform": _flat,
    "prior": _prior,
    "last_report": _last_report,
    "face_value": _face_value,
    "little_trust": _trusting(0.3),
    "half_trust": _trusting(0.5),
    "much_trust": _trusting(0.7),
}
"""Simple rules that use no table of reports; the best of them is the floor.

Those that discount all reports alike are what a regression on many briefs comes to.
"""


def _fixed(policy: Callable[[BayesianPublic], Vector]) -> Callable[[BayesianPublic, Rng], JSON]:
    return lambda public, rng: _answer(policy(public))


def _answer(vector: Vector) -> JSON:
    return {"posterior": [float(p) for p in vector]}


def _noisy(answer: JSON, public: BayesianPublic, rng: Rng, level: float) -> JSON:
    exact = np.array(cast("list[float]", answer["posterior"]))
    return _answer((1.0 - level) * exact + level * rng.dirichlet(np.ones(len(public.prior))))


def _oracle(key: PosteriorKey) -> JSON:
    return {"posterior": list(key.posterior)}


truth: Truth[BayesianParams, BayesianPublic, PosteriorKey] = Truth(
    key=PosteriorKey,
    draw=draw,
    oracle=_oracle,
    reference=lambda public: _answer(posterior(public)),
    noisy=_noisy,
    policies={name: _fixed(policy) for name, policy in SIMPLE.items()},
    relations=RELATIONS,
)
