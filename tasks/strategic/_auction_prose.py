"""The brief of `strategic/auctions` in words and tables."""

from collections.abc import Callable, Sequence

from tasks.strategic._auction_rules import chance, outcome, rules
from tasks.strategic._auction_sale import AuctionPublic, Band, Habit, LotClass, Rival, Section
from tasks.strategic._auction_settings import SETTINGS, Setting
from tasks.strategic._tables import Cells, grid, table


def prompt(public: AuctionPublic) -> str:
    """Markdown: the story, the rules, the tables, what is asked and how it is scored."""
    setting = SETTINGS[public.style.setting]
    sections: dict[Section, Callable[[AuctionPublic, Setting], str]] = {
        "classes": _classes,
        "lots": _lots,
        "rivals": _rivals,
    }
    return "\n\n".join(
        [
            f"{setting.opening} You bid for {setting.agent}.",
            rules(public, setting),
            *(sections[name](public, setting) for name in public.style.order),
            outcome(public, setting),
        ]
    )


def _amounts(values: Sequence[float]) -> list[str]:
    return [f"{value:g}" for value in values]


def _classes(public: AuctionPublic, setting: Setting) -> str:
    parts = [_lot_class(public, lot_class, setting) for lot_class in public.classes]
    return (
        f"## Classes\n\nEvery {setting.lot} belongs to one class. Amounts in {public.currency}.\n\n"
        + "\n\n".join(parts)
    )


def _lot_class(public: AuctionPublic, lot_class: LotClass, setting: Setting) -> str:
    head = f"**{lot_class.name}**: {lot_class.format}, {lot_class.basis} value. "
    chances = [chance(public, p) for p in lot_class.chances]
    values = table("value", _amounts(lot_class.values), [("P(value)", chances)])
    if lot_class.basis == "private":
        return (
            f"{head}Your own value of each such {setting.lot} is drawn from this distribution "
            f"and shown to you before you bid:\n\n{values}"
        )
    readings = grid(
        ("value", "appraisal"),
        _amounts(lot_class.values),
        _amounts(lot_class.appraisals),
        Cells(lot_class.readings, lambda p: chance(public, p), transposed=False),
    )
    return (
        f"{head}Each such {setting.lot} has one value, the same for whoever wins it, drawn from "
        f"this distribution and not shown:\n\n{values}\n\nYou and every rival each read an own "
        "appraisal of it before bidding. Given the value, the appraisals are independent, each "
        f"from the row of the value (P(appraisal | value)):\n\n{readings}"
    )


def _lots(public: AuctionPublic, setting: Setting) -> str:
    rows = [
        (str(i), [lot.name, public.classes[lot.lot_class].name, f"{lot.reserve:g}"])
        for i, lot in enumerate(public.lots, start=1)
    ]
    return (
        f"## The {len(public.lots)} {setting.lot}s\n\nThey are sold in this order, one at a time. "
        f"Values of different {setting.lot}s are independent.\n\n"
        + table("no.", [setting.lot, "class", f"reserve price ({public.currency})"], rows)
    )


def _rivals(public: AuctionPublic, setting: Setting) -> str:
    names = ", ".join(rival.name for rival in public.rivals)
    parts = [_rival(public, rival, setting) for rival in public.rivals]
    ranges = (
        f"“a to b: p” means: with probability p the bid is drawn from all multiples of "
        f"{public.tick:g} from a to b, both included, each with the same chance; “a: p” "
        "means that with probability p it is a."
    )
    return (
        f"## The {setting.rival}s against you\n\n{names} bid on every {setting.lot}. With private "
        f"value, {ranges} With common value, the bid follows from the {setting.rival}'s own "
        "appraisal. All draws are independent of each other and of everything else, except as "
        "stated.\n\n" + "\n\n".join(parts)
    )


def _rival(public: AuctionPublic, rival: Rival, setting: Setting) -> str:
    if rival.role == "reactive" and public.mood is not None:
        head, levels = "bids by the mood of the sale", public.mood.names
    elif rival.role == "house" and public.house is not None:
        head, levels = f"bids through the {setting.buyer} that was sent", public.house.buyers
    else:
        head, levels = "always bids in the same way", ("always",)
    parts = [f"**{rival.name}** {head}."]
    for lot_class, habits in zip(public.classes, rival.habits, strict=True):
        title = f"{rival.name} on {lot_class.name} ({lot_class.format}, {lot_class.basis} value)"
        if lot_class.basis == "private":
            lines = [f"- {n}: {_bands(public, h)}" for n, h in zip(levels, habits, strict=True)]
            parts.append(f"{title}:\n\n" + "\n".join(lines))
            continue
        rows = [(n, _by_appraisal(h)) for n, h in zip(levels, habits, strict=True)]
        columns = _amounts(lot_class.appraisals)
        parts.append(f"{title}, bid by appraisal:\n\n" + table("appraisal", columns, rows))
    return "\n\n".join(parts)


def _bands(public: AuctionPublic, habit: Habit) -> str:
    ranges = [f"{_range(b)}: {chance(public, b.chance)}" for b in habit.bands]
    return "; ".join([f"no bid: {chance(public, habit.no_bid)}", *ranges])


def _range(band: Band) -> str:
    return f"{band.low:g}" if band.low == band.high else f"{band.low:g} to {band.high:g}"


def _by_appraisal(habit: Habit) -> list[str]:
    return [f"{amount:g}" if amount else "no bid" for amount in habit.by_appraisal]
