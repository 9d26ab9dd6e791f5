"""Truth of `strategic/v0/bayesian_games`: published draws and the exact posterior.

The true source is uniform and not drawn from the prior, so the posterior is not calibrated: that
is the published form.
"""

import numpy as np

from ground_truth._core import Drawn, Related, Rng, Truth
from ground_truth.strategic.v0._beliefs import BeliefKey
from ground_truth.strategic.v0._form import Vector, heard, normalised, said, spoiled, weights
from tasks import JSON
from tasks.strategic.v0._form import PublishedParams
from tasks.strategic.v0.bayesian_games import SourcesPublic

SUM_TOLERANCE = 1e-9


def posterior(public: SourcesPublic) -> list[float]:
    """Naive Bayes in log space; without observations it is the prior.

    Raises:
        ValueError: a vector that is no distribution (sum within 1e-9), or impossible evidence.
    """
    for row in (public.priors, *public.likelihood):
        if min(row) < 0.0 or abs(sum(row) - 1.0) > SUM_TOLERANCE:
            raise ValueError(f"{row} is no probability distribution")
    table = np.array(public.likelihood)
    with np.errstate(divide="ignore"):
        log = np.log(np.array(public.priors))
        for seen in public.observations:
            log = log + np.log(table[:, seen])
    if not np.isfinite(log.max()):
        raise ValueError("the observations are impossible under every hypothesis")
    return normalised(np.exp(log - log.max()))


def draw(params: PublishedParams, seed: int) -> Drawn[SourcesPublic, BeliefKey]:
    """The published instance of a seed, draw by draw."""
    rng = np.random.default_rng(seed)
    k, m = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    priors = weights(rng, k)
    likelihood = [weights(rng, m) for _ in range(k)]
    source = int(rng.integers(0, k))
    count = int(rng.integers(1, 6))
    observations = [int(rng.choice(m, p=likelihood[source])) for _ in range(count)]
    return _keyed(
        SourcesPublic(
            hypothesis_names=tuple(f"Source {letter}" for letter in "ABCD"[:k]),
            signal_names=tuple(f"symbol {i + 1}" for i in range(m)),
            priors=tuple(priors),
            likelihood=tuple(tuple(row) for row in likelihood),
            observations=tuple(observations),
        )
    )


def _keyed(public: SourcesPublic) -> Drawn[SourcesPublic, BeliefKey]:
    exact = tuple(posterior(public))
    return Drawn(public, BeliefKey(environment="bayesian_games", name="posterior", exact=exact))


def order_permutation(
    drawn: Drawn[SourcesPublic, BeliefKey], rng: Rng
) -> Related[SourcesPublic, BeliefKey]:
    """Shuffle the independent observations; the posterior stays.

    The published rule: shuffle until the order differs, 64 times at most; fewer than two distinct
    symbols stay as they are.
    """
    seen = list(drawn.public.observations)
    shuffled = seen.copy()
    for _ in range(64 if len(set(seen)) > 1 else 0):
        rng.shuffle(shuffled)
        if shuffled != seen:
            break
    public = drawn.public.model_copy(update={"observations": tuple(shuffled)})
    return Related(Drawn(public, drawn.key), lambda answer: answer)


def _flat(public: SourcesPublic) -> Vector:
    return np.full(len(public.priors), 1.0 / len(public.priors))


def _likelihood_only(public: SourcesPublic) -> JSON:
    return _answer(normalised(np.array(public.likelihood)[:, public.observations].prod(axis=1)))


def _last_signal(public: SourcesPublic) -> JSON:
    return _answer(normalised(np.array(public.likelihood)[:, public.observations[-1]]))


def _answer(chances: list[float]) -> JSON:
    return said({"posterior": chances})


def _noisy(answer: JSON, public: SourcesPublic, rng: Rng, level: float) -> JSON:
    return _answer(spoiled(heard(answer)["posterior"], rng, level))


truth: Truth[PublishedParams, SourcesPublic, BeliefKey] = Truth(
    key=BeliefKey,
    draw_open=draw,
    oracle=lambda key: _answer(list(key.exact)),
    reference=lambda public: _answer(posterior(public)),
    noisy=_noisy,
    policies={
        "uniform": lambda public, rng: _answer(_flat(public).tolist()),
        "prior": lambda public, rng: _answer(list(public.priors)),
        "likelihood_only": lambda public, rng: _likelihood_only(public),
        "last_signal": lambda public, rng: _last_signal(public),
    },
    relations={"order_permutation": order_permutation},
)
