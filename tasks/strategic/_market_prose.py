"""The words of `strategic/market_making`: settings to draw from and the rules in two voices."""

from dataclasses import dataclass
from typing import Literal

Voice = Literal["letter", "rulebook"]


@dataclass(frozen=True)
class Setting:
    """One story. The words change, the market does not."""

    opening: str
    lot: str
    """What one unit of inventory is."""
    unit: str
    """Smallest amount of money; prices are whole numbers of it."""
    assets: tuple[str, ...]
    regimes: tuple[str, ...]
    sessions: tuple[str, ...]


SETTINGS: dict[str, Setting] = {
    "carbon": Setting(
        "You keep a two-sided market in emission allowances on a small exchange.",
        "allowance block",
        "cent",
        ("ALW-23", "ALW-31", "ALW-47", "ALW-58"),
        ("basalt", "chalk", "flint", "gneiss"),
        ("opening call", "forenoon", "lunch hours", "afternoon", "closing run"),
    ),
    "grain": Setting(
        "You are the dealer of a grain hall and quote one contract to whoever comes to the rail.",
        "wagon",
        "kopeck",
        ("winter rye", "durum", "malting barley", "spelt"),
        ("heron", "ibis", "jackdaw", "kestrel"),
        ("bell one", "bell two", "bell three", "bell four", "bell five"),
    ),
    "power": Setting(
        "You make the market in one delivery hour of electricity until the gate closes.",
        "megawatt block",
        "cent",
        ("hour 07", "hour 12", "hour 18", "hour 21"),
        ("amber", "cobalt", "crimson", "jade"),
        ("window A", "window B", "window C", "window D", "window E"),
    ),
    "tokens": Setting(
        "You run the quoting desk of a venue on which vouchers for computing time change hands.",
        "voucher",
        "point",
        ("GPU-hour", "CPU-day", "disk-week", "link-hour"),
        ("lynx", "marten", "otter", "polecat"),
        ("shift 1", "shift 2", "shift 3", "shift 4", "shift 5"),
    ),
    "metals": Setting(
        "You are registered as the maker of prices in a minor metal for one sitting.",
        "bar",
        "mil",
        ("indium", "rhenium", "tellurium", "hafnium"),
        ("delta", "kappa", "omega", "sigma"),
        ("ring one", "ring two", "ring three", "ring four", "ring five"),
    ),
    "tickets": Setting(
        "An exchange for festival passes pays you to stand ready on both sides of one pass.",
        "ticket",
        "token",
        ("north stage pass", "harbour pass", "forest pass", "gala pass"),
        ("clover", "heather", "juniper", "sorrel"),
        ("early slot", "second slot", "third slot", "fourth slot", "late slot"),
    ),
}

LETTER: dict[str, str] = {
    "calendar": (
        "The episode has {total} steps, in sessions of {steps} steps each: {sessions}. In each "
        "session one of the hidden regimes {regimes} rules, the same from the session's first step "
        "to its last. You never see it while the session lasts; when the session is over it is "
        "published, and the regime of the next session is drawn from the row of the published one. "
        "The regime decides nothing but how often customers are informed."
    ),
    "customers": (
        "In every step at most one customer comes: a seller (who would hit your bid), a buyer (who "
        "would lift your ask), or nobody, with the session's probabilities below. A customer who "
        "comes is informed with the probability of the regime and the side, otherwise uninformed. "
        "Steps are independent given the regimes. A customer who meets a quote of yours on the "
        "side in question accepts it with the probability of the acceptance table for kind and "
        "offset, and then trades the smaller of your size and the size wanted, which is drawn by "
        "kind from the size table. All these draws are independent."
    ),
    "quotes": (
        "Before each step you post a bid and an ask as offsets from the current mid, in {unit}s: "
        "one of {grid}, or null for no quote on that side, each with a size from 1 to {size} "
        "{lot}s. Your inventory must stay within {low} and +{limit}. A size that a full fill "
        "would carry past that limit is cut to what fits (to no quote if nothing does), and the "
        "attempt is recorded as the violation `position_limit`. The loss rule: an adverse fill is "
        "a fill by an informed customer; after {strikes} adverse fills within one session your "
        "desk is halted until that session ends. Quotes posted while halted are void and recorded "
        "as the violation `halted_quote`. The quotes that remain after these cuts are the "
        "effective quotes."
    ),
    "events": (
        "Within a step things happen in this order. Your effective quotes stand. The customer, if "
        "any, comes and perhaps trades: a fill of n at your bid costs n · (mid - offset), one at "
        "your ask brings n · (mid + offset), and every {lot} filled on either side also brings "
        "you {rebate} {unit}s (a negative number is a fee). If both effective quotes stood and "
        "their offsets sum to {width} or less, you get a stipend of {stipend} {unit}s, filled or "
        "not. Then, if the customer was informed, traded or not, the mid moves: up by {up} after a "
        "buyer, down by {down} after a seller. Then the mid moves by {noise_down}, 0 or "
        "+{noise} {unit}s with probabilities 1/4, 1/2, 1/4, independently of everything. Then "
        "holding costs are taken on the inventory q that you now have: h · q² with the session's "
        "h, and {borrow} {unit}s for every {lot} that you are short. Last, the tape prints who "
        "came and of which kind, and adverse fills are counted."
    ),
    "ending": (
        "After the last step the inventory q is closed out at the mid, at a cost of {liquidation} "
        "{unit}s for every {lot}, long or short; cash at the beginning is 0. What counts is the "
        "expected final cash; the reward of a step is the change of cash + q · mid in it (in the "
        "last step the close-out cost included)."
    ),
}

RULEBOOK: dict[str, str] = {
    "calendar": (
        "1. Length: {total} steps = consecutive sessions of {steps} steps: {sessions}.\n"
        "2. Every session has exactly one regime out of {regimes}. It is fixed for the session, "
        "not shown during it, and disclosed directly after its last step.\n"
        "3. First session: regime by the initial probabilities. Any later session: by the row of "
        "the regime just disclosed.\n"
        "4. The regime enters one thing only: the probability that a customer is informed."
    ),
    "customers": (
        "1. Per step: one seller, one buyer, or no customer (probabilities by session, table). A "
        "seller can trade with your bid only, a buyer with your ask only.\n"
        "2. Kind: informed with the probability given by regime and side, else uninformed.\n"
        "3. If there is a quote of yours on that side, it is accepted with the probability that "
        "the acceptance table gives for kind and offset.\n"
        "4. On acceptance the quantity is min(your size, wanted size); the wanted size has the "
        "distribution given for the kind.\n"
        "5. Given the regimes, all draws of all steps are independent of one another."
    ),
    "quotes": (
        "1. An action sets a bid and an ask, each either null (no quote) or an offset from the "
        "current mid out of {grid} {unit}s, with a whole size of 1 to {size} {lot}s.\n"
        "2. Inventory limit: {low} … +{limit} {lot}s. Where a full fill would break it, the size "
        "is reduced to the largest admissible one, or the quote removed if there is none; each "
        "such step is a violation `position_limit`.\n"
        "3. Loss rule: {strikes} adverse fills in one session halt the desk up to the end of that "
        "session (adverse fill: any fill by an informed customer; the count restarts with each "
        "session). A quote during a halt is removed and is a violation `halted_quote`.\n"
        "4. “Effective” are the quotes left by rules 2 and 3."
    ),
    "events": (
        "Sequence of one step:\n"
        "a. Effective quotes are in force. Stipend: {stipend} {unit}s if both sides have an "
        "effective quote and bid offset + ask offset ≤ {width}; fills do not matter for it.\n"
        "b. Customer and trade. n {lot}s at the bid: cash - n · (mid - offset); at the ask: cash + "
        "n · (mid + offset). In addition {rebate} {unit}s per {lot} filled, either side (a "
        "negative number is a fee).\n"
        "c. Information: an informed buyer moves the mid by +{up}, an informed seller by "
        "-{down} {unit}s, whether or not there was a trade.\n"
        "d. Noise: the mid moves by {noise_down}, 0, +{noise} {unit}s with probability 1/4, 1/2, "
        "1/4, independent of all else.\n"
        "e. Holding: with q the inventory after b, cash falls by h · q² (h by session) and by "
        "{borrow} {unit}s per {lot} short.\n"
        "f. The tape shows the side and kind of the customer; the loss rule is applied."
    ),
    "ending": (
        "1. Cash starts at 0. After the last step inventory q is liquidated: cash + q · mid - "
        "{liquidation} · |q| (in {unit}s).\n"
        "2. The objective is the expectation of that final amount.\n"
        "3. Step reward: change of cash + q · mid during the step; in the last step minus the "
        "liquidation cost."
    ),
}

VOICES: dict[Voice, dict[str, str]] = {"letter": LETTER, "rulebook": RULEBOOK}

HEADINGS: dict[Voice, dict[str, str]] = {
    "letter": {
        "calendar": "When",
        "customers": "Who comes",
        "quotes": "What you may post",
        "events": "What happens in a step",
        "ending": "How it ends",
    },
    "rulebook": {
        "calendar": "Calendar and regimes",
        "customers": "Customers",
        "quotes": "Quotes, limits, loss rule",
        "events": "Sequence of events",
        "ending": "Settlement and objective",
    },
}
