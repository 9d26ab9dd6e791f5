"""Players of a shift: the one that computes, and fixed ones that look at less."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ground_truth._core import Player, Rng
from ground_truth.strategic._risk_limits import Leg, Mark, Rulebook, Sizes
from ground_truth.strategic._risk_marking import Review
from tasks import JSON, Observation
from tasks.strategic._risk_rules import NONE, RiskPublic

CONSULT: JSON = {
    "decision": "consult",
    "source": "limit_feed",
    "size": 0.0,
    "binding_limit": NONE,
    "confidence": 0.5,
}


@dataclass(frozen=True)
class Sight:
    """A request with all that follows from the rules about it."""

    requested: float
    multiplier: float
    opening: float
    """Size of the first request of the shift."""
    look: Callable[[], Sizes]
    """Computes what the limits allow."""

    @property
    def sizes(self) -> Sizes:
        """What each limit allows."""
        return self.look()

    @property
    def review(self) -> Review:
        """As the marking sees it."""
        return Review(self.requested, self.sizes, self.multiplier == 0)


Rule = Callable[[Sight, Rng], float]
"""The size to take; cut to the requested one."""


@dataclass
class Analyst:
    """Consults the feed, keeps the high-water mark and computes every limit."""

    public: RiskPublic
    peak: float = field(init=False)

    def __post_init__(self) -> None:
        self.peak = self.public.peak
        self._rules = Rulebook(self.public)
        self._opening: float | None = None

    def sight(self, view: JSON) -> Sight:
        """What follows from an observation that holds the feed."""
        feed, request = view["limit_feed"], view["request"]
        self.peak = max(self.peak, feed["equity"])
        drawdown = self.peak - feed["equity"]
        multiplier = [t.multiplier for t in self.public.tiers if drawdown >= t.drawdown][-1]
        names = [i.name for i in self.public.instruments]
        mark = Mark(
            positions=[view["positions"][n] for n in names],
            prices=[feed["prices"][n] for n in names],
            equity=feed["equity"],
            multiplier=multiplier,
        )
        legs = [Leg.model_validate(leg) for leg in request["legs"]]
        requested: float = request["size"]
        self._opening = self._opening or requested
        return Sight(requested, multiplier, self._opening, lambda: self._rules.sizes(mark, legs))


def decided(size: float, requested: float, label: str = NONE, confidence: float = 0.5) -> JSON:
    """The action that takes `size`, cut to [0, requested]."""
    word = "approve" if size >= requested else "reduce" if size > 0 else "reject"
    taken = {"approve": requested, "reduce": size, "reject": 0.0}[word]
    return {
        "decision": word,
        "source": "limit_feed",
        "size": float(taken),
        "binding_limit": label,
        "confidence": confidence,
    }


def reference(public: RiskPublic) -> Player:
    """Takes the largest safe size and names the limit that sets it."""
    analyst = Analyst(public)

    def play(seen: Observation) -> JSON:
        if "limit_feed" not in seen.view:
            return CONSULT
        review = analyst.sight(seen.view).review
        size = review.requested if review.decision == "approve" else review.right
        return decided(size, review.requested, review.labels[0], 1.0)

    return play


def looking(rule: Rule) -> Callable[[RiskPublic, Rng], Player]:
    """A policy that consults the feed and takes what `rule` says."""

    def policy(public: RiskPublic, rng: Rng) -> Player:
        analyst = Analyst(public)

        def play(seen: Observation) -> JSON:
            if "limit_feed" not in seen.view:
                return CONSULT
            sight = analyst.sight(seen.view)
            return decided(rule(sight, rng), sight.requested)

        return play

    return policy


def noisy(player: Player, public: RiskPublic, rng: Rng, level: float) -> Player:
    """Spoils each decision with probability `level` by a random share of the request."""

    def play(seen: Observation) -> JSON:
        action = player(seen)
        if action["decision"] == "consult" or rng.random() >= level:
            return action
        requested = seen.view["request"]["size"]
        return decided(float(rng.random()) * requested, requested, NONE, float(rng.random()))

    return play


def _share(fraction: float) -> Rule:
    return lambda sight, rng: fraction * sight.requested


def _at_random(sight: Sight, rng: Rng) -> float:
    """Approves, rejects or takes a random share, each as often."""
    return (1.0, 0.0, float(rng.random()))[int(rng.integers(3))] * sight.requested


def _constant_size(sight: Sight, rng: Rng) -> float:
    return 0.5 * sight.opening


def _complying(sight: Sight, rng: Rng) -> float:
    """Halves the first request, and takes whole whatever comes after that refusal."""
    return sight.requested * (0.5 if sight.requested == sight.opening else 1.0)


def _only(*kinds: str) -> Rule:
    return lambda sight, rng: sight.sizes.of(*kinds)


def _stopping(*kinds: str) -> Rule:
    """Nothing while the stop is on, else what the limits of these kinds allow."""
    return lambda sight, rng: sight.sizes.of(*kinds) if sight.multiplier > 0 else 0.0


def _stop_alone(sight: Sight, rng: Rng) -> float:
    return sight.requested if sight.multiplier > 0 else 0.0


RULES: dict[str, Rule] = {
    "approve": _share(1.0),
    "reject": _share(0.0),
    "halve": _share(0.5),
    "random": _at_random,
    "constant_size": _constant_size,
    "complying": _complying,
    "stop_alone": _stop_alone,
    "gross_alone": _only("gross"),
    "stop_and_gross": _stopping("gross"),
    "stop_and_net": _stopping("net"),
    "stop_and_stress": _stopping("stress"),
    "stop_and_single": _stopping("single"),
    "stop_and_margin": _stopping("margin"),
    "stop_and_liquidity": _stopping("liquidity"),
    "stop_and_joint": _stopping("joint"),
}
"""Fixed policies; none looks at more than the drawdown stop and one kind of limit."""
POLICIES = {name: looking(rule) for name, rule in RULES.items()}
