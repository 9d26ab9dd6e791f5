"""The world of a sale: its hidden draws, and what follows from them and the agent's bids."""

from ground_truth.strategic._auction_solver import State
from ground_truth.strategic._auction_tables import Board, bid_chances, compiled
from ground_truth.strategic._auction_view import bid_of, money
from ground_truth.strategic._stated import pick
from tasks import JSON, AgentFault, Frozen, Observation
from tasks.strategic._auction_sale import AuctionPublic


class Fate(Frozen):
    """The hidden draws of one lot; what they come to depends on mood and buyer only."""

    value: int
    """Index of the lot's value (private: the agent's)."""
    own_draw: int
    """Index of what the agent sees: the value, or its appraisal with common value."""
    uniforms: tuple[float, ...]
    """One number in [0, 1) a rival: its place in its distribution of bids or appraisals."""
    buyer: int
    coin: float
    """Below `tie`: the agent wins a tie."""


class AuctionWorld:
    """One sale under way."""

    def __init__(self, public: AuctionPublic, fates: tuple[Fate, ...]) -> None:
        self._public, self._fates = public, fates
        self._board: Board = compiled(public)
        self._counts = self._board.beliefs.counts[0]
        self._place = State(0, self._board.start, 0, self._board.budget, fates[0].own_draw)
        self._surplus = 0
        self._reward = 0
        self._last: JSON = None

    @property
    def state(self) -> State:
        """What is known before the next bid."""
        return self._place

    @property
    def done(self) -> bool:
        """Whether every lot was sold."""
        return self._place.lot == len(self._fates)

    @property
    def surplus(self) -> float:
        """What was gained so far, in money."""
        return money(self._public, self._surplus)

    def observe(self) -> Observation:
        """Return what the agent sees now, without a step."""
        return Observation(self._view(), money(self._public, self._reward), self.done)

    def act(self, action: JSON) -> Observation:
        """Bid on the lot at hand, or pass.

        Raises:
            AgentFault: the sale is over, or the bid is not allowed; nothing has changed.
        """
        if self.done:
            raise AgentFault("Every lot was sold: the sale is over.")
        bid = bid_of(self._public, self._board, self._place, action)
        if bid == 0:
            self._last = {"lot": self._place.lot + 1, "bid": 0.0, "won": False}
            self._move(won=False, spent=0, gained=0)
        else:
            self._sell(bid)
        return self.observe()

    def _sell(self, bid: int) -> None:
        board, fate = self._board, self._fates[self._place.lot]
        index, reserve = board.lots[self._place.lot]
        highest = self._highest(index, fate)
        won = bid > highest or (bid == highest and fate.coin < self._public.tie)
        price = bid if board.classes[index].first_price else max(reserve, highest)
        paid = price if won else 0
        value = round(self._public.classes[index].values[fate.value] / self._public.tick)
        self._last = {
            "lot": self._place.lot + 1,
            "bid": money(self._public, bid),
            "won": won,
            "paid": money(self._public, paid),
            "highest_rival_bid": money(self._public, highest),
        }
        if won:
            self._last["value"] = money(self._public, value)
        if self._public.house is not None:
            self._last["buyer"] = self._public.house.buyers[fate.buyer]
            self._counts = tuple(n + (i == fate.buyer) for i, n in enumerate(self._counts))
        self._move(won=won, spent=paid + board.fee, gained=value if won else 0)

    def _highest(self, index: int, fate: Fate) -> int:
        """The highest rival bid on the lot at hand, in ticks."""
        lot_class = self._public.classes[index]
        level = {"steady": 0, "reactive": self._place.mood, "house": fate.buyer}
        highest = 0
        for rival, uniform in zip(self._public.rivals, fate.uniforms, strict=True):
            habit = rival.habits[index][level[rival.role]]
            if lot_class.basis == "private":
                chances = bid_chances(self._public, lot_class, habit)[0]
                bid = pick(chances.tolist(), uniform)
            else:
                reading = pick(lot_class.readings[fate.value], uniform)
                bid = round(habit.by_appraisal[reading] / self._public.tick)
            highest = max(highest, bid)
        return highest

    def _move(self, *, won: bool, spent: int, gained: int) -> None:
        board, place = self._board, self._place
        self._reward = gained - spent
        self._surplus += self._reward
        mood = place.mood + board.rise if won else place.mood - board.fall
        lot = place.lot + 1
        self._place = State(
            lot=lot,
            mood=min(board.moods - 1, max(0, mood)),
            node=board.beliefs.counts.index(self._counts),
            budget=place.budget - spent,
            draw=self._fates[lot].own_draw if lot < len(self._fates) else 0,
        )

    def _view(self) -> JSON:
        public, place = self._public, self._place
        view: dict[str, JSON] = {
            "lots": len(public.lots),
            "budget": money(public, place.budget),
            "surplus": self.surplus,
            "last": self._last,
        }
        if public.mood is not None:
            view["mood"] = public.mood.names[place.mood]
        if public.house is not None:
            view["buyers_seen"] = dict(zip(public.house.buyers, self._counts, strict=True))
        if self.done:
            return {"lot": None, **view}
        lot = public.lots[place.lot]
        lot_class = public.classes[lot.lot_class]
        own = (
            {"your_value": lot_class.values[place.draw]}
            if lot_class.basis == "private"
            else {"your_appraisal": lot_class.appraisals[place.draw]}
        )
        return {
            "lot": place.lot + 1,
            "name": lot.name,
            "class": lot_class.name,
            "format": lot_class.format,
            "value": lot_class.basis,
            "reserve": lot.reserve,
            **own,
            **view,
        }
