"""Truth of `strategic/v0/auctions`: the expected surplus of truthful bidding.

With n - 1 rivals uniform on [0, V] a truthful bidder of value v ≤ V expects
∫₀^v (v - x) d(x/V)^(n-1) = v^n / (n·V^(n-1)) (Krishna, *Auction Theory*, ch. 2).
"""

import json

import numpy as np

from ground_truth._core import Drawn, Related, Rng, Truth
from ground_truth.strategic.v0._form import PublishedKey, heard, said
from tasks import JSON
from tasks.strategic.v0._form import PublishedParams
from tasks.strategic.v0.auctions import AuctionPublic

LARGEST_VALUES = (1.0, 10.0, 100.0)
FACTORS = (10.0, 100.0, 1000.0)
TINY = 1e-9
"""What the published score adds to the exact surplus before it divides by it."""


class SurplusKey(PublishedKey):
    """One number is asked for."""

    expected_surplus: float


def expected_surplus(public: AuctionPublic) -> float:
    """v^n / (n·V^(n-1)), the value capped at V; in money.

    Raises:
        ValueError: no bidder, or a range or value that is negative.
    """
    n, top, value = public.n_bidders, public.v_max, public.your_value
    if n < 1 or top <= 0.0 or value < 0.0:
        raise ValueError(f"an auction has bidders and values from 0 up, got {public!r}")
    return min(value, top) ** n / (n * top ** (n - 1))


def draw(params: PublishedParams, seed: int) -> Drawn[AuctionPublic, SurplusKey]:
    """The published instance of a seed, draw by draw."""
    rng = np.random.default_rng(seed)
    bidders = int(rng.integers(2, 6))
    top = LARGEST_VALUES[int(rng.integers(0, 3))]
    value = round(float(rng.uniform(0.1, 1.0)) * top, 4)
    return _keyed(AuctionPublic(n_bidders=bidders, v_max=top, your_value=value))


def _keyed(public: AuctionPublic) -> Drawn[AuctionPublic, SurplusKey]:
    surplus = expected_surplus(public)
    return Drawn(public, SurplusKey(environment="auctions", expected_surplus=surplus))


def unit_scale_change(
    drawn: Drawn[AuctionPublic, SurplusKey], rng: Rng
) -> Related[AuctionPublic, SurplusKey]:
    """All money times 10, 100 or 1000; the answer scales with it."""
    factor = float(rng.choice(FACTORS))
    base = drawn.public
    value = round(base.your_value * factor, 4)
    scaled = _keyed(base.model_copy(update={"v_max": base.v_max * factor, "your_value": value}))
    here, there = drawn.key.expected_surplus, scaled.key.expected_surplus

    def restore(answer: JSON) -> JSON:
        given = _number(answer)
        if given is None:
            return answer
        # The published score divides by the surplus plus TINY, which does not scale: the map that
        # keeps it is affine, and a plain division up to TINY.
        share = (given - there) / (there + TINY)
        return said({"expected_surplus": here + share * (here + TINY)})

    return Related(scaled, restore)


def _number(answer: JSON) -> float | None:
    """The surplus that a plain JSON response states; None where the text holds something else."""
    try:
        stated = json.loads(answer["response"])["expected_surplus"]
        return None if isinstance(stated, bool) else float(stated)
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None


def _answer(surplus: float) -> JSON:
    return said({"expected_surplus": surplus})


def _noisy(answer: JSON, public: AuctionPublic, rng: Rng, level: float) -> JSON:
    if level == 0.0:
        return answer
    error = level * rng.uniform(0.2, 1.0) * rng.choice((-1.0, 1.0))
    return _answer(heard(answer)["expected_surplus"] * (1.0 + error))


truth: Truth[PublishedParams, AuctionPublic, SurplusKey] = Truth(
    key=SurplusKey,
    draw_open=draw,
    oracle=lambda key: _answer(key.expected_surplus),
    reference=lambda public: _answer(expected_surplus(public)),
    noisy=_noisy,
    policies={
        "zero": lambda public, rng: _answer(0.0),
        "value_over_bidders": lambda public, rng: _answer(public.your_value / public.n_bidders),
        "value_less_mean_rival": lambda public, rng: _answer(
            max(0.0, public.your_value - 0.5 * public.v_max)
        ),
        "random_value": lambda public, rng: _answer(float(rng.random()) * public.v_max),
    },
    relations={"unit_scale_change": unit_scale_change},
)
