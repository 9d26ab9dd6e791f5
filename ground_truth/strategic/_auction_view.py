"""Between what an agent sees and sends, in words and money, and the solver's states in ticks."""

from collections.abc import Mapping

from ground_truth.strategic._auction_solver import State
from ground_truth.strategic._auction_tables import Board, ticks
from tasks import JSON, AgentFault, Observation
from tasks.strategic._auction_sale import AuctionPublic


def state_of(public: AuctionPublic, board: Board, seen: Observation) -> State:
    """The state that an observation before a bid describes."""
    view = seen.view
    lot = int(view["lot"]) - 1
    lot_class = public.classes[public.lots[lot].lot_class]
    if lot_class.basis == "private":
        draw = lot_class.values.index(view["your_value"])
    else:
        draw = lot_class.appraisals.index(view["your_appraisal"])
    counts = (0,)
    if public.house is not None:
        counts = tuple(int(view["buyers_seen"][buyer]) for buyer in public.house.buyers)
    return State(
        lot=lot,
        mood=0 if public.mood is None else public.mood.names.index(view["mood"]),
        node=board.beliefs.counts.index(counts),
        budget=ticks(public, view["budget"]),
        draw=draw,
    )


def money(public: AuctionPublic, amount: float) -> float:
    """Ticks as an amount of money."""
    return amount * public.tick


def action(public: AuctionPublic, bid: int, win: float, value: float) -> JSON:
    """An action in the words of the brief; `bid` and `value` in ticks."""
    return {
        "bid": money(public, bid),
        "win_probability": min(1.0, max(0.0, win)),
        "expected_value": min(public.top, max(0.0, money(public, value))),
    }


def bid_of(public: AuctionPublic, board: Board, state: State, given: JSON) -> int:
    """The bid of an action in ticks.

    Raises:
        AgentFault: no bid on the grid, under the reserve price, or more than is left.
    """
    amount = given.get("bid") if isinstance(given, Mapping) else None
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise AgentFault("An action is an object with a number `bid`; 0 passes.")
    bid = ticks(public, amount) if abs(amount) <= public.top else -1
    if bid < 0 or money(public, bid) != amount:
        raise AgentFault(
            f"`bid` {amount:g} is not on the grid. Bid 0 to pass, or a whole multiple of "
            f"{public.tick:g} up to {public.top:g}."
        )
    reserve, most = board.lots[state.lot][1], min(board.top, state.budget - board.fee)
    if bid == 0 or reserve <= bid <= most:
        return bid
    if most < reserve:
        raise AgentFault(
            f"`bid` {amount:g} cannot be made: {money(public, state.budget):g} is left, too little "
            f"for the reserve price {money(public, reserve):g}{_with_fee(public)}. Bid 0 to pass."
        )
    raise AgentFault(
        f"`bid` {amount:g} is not allowed on this lot: the reserve price is "
        f"{money(public, reserve):g} and you have {money(public, state.budget):g} left"
        f"{_with_fee(public)}. Bid 0 to pass, or from {money(public, reserve):g} to "
        f"{money(public, most):g}."
    )


def _with_fee(public: AuctionPublic) -> str:
    return f", of which the fee takes {public.fee:g}" if public.fee else ""
