"""The brief of `strategic/prediction_markets`: everything that is played and graded, in words."""

import json

from tasks._core import BriefText
from tasks.strategic._prediction_public import Book, Level, Maker, PredictionPublic, Section, Source
from tasks.strategic._prediction_settings import SETTINGS
from tasks.strategic._tables import table


def brief(public: PredictionPublic) -> BriefText:
    """Write the situation, the rules, the data, the objective and the action contract."""
    sections: dict[Section, str] = {
        "reports": _reports(public),
        "traders": _traders(public),
        "market": _market(public),
        "limits": _limits(public),
    }
    parts = [
        SETTINGS[public.style.setting].opening,
        _claim(public),
        *(sections[name] for name in public.style.order),
        _contract(public),
        _score(public),
    ]
    text = json.dumps(public.model_dump(mode="json", exclude={"style"}), indent=1)
    return BriefText(prompt="\n\n".join(parts), files={"instance.json": text.encode()})


def _claim(public: PredictionPublic) -> str:
    first, second = public.outcomes
    rounds, money = len(public.schedule), _money(public, public.payout)
    chance = _chance(public, public.prior)
    if public.style.voice:
        return (
            f"## The claim\n\nThe claim is on {public.event}: “{first}” or “{second}”. Which of "
            f"the two it is was settled before trading began and does not change. One contract is "
            f"worth {money} if it is “{first}”, nothing if it is “{second}”. Before round 1, "
            f"P({first}) = {chance}. You trade over {rounds} rounds. In a round, in this order: "
            "the reports due in it come in; you send one action (an order and a probability); your "
            "order is executed and its fee is charged; and, unless it was the last round, one "
            "outside trader comes. After the last round all contracts are settled."
        )
    return (
        f"## The claim\n\nA contract on {public.event} pays {money} if the outcome is “{first}” "
        f"and 0 if it is “{second}”. The outcome is fixed from the start; nobody's trades change "
        f"it. P({first}) before any report is {chance}. There are {rounds} rounds, and each has "
        "the same four parts:\n\n1. The reports that are due in this round arrive.\n2. You act: an "
        "order and a probability.\n3. Your order is executed and the fee charged.\n4. One outside "
        "trader comes (not after the last round).\n\nThen the contracts are settled."
    )


def _reports(public: PredictionPublic) -> str:
    first, second = public.outcomes
    who = SETTINGS[public.style.setting].source
    if public.style.voice:
        head = (
            f"## The reports\n\nA report says “{first}” or “{second}”, and may be wrong. Given the "
            f"outcome, what {_article(who)} reports by itself is independent of every other report "
            "and from round to round."
        )
    else:
        head = (
            f"## The reports\n\nEvery {who} that is due in a round reports “{first}” or "
            f"“{second}”. Reports err. Given the outcome, all reports that are not repetitions are "
            "independent, between rounds and within one."
        )
    copies = "".join(_copying(public, s) for s in public.sources if s.copies is not None)
    return f"{head}\n\n{_sources(public, who)}{copies}\n\n{_schedule(public, who)}"


def _sources(public: PredictionPublic, who: str) -> str:
    first, second = public.outcomes
    if public.style.listed:
        return "\n".join(
            f"- {s.name} reports “{first}” with probability {_chance(public, s.hit)} if the "
            f"outcome is “{first}”, and with probability {_chance(public, s.false_alarm)} if it is "
            f"“{second}”."
            for s in public.sources
        )
    rows = [
        (s.name, [_chance(public, s.hit), _chance(public, s.false_alarm)]) for s in public.sources
    ]
    columns = [f"P(reports “{first}” if “{first}”)", f"P(reports “{first}” if “{second}”)"]
    return table(who, columns, rows)


def _copying(public: PredictionPublic, source: Source) -> str:
    assert source.copies is not None
    model, chance = public.sources[source.copies].name, _chance(public, source.copying)
    if public.style.voice:
        return (
            f"\n\nIn a round in which {model} reports too, {source.name} simply repeats the report "
            f"that {model} makes in that round, with probability {chance} (decided anew each "
            "time), and otherwise reports by itself with the probabilities above. Nobody tells you "
            "which of the two happened."
        )
    return (
        f"\n\n{source.name} copies: whenever {model} is due in the same round, its report is, with "
        f"probability {chance} and independently each time, the one of {model} in that round; "
        f"else, and whenever {model} is "
        "not due, it follows the probabilities above. You do not see whether it copied."
    )


def _schedule(public: PredictionPublic, who: str) -> str:
    due = [
        (str(i), ", ".join(public.sources[source].name for source in row))
        for i, row in enumerate(public.schedule, start=1)
    ]
    if public.style.listed:
        rounds = "; ".join(f"round {i}: {names}" for i, names in due)
        return f"Due, fixed beforehand: {rounds}."
    return table("round", [f"{who}s due"], [(i, [names]) for i, names in due])


def _traders(public: PredictionPublic) -> str:
    flow, (first, second) = public.flow, public.outcomes
    informed, idle = _chance(public, flow.informed), _chance(public, flow.idle)
    if public.style.voice:
        return (
            f"## The outside traders\n\nAfter every round but the last exactly one outside trader "
            f"comes and either buys {flow.size} contracts, sells {flow.size} contracts or does "
            f"nothing. With probability {informed} he knows the outcome: then he buys if it is "
            f"“{first}” and sells if it is “{second}”. If he knows nothing he does nothing with "
            f"probability {idle}, and else buys or sells, equally often. Traders of different "
            "rounds are independent given the outcome, and look neither at prices nor at you. You "
            "see what each did, not what he knew."
        )
    return (
        "## The outside traders\n\nOne outside trader comes after each round except the last. He "
        f"is informed with probability {informed}. The informed buys {flow.size} contracts if the "
        f"outcome is “{first}” and sells {flow.size} if it is “{second}”. The uninformed stays "
        f"idle with probability {idle}, and otherwise buys or sells {flow.size} contracts with "
        "equal probability. All this is independent from round to round given the outcome, and "
        "does not depend on prices or on your orders. The trade is shown to you, its motive not."
    )


def _market(public: PredictionPublic) -> str:
    if isinstance(public.market, Maker):
        return _maker(public, public.market)
    return _book(public, public.market)


def _maker(public: PredictionPublic, market: Maker) -> str:
    pays, b = f"{public.payout:.10g}", market.liquidity
    how = (
        "Everybody trades with an automated market maker (logarithmic scoring rule)."
        if public.style.voice
        else "The counterparty of every trade is a market maker that prices by a formula, the "
        "logarithmic scoring rule."
    )
    return (
        f"## The market\n\n{how} Let N be the net number of contracts it has sold; N = "
        f"{market.net} at the start. A purchase of n contracts costs\n\n    {pays} · {b} · "
        f"[ln(1 + exp((N + n) / {b})) - ln(1 + exp(N / {b}))]   {public.currency},\n\nand raises N "
        "by n. A sale is a purchase of a negative n: the cost is negative, so you are paid. The "
        f"price of the next small fraction of a contract is {pays} / (1 + exp(-N / {b})). N moves "
        "with your trades and with those of the outside traders alike, and with nothing else."
    )


def _book(public: PredictionPublic, market: Book) -> str:
    money, size = public.currency, public.flow.size
    middle = len(market.reference) // 2
    prices = [
        (f"{(i - middle) * size:+d}", f"{price:.10g}") for i, price in enumerate(market.reference)
    ]
    if public.style.listed:
        pairs = "; ".join(f"{flow}: {price}" for flow, price in prices)
        reference = f"R in {money} for each F: {pairs}."
    else:
        reference = table("F", [f"R ({money})"], [(flow, [price]) for flow, price in prices])
    how = (
        "Your own orders never move R, and the book is full again at the start of every round."
        if public.style.voice
        else "The book is filled up anew before each round; what you take leaves no trace in later "
        "rounds."
    )
    return (
        "## The market\n\nYou trade with an order book around a reference price R. R depends only "
        f"on F, the contracts that outside traders have bought so far minus those they have sold:"
        f"\n\n{reference}\n\nOffered to you in every round: {_levels(public, market.asks, '+')}. "
        f"Bought from you in every round: {_levels(public, market.bids, '-')}. An order takes the "
        "best price first, then the next level, and so on. A price that would lie below "
        f"{market.lowest:.10g} or above {market.highest:.10g} {money} is set to that bound. {how}"
    )


def _levels(public: PredictionPublic, levels: tuple[Level, ...], sign: str) -> str:
    shown = [f"{level.size} contracts at R {sign} {level.offset:.10g}" for level in levels]
    return f"{', '.join(shown)} {public.currency}"


def _limits(public: PredictionPublic) -> str:
    fees = "; ".join(f"round {i}: {fee:.10g}" for i, fee in enumerate(public.fees, start=1))
    depth = (
        ", would need more contracts than the book offers" if public.market.kind == "book" else ""
    )
    penalty = (
        f"At settlement a final position of x contracts costs {public.penalty:.10g} · x² "
        f"{public.currency}. "
        if public.penalty
        else ""
    )
    start = (
        "You start without contracts and may borrow money freely"
        if public.style.voice
        else "Your position is 0 at the start, and money is no constraint"
    )
    return (
        f"## Limits and costs\n\n{start}. You may sell contracts that you do not hold (a negative "
        f"position). Your position must stay between -{public.short_limit} and "
        f"+{public.long_limit} contracts. At most {public.orders} of your orders (actions with "
        f"trade ≠ 0) are executed. Fee per contract bought or sold, in {public.currency}: {fees}. "
        f"{penalty}An order that would break the position limit{depth} or that comes when "
        "no order is left is refused as a whole: the round passes as with trade 0, nothing is "
        "charged, no order is used up, and it counts as a breach."
    )


def _contract(public: PredictionPublic) -> str:
    first, _ = public.outcomes
    book = isinstance(public.market, Book)
    shown = (
        "R as `reference`, and `asks` and `bids` as [price, size]" if book else "N and the price"
    )
    index = (
        "; `reference[i]` is R at F = (i - (T - 1)) · `flow.size`, T the number of rounds"
        if book
        else ""
    )
    return (
        '## Your action\n\nIn each round one JSON object `{"trade": n, "probability": p}`: n '
        f"contracts to buy (n > 0) or sell (n < 0), a multiple of {public.lot} between "
        f"-{public.max_order} and {public.max_order}, or 0 to pass; p is P({first}) given all "
        "that you have seen up to this moment, the outside traders included. You are shown: "
        "`round`, `rounds`, `reports` (of this round), `flow` (contracts that the last outside "
        "trader bought, negative if sold; 0 in round 1), `net_flow` (their sum), `market` "
        f"({shown}), `position`, `cash`, `orders_left` and `last_order`. All stated numbers are "
        "exact; `task/instance.json` holds the same (a source's `hit` and `false_alarm` are its "
        f"probabilities of “{first}” under either outcome; `schedule[t]` has the sources due in "
        f"round t + 1{index}). If the episode ends early, every missing action is trade 0, "
        "probability 0.5."
    )


def _score(public: PredictionPublic) -> str:
    scale = f"{public.scale:.10g} {public.currency}"
    return (
        "## The score\n\nYou are to maximise the expected final wealth: money received minus money "
        f"paid, fees included, plus the settlement{' less its cost' if public.penalty else ''}. "
        "The regret of an action is the expected final wealth under optimal play from the moment "
        "of the action, given all that could be known then, minus that of your order followed by "
        f"optimal play. Score = 1 - (sum of regrets) / ({scale}), at least 0: luck does not count. "
        "It passes from 0.9. That scale is twice the smallest expected regret among several rules "
        "that know the exact probabilities and trade whatever gains most at once, if it gains "
        "enough per contract or if the end is near.\n\nReported "
        "apart, with q the exact probability in each round: belief = 1 - mean |p - q|; "
        "calibration = 1 - mean (p - q)², what your p loses in expected "
        "Brier score; safety = 1 - breaches / rounds."
    )


def _chance(public: PredictionPublic, p: float) -> str:
    return f"{100 * p:.10g}%" if public.style.percent else f"{p:.10g}"


def _money(public: PredictionPublic, amount: float) -> str:
    return f"{amount:.10g} {public.currency}"


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
