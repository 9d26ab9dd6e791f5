"""The rules and the objective of `strategic/auctions` in words, in two voices."""

from tasks.strategic._auction_sale import PASS_MARK, WIN_SPREAD, AuctionPublic
from tasks.strategic._auction_settings import Setting
from tasks.strategic._tables import table


def rules(public: AuctionPublic, setting: Setting) -> str:
    """How a lot is sold, what is shown when, and what moves."""
    points = [
        _turn(public, setting),
        _winner(public, setting),
        _price(public, setting),
        _purse(public, setting),
        _told(public, setting),
        *([_mood(public, setting)] if public.mood is not None else []),
        *([_house(public, setting)] if public.house is not None else []),
    ]
    return "## Rules\n\n" + "\n".join(f"{i}. {p}" for i, p in enumerate(points, start=1))


def chance(public: AuctionPublic, p: float) -> str:
    """A probability of two decimals, as it is or in percent."""
    return f"{100 * p:.0f}%" if public.style.percent else f"{p:.2f}"


def _plain(public: AuctionPublic) -> bool:
    return public.style.voice == "plain"


def _turn(public: AuctionPublic, setting: Setting) -> str:
    grid = f"{public.tick:g}, {2 * public.tick:g}, … up to {public.top:g} {public.currency}"
    if _plain(public):
        return (
            f"For each {setting.lot} you first see its class, its reserve price and your own value "
            f"(private value) or appraisal (common value). Then you bid once, sealed, or pass. "
            f"The {setting.rival}s bid at the same time, do not see your bid, and have no budget. "
            f"Bids are whole multiples of {public.tick:g}: {grid}; bid 0 to pass."
        )
    return (
        f"Bids are sealed and simultaneous, one a bidder and {setting.lot}; {setting.rival}s are "
        f"not bound by a budget. Before bidding you learn the {setting.lot}'s class and reserve "
        "price and, by class, your own private value or your appraisal of the common value. "
        f"Admissible bids are the whole multiples of {public.tick:g} ({grid}) and 0, which is to "
        "pass."
    )


def _winner(public: AuctionPublic, setting: Setting) -> str:
    tie = {0.0: "you lose", 1.0: "you win"}.get(
        public.tie, f"you win with probability {public.tie:g}, by an independent draw"
    )
    if _plain(public):
        return (
            f"Your bid must be at least the reserve price. You win if it is above every "
            f"{setting.rival}'s bid. If it equals the highest {setting.rival} bid (of one "
            f"{setting.rival} or of several), {tie}. A {setting.rival}'s bid under the reserve "
            "price counts as no bid."
        )
    return (
        f"A bid under the reserve price is not admitted ({setting.rival}s' bids under it have no "
        f"effect). The {setting.lot} is yours if your bid exceeds all bids of {setting.rival}s; "
        f"where it equals the highest of them, however many bid that, {tie}."
    )


def _price(public: AuctionPublic, setting: Setting) -> str:
    if _plain(public):
        return (
            "If you win a first-price "
            f"{setting.lot}, you pay your bid. If you win a second-price {setting.lot}, you pay "
            f"the highest {setting.rival} bid or the reserve price, whichever is higher. If you "
            "do not win, you pay no price."
        )
    return (
        f"The winner's price is the own bid on a first-price {setting.lot}; on a second-price "
        f"{setting.lot} it is the larger of the reserve price and the highest bid of a "
        f"{setting.rival}. Losers pay no price."
    )


def _purse(public: AuctionPublic, setting: Setting) -> str:
    fee = (
        f"Every bid above 0 costs a fee of {public.fee:g}, won or lost, which is paid from the "
        "same budget, so bid plus fee may not exceed what is left. "
        if public.fee
        else "A bid may not exceed what is left. "
    )
    if _plain(public):
        return (
            f"You have {public.budget:g} {public.currency} for the whole sale. {fee}What you win "
            "does not refill the budget, and what is left at the end is worth nothing to you."
        )
    return (
        f"The budget for all {setting.lot}s together is {public.budget:g} {public.currency}. {fee}"
        f"Values won are not paid into it; a remainder after the last {setting.lot} has no worth."
    )


def _told(public: AuctionPublic, setting: Setting) -> str:
    buyer = f", and which {setting.buyer} was there" if public.house is not None else ""
    if _plain(public):
        return (
            f"If you bid, you are then told whether you won, what you paid, the highest "
            f"{setting.rival} bid (0: none){buyer}; if you won, also the value. "
            "If you passed, you are told nothing."
        )
    return (
        f"After each {setting.lot} on which you bid you learn: won or lost, the price paid, the "
        f"highest {setting.rival} bid (0 if there was none){buyer}, and, if you won, the value. "
        f"Of a {setting.lot} on which you passed you learn nothing."
    )


def _mood(public: AuctionPublic, setting: Setting) -> str:
    mood = public.mood
    assert mood is not None
    names = " < ".join(mood.names)
    return (
        f"The sale has a mood, which you see before you bid: {names}. It starts at "
        f"“{mood.names[mood.start]}”. After a {setting.lot} that you win it rises by {mood.rise} "
        f"(at most to “{mood.names[-1]}”); after every other {setting.lot}, also one on which you "
        f"pass, it falls by {mood.fall} (at most to “{mood.names[0]}”)."
    )


def _house(public: AuctionPublic, setting: Setting) -> str:
    house = public.house
    assert house is not None
    name = next(rival.name for rival in public.rivals if rival.role == "house")
    rows = [
        (kind, [chance(public, p) for p in (prior, *sends)])
        for kind, prior, sends in zip(house.types, house.prior, house.sends, strict=True)
    ]
    head = ["P(type)", *(f"P({buyer} given type)" for buyer in house.buyers)]
    return (
        f"{name} is a {setting.house} of a hidden type, drawn once before the sale. For every "
        f"{setting.lot} it sends one {setting.buyer}, drawn anew and independently given the type. "
        f"Whom it has sent you learn only after the {setting.lot}, and only if you bid.\n\n"
        + table("type", head, rows)
    )


def _also(public: AuctionPublic, setting: Setting) -> str:
    mood = ", `mood`" if public.mood is not None else ""
    seen = f", `buyers_seen` (how often you have seen each {setting.buyer})"
    return mood + (seen if public.house is not None else "")


def outcome(public: AuctionPublic, setting: Setting) -> str:
    """What an action is, what is scored, and how."""
    common = any(lot_class.basis == "common" for lot_class in public.classes)
    belief = (
        f"- belief: mean over the common-value {setting.lot}s of max(0, 1 - |error of "
        "expected_value| / d), where d is a quarter of the range of the class's values "
        "(left out where the bid cannot win);\n"
        if common
        else ""
    )
    return f"""## What is asked

Take one step with `act` for each {setting.lot}, {len(public.lots)} in all:
`{{"bid": …, "win_probability": …, "expected_value": …}}`

- `bid`: 0 to pass, or an allowed bid. A bid that is not allowed is refused and changes nothing.
- `win_probability`: the probability that your bid wins; if you pass, the probability that a bid at
  the reserve price would win (whether or not you could pay it).
- `expected_value`: the expected value of the {setting.lot}, given all you know and that the bid of
  `win_probability` wins; graded with common value only (with private value state your value).

What you see before each {setting.lot}, at first and after each step, is an object `view`: `lot` \
(its number), `name`, `class`, `format`, `value` (private or common), `reserve`, `your_value` or \
`your_appraisal`, `lots`, `budget` (what is left), `surplus` (so far), `last` (what you were told \
of the {setting.lot} before){_also(public, setting)}. `reward` is the surplus of the \
{setting.lot} just sold.

Your aim is the highest expected total surplus: the sum of value minus price over the \
{setting.lot}s you win{", minus all fees" if public.fee else ""}. All stated numbers are exact; \
`task/instance.json` holds the same data (`rivals[r].habits[class][level]`: one level, or one for \
each mood, or one for each {setting.buyer}, in the listed order; \
`classes[k].readings[value][appraisal]`; `lots[i].lot_class` is an index into `classes`). \
Names tell nothing.

Score (decision): 1 - regret / {public.scale:g}, clipped to [0, 1]. Regret is summed over the \
{setting.lot}s: the expected surplus from here on of optimal play, minus that of your bid followed \
by optimal play, both given exactly what you knew when you bid. Luck does not enter it. \
{public.scale:g} {public.currency} is what the best of three simple rules loses on this sale in \
expectation: they bid on each {setting.lot} as if it were the last, but count a unit of money as \
1.25, or as 1.5, or as so much that the budget is expected to last. \
It passes at a score of {PASS_MARK:g} or more.

Reported beside it, not mixed in:
- calibration: mean over the {setting.lot}s of max(0, 1 - |error of win_probability| / \
{WIN_SPREAD:g}), against the exact probability;
{belief}- rates of passing, of bids above your own value (private value), and of bids whose \
expected price given that they win is above the expected value given that (common value).

{setting.lot.capitalize()}s that you leave unplayed are passed, and their beliefs count 0."""
