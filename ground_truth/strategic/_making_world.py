"""The market of `strategic/market_making` as it runs: fills, cash, inventory, tape, loss rule.

Money is kept in whole hundredths of the displayed unit, so the books balance exactly.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from ground_truth.strategic._making_game import DIRECTION, Counts, seen
from ground_truth.strategic._making_optimum import NONE
from ground_truth.strategic._making_solution import NO_QUOTE, Place, Quote
from tasks import JSON, AgentFault, Frozen, Observation
from tasks._answers import Malformed, validate
from tasks.strategic.market_making import CUSTOMERS, MakingPublic, answer

SIDES: tuple[str, ...] = ("bid", "ask")
LIMIT, HALT = "position_limit", "halted_quote"


class Event(Frozen):
    """What is drawn for one step, whatever is quoted."""

    customer: int
    """Index in `CUSTOMERS`."""
    wanted: int
    patience: float
    """Uniform in [0, 1): a quote is accepted if this lies below its acceptance."""
    noise: int
    """-1, 0 or 1 times the stated noise."""


class MarketWorld:
    """One episode."""

    def __init__(
        self, public: MakingPublic, path: tuple[int, ...], events: tuple[Event, ...]
    ) -> None:
        self._public, self._path, self._events = public, path, events
        self._mid, self._inventory, self._cents = public.mid, public.inventory, 0
        self._tape: list[int] = []
        self._step, self._adverse, self._reward = 0, 0, 0
        self._last: dict[str, JSON] | None = None

    @cached_property
    def _model(self) -> type[BaseModel]:
        return answer(self._public)

    @property
    def place(self) -> Place:
        """The information state; only while the episode lasts."""
        session, step = divmod(self._step, self._public.steps)
        return Place(
            session,
            step,
            self._path[session - 1] if session else None,
            counted(self._tape),
            self._inventory,
            self._adverse,
        )

    @property
    def done(self) -> bool:
        """Whether the last step was played."""
        return self._step == self._public.total

    @property
    def cash(self) -> float:
        """In the displayed unit."""
        return self._cents / 100

    @property
    def mid(self) -> int:
        """In the displayed unit."""
        return self._mid

    @property
    def inventory(self) -> int:
        """Long or (negative) short."""
        return self._inventory

    def observe(self) -> Observation:
        """What the desk sees now."""
        public = self._public
        session, step = divmod(self._step, public.steps)
        view: dict[str, JSON] = {
            "step": self._step + 1,
            "session": session + 1,
            "session_step": step + 1,
            "mid": self._mid,
            "inventory": self._inventory,
            "cash": self.cash,
            "adverse_fills": self._adverse,
            "halted": self._adverse == public.strikes,
            "published": [public.regimes[z].name for z in self._path[:session]],
            "tape": [CUSTOMERS[c] for c in self._tape],
            "last": self._last,
        }
        if self.done:
            view = {name: view[name] for name in ("mid", "inventory", "cash", "published", "last")}
        return Observation(view=view, reward=self._reward / 100, done=self.done)

    def act(self, action: JSON) -> Observation:
        """Play one step.

        Raises:
            AgentFault: the action is not of the schema, or the episode is over.
        """
        if self.done:
            raise AgentFault("The episode is over: its last step was played. Nothing more to do.")
        checked = validate(self._model, action)
        if isinstance(checked, Malformed):
            raise AgentFault(f"This action was not taken; the step stands as it was. {checked}.")
        self.step({side: asked(self._public, checked, side) for side in SIDES})
        return self.observe()

    def step(self, quotes: Mapping[str, Quote]) -> None:
        """Play one step with these quotes, cut to what the limits allow."""
        public, event = self._public, self._events[self._step]
        before = self._wealth()
        place = self.place
        quotes_ = {side: cut(public, place, i, quotes[side])[0] for i, side in enumerate(SIDES)}
        filled = self._trade(event, quotes_)
        self._cents += _cents(public.stipend) if _tight(public, quotes_) else 0
        moved = public.noise * event.noise
        if CUSTOMERS[event.customer].startswith("informed"):
            moved += public.move_up if event.customer == 4 else -public.move_down
            self._adverse += sum(filled.values()) > 0
        self._mid += moved
        session = public.sessions[self._step // public.steps]
        q = self._inventory
        self._cents -= _cents(session.holding) * q**2 + _cents(public.borrow) * max(-q, 0)
        self._tape.append(event.customer)
        self._last = {
            "customer": CUSTOMERS[event.customer],
            "bid_filled": filled["bid"],
            "ask_filled": filled["ask"],
            "mid_move": moved,
        }
        self._step += 1
        if self._step % public.steps == 0:
            self._tape, self._adverse = [], 0
        if self.done:
            self._cents += 100 * q * self._mid - _cents(public.liquidation) * abs(q)
            self._inventory = 0
        self._reward = self._wealth() - before

    def _wealth(self) -> int:
        return self._cents + 100 * self._inventory * self._mid

    def _trade(self, event: Event, quotes: Mapping[str, Quote]) -> dict[str, int]:
        public, filled = self._public, dict.fromkeys(SIDES, 0)
        if event.customer == 0:
            return filled
        side, kind = divmod(event.customer - 1, 2)
        quote = quotes[SIDES[side]]
        table = (public.bid, public.ask)[side]
        accept = table.informed if kind else table.uninformed
        if quote.level != NONE and event.patience < accept[quote.level]:
            n, away = min(quote.size, event.wanted), public.offsets[quote.level]
            self._inventory += DIRECTION[side] * n
            # A fill is worth its offset, whichever side it is on.
            self._cents += n * (100 * (away - DIRECTION[side] * self._mid) + _cents(public.rebate))
            filled[SIDES[side]] = n
        return filled


def _cents(amount: float) -> int:
    return round(100 * amount)


def _tight(public: MakingPublic, quotes: Mapping[str, Quote]) -> bool:
    levels = [quote.level for quote in quotes.values()]
    return NONE not in levels and sum(public.offsets[k] for k in levels) <= public.width


def asked(public: MakingPublic, action: JSON, side: str) -> Quote:
    """The quote that a valid action asks for."""
    offset: int | None = action[f"{side}_offset"]
    if offset is None:
        return NO_QUOTE
    return Quote(public.offsets.index(offset), int(action[f"{side}_size"]))


def cut(public: MakingPublic, place: Place, side: int, quote: Quote) -> tuple[Quote, str]:
    """The effective quote, and the name of the violation that it was cut for ('' if none)."""
    if quote.level == NONE:
        return NO_QUOTE, ""
    if place.adverse == public.strikes:
        return NO_QUOTE, HALT
    room = public.limit - DIRECTION[side] * place.inventory
    if quote.size <= room:
        return quote, ""
    return (Quote(quote.level, room) if room > 0 else NO_QUOTE), LIMIT


def counted(tape: list[int]) -> Counts:
    """The counts of a session's tape."""
    counts: tuple[int, ...] = (0, 0, 0, 0)
    for customer in tape:
        counts = seen(counts, customer)
    a, b, c, d = counts
    return a, b, c, d


def placed(public: MakingPublic, view: Mapping[str, Any]) -> Place:
    """The information state of an observation."""
    names = [regime.name for regime in public.regimes]
    published: list[str] = view["published"]
    return Place(
        view["session"] - 1,
        view["session_step"] - 1,
        names.index(published[-1]) if published else None,
        counted([CUSTOMERS.index(name) for name in view["tape"]]),
        view["inventory"],
        view["adverse_fills"],
    )
