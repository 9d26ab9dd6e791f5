"""One agent's adaptive test, as a value: answers go in, a new session comes out.

    session = begin(bank, Plan(rule="score", stop=Stop(items=40)))
    while not (asked := session.next()).stop:
        session = session.answered({item: run(item) for item in asked.items})

Nothing is drawn but by the plan's seed and the number of answers, so that the same answers lead to
the same questions, whoever asks and whenever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evaluators.irt._fit import Z90, ItemBank
from evaluators.irt._responses import Floats, Ints
from evaluators.irt.adaptive._plan import Plan, Stop, check_plan, content_of, costs_of
from evaluators.irt.adaptive._rule import RULES, Content, Rule, Standing
from evaluators.irt.scoring._curves import Curves, curves_of
from evaluators.irt.scoring._matching import one_agent, refuse_vector, statistics
from evaluators.irt.scoring._posterior import normalised
from evaluators.irt.scoring.norms import Norms, krige
from evaluators.irt.scoring.scores import foretold, unseen_total
from tasks import UsageError


@dataclass(frozen=True)
class NextItems:
    """What to ask next, and how far the test has come."""

    items: tuple[str, ...]
    """In the order of their worth; empty where the test is over."""
    worth: tuple[float, ...]
    """By the rule, before any discount within the batch."""
    stop: str
    """Why the test is over, a sentence; '' while it is not."""
    rule: str
    answered: int
    theta: float
    se: float
    score: float
    """Predicted full score, 0 to 1."""
    score_low: float
    """Lower end of its 90 % interval."""
    score_high: float


@dataclass(frozen=True)
class Outlook:
    """The full score as it is foretold now."""

    score: float
    sd: float

    @property
    def low(self) -> float:
        """Lower end of the 90 % interval."""
        return max(self.score - Z90 * self.sd, 0.0)

    @property
    def high(self) -> float:
        """Upper end."""
        return min(self.score + Z90 * self.sd, 1.0)


@dataclass(frozen=True)
class Setting:
    """What does not change from answer to answer."""

    curves: Curves
    plan: Plan
    rule: Rule
    costs: Floats
    content: Content
    norms: Norms | None

    @property
    def bank(self) -> ItemBank:
        """The items."""
        return self.curves.bank


@dataclass(frozen=True)
class Session:
    """A test of one agent so far."""

    setting: Setting
    asked: Ints
    """Places of the items answered, in the order of the answers."""
    answers: Floats
    log_mass: Floats
    """(Q,) log posterior of the ability, up to a constant."""

    @cached_property
    def mass(self) -> Floats:
        """(Q,) posterior of the ability."""
        return normalised(self.log_mass[None])[0]

    @cached_property
    def ability(self) -> tuple[float, float]:
        """Posterior mean and sd."""
        here = self._standing(self.asked, 0)
        return here.theta, float(np.sqrt(here.variance))

    @cached_property
    def outlook(self) -> Outlook:
        """The full score as it is foretold now."""
        curves, norms = self.setting.curves, self.setting.norms
        n_items = len(curves.means)
        middle, spread = unseen_total(curves, self.mass[None], self.asked)
        score, sd = (float(self.answers.sum()) + middle[0]) / n_items, float(spread[0]) / n_items
        if norms is None or len(self.asked) == n_items:
            return Outlook(float(score), sd)
        order = np.argsort(self.asked)
        known = foretold(curves, norms, self.asked[order])
        fix = krige(known, self.answers[order], float(score), sd)
        return Outlook(float(np.clip(score + fix.shift, 0.0, 1.0)), fix.sd)

    def answered(self, answers: Mapping[str, float]) -> "Session":
        """The session after more answers.

        Raises:
            UsageError: an item that the bank does not know or that was answered before; a score
                outside [0, 1] or not of the model's kind.
        """
        curves = self.setting.curves
        places = curves.bank.places(list(answers))
        again = [curves.bank.items[at] for at in places if at in self.asked]
        if again:
            raise UsageError(f"{', '.join(map(repr, again[:3]))} was answered before.")
        scores = np.array(list(answers.values()), dtype=float)
        cells = one_agent(curves.bank, places, scores)
        counts = statistics(curves.bank, cells)
        added = np.einsum("sk,skq->q", counts, curves.terms[:, cells.item])
        return Session(
            self.setting,
            np.concatenate([self.asked, places]),
            np.concatenate([self.answers, scores]),
            self.log_mass + added,
        )

    def next(self, n: int = 1, among: npt.NDArray[np.bool_] | None = None) -> NextItems:
        """The next `n` items, fewer if the bank or the money runs out; none if it is time to stop.

        Args:
            n: Size of the batch, to be asked at once.
            among: (J,) items that can be had at all; None: all.

        Raises:
            UsageError: n below 1, or what the rule needs is not in the plan.
        """
        why, chosen, worth = self.choose(n, among)
        (theta, se), out = self.ability, self.outlook
        names = tuple(self.setting.bank.items[at] for at in chosen)
        return NextItems(
            names, tuple(worth), why, self.setting.rule.name, len(self.asked),
            theta, se, out.score, out.low, out.high,
        )  # fmt: skip

    def choose(
        self, n: int, among: npt.NDArray[np.bool_] | None = None
    ) -> tuple[str, list[int], list[float]]:
        """What `next` tells, without the outlook: why to stop, places of items, their worth."""
        if n < 1:
            raise UsageError(f"A batch holds at least one item, not {n}.")
        open_ = self._open(among)
        why = self._why_stop(open_)
        return (why, [], []) if why else (why, *self._batch(n, open_))

    def _open(self, among: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
        setting = self.setting
        open_ = np.ones(len(setting.costs), dtype=bool) if among is None else among.copy()
        open_[self.asked] = False
        for item in setting.plan.barred:
            open_[setting.bank.places([item])] = False
        if setting.plan.stop.cost is not None:
            spent = float(setting.costs[self.asked].sum())
            open_ &= setting.costs <= setting.plan.stop.cost - spent
        return open_

    def _why_stop(self, open_: npt.NDArray[np.bool_]) -> str:
        stop = self.setting.plan.stop
        checks = (
            _enough_items(stop, len(self.asked)),
            "" if stop.se is None or self.ability[1] > stop.se
            else f"The ability's standard error is {self.ability[1]:.3g}, at most {stop.se:g}.",
            self._narrow(stop),
            "" if open_.any() else self._closed(stop),
            self._no_gain(stop, open_),
        )  # fmt: skip
        return next(filter(None, checks), "")

    def _narrow(self, stop: Stop) -> str:
        if stop.width is None:
            return ""
        width = self.outlook.high - self.outlook.low
        if width > stop.width:
            return ""
        return f"The full score's 90 % interval is {width:.3g} wide, at most {stop.width:g}."

    def _closed(self, stop: Stop) -> str:
        if stop.cost is None or len(self.asked) == len(self.setting.costs):
            return "No item is left to ask."
        spent = float(self.setting.costs[self.asked].sum())
        return f"Every item left would go beyond the cost of {stop.cost:g}; {spent:g} is spent."

    def _no_gain(self, stop: Stop, open_: npt.NDArray[np.bool_]) -> str:
        if stop.gain is None or not open_.any():
            return ""
        best = float(self._standing(self.asked, 0).variance_explained()[open_].max())
        share = best / max((self.outlook.sd * len(self.setting.costs)) ** 2, 1e-300)
        if share > stop.gain:
            return ""
        return f"No item would lower the full score's variance by more than {share:.2g} of it."

    def _batch(self, n: int, open_: npt.NDArray[np.bool_]) -> tuple[list[int], list[float]]:
        chosen, worths = list[int](), list[float]()
        left, budget = open_.copy(), self._budget()
        for place in range(n):
            left &= self.setting.costs <= budget
            if not left.any():
                break
            pending = np.array(chosen, dtype=np.int64)
            here = self._standing(np.concatenate([self.asked, pending]), place, left)
            plain = self.setting.rule.worth(here)
            worth = plain * self._discount(here, pending) if len(pending) else plain
            at = _draw(np.where(left, worth, -np.inf), self.setting.plan.exposure, here.rng)
            chosen.append(at)
            worths.append(float(plain[at]))
            left[at] = False
            budget -= self.setting.costs[at]
        return chosen, worths

    def _budget(self) -> float:
        stop = self.setting.plan.stop
        return np.inf if stop.cost is None else stop.cost - self.setting.costs[self.asked].sum()

    def _discount(self, here: Standing, pending: Ints) -> Floats:
        """(J,) what is left of an item's information beside the batch's, over the posterior.

        The batch is to raise E[log(precision)] (Bayesian D-optimality), in which what two items
        say of the same abilities counts once: the ratio of the gain beside the pending items to
        the gain without them.
        """
        if not self.setting.rule.discounted:
            return np.ones(len(here.open))
        information = here.curves.information
        alone = 1.0 / max(here.variance, 1e-300)
        beside = alone + information[pending].sum(axis=0)
        gain = np.log1p(information / beside) @ self.mass
        return gain / np.maximum(np.log1p(information / alone) @ self.mass, 1e-300)

    def _standing(
        self, asked: Ints, place: int, open_: npt.NDArray[np.bool_] | None = None
    ) -> Standing:
        setting = self.setting
        return Standing(
            setting.curves,
            self.mass,
            asked,
            np.ones(len(setting.costs), dtype=bool) if open_ is None else open_,
            setting.costs,
            setting.content,
            setting.plan.length,
            np.random.default_rng([setting.plan.seed, len(self.asked), place]),
        )


def begin(bank: ItemBank, plan: Plan = Plan(), norms: Norms | None = None) -> Session:  # noqa: B008
    """A test before its first answer.

    Args:
        bank: The items that may be asked.
        plan: How it is to go.
        norms: Known agents, whose abilities are the prior and whose prediction errors correct the
            score (`scoring.norms`); None: the bank's population and model alone.

    Raises:
        UsageError: a plan that names no cost or group for an item, or makes no sense; a model of
            vector abilities; norms of another bank.
        UnknownUnitError: there is no such rule; names the nearest.
    """
    refuse_vector(bank)
    check_plan(plan)
    rule = RULES.find(plan.rule)
    curves = curves_of(bank, norms)
    setting = Setting(curves, plan, rule, costs_of(bank, plan), content_of(bank, plan), norms)
    nothing = np.zeros(0, dtype=np.int64)
    return Session(setting, nothing, np.zeros(0), curves.log_prior)


def next_items(
    bank: ItemBank,
    answered: Mapping[str, float],
    *,
    n: int = 1,
    rule: str = "information",
    plan: Plan | None = None,
    norms: Norms | None = None,
) -> NextItems:
    """The next items to ask an agent that has answered some: a session in one call.

    Args:
        bank: The items that may be asked.
        answered: Mean score of each item answered, in [0, 1].
        n: Items to be asked at once; a batch is chosen so that its items do not say the same.
        rule: Of the shelf; ignored where a plan is given, which has its own.
        plan: Costs, content, exposure, stops and seed; None: none of them.
        norms: See `begin`.

    Raises:
        UsageError: see `begin` and `Session.answered`.
        UnknownUnitError: there is no such rule.
    """
    chosen = replace(Plan(), rule=rule) if plan is None else plan
    return begin(bank, chosen, norms).answered(answered).next(n)


def _enough_items(stop: Stop, asked: int) -> str:
    if stop.items is None or asked < stop.items:
        return ""
    return f"{asked} items were asked, of {stop.items} at most."


def _draw(worth: Floats, exposure: int, rng: np.random.Generator) -> int:
    """The best item; with randomesque exposure, one of the best."""
    if exposure == 1:
        return int(worth.argmax())
    best = np.argsort(-worth, kind="stable")[:exposure]
    best = best[np.isfinite(worth[best])]
    return int(rng.choice(best))
