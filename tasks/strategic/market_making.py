"""Quote both sides of a market, step by step, against customers who may know more.

Each session has a hidden regime, published when it ends. Per step at most one customer comes, from
a stated law; an informed one moves the mid. Fills are drawn from stated acceptance tables that
fall in the offset; inventory is limited and costly, adverse fills halt the desk, tight two-sided
quotes earn a stipend. The tape tells the kind of every customer, so the belief about the regime is
a function of four counts, and the optimum is an exact dynamic program over (step, counts, last
published regime, inventory, adverse fills).
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model, field_validator

from tasks._core import BriefText, Budget, Family, Frozen, Params, Public
from tasks.strategic._market_prose import HEADINGS, SETTINGS, VOICES, Voice
from tasks.strategic._tables import Cells, Numbers, grid, number_format, table
from tasks.strategic._variants import EXAM_VARIANTS

PASS = 0.9
"""Smallest score that passes."""
SUM_SLACK = 1e-3
"""How far from 1 stated regime probabilities may sum."""
DIGITS = 2
"""Decimals of every stated probability and amount; the stated numbers are exact."""

Section = Literal["calendar", "customers", "quotes"]
Customer = Literal[
    "none", "uninformed seller", "informed seller", "uninformed buyer", "informed buyer"
]
CUSTOMERS: tuple[Customer, ...] = (
    "none",
    "uninformed seller",
    "informed seller",
    "uninformed buyer",
    "informed buyer",
)
"""What the tape can print, in this order wherever an index stands for it."""

Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class MakingParams(Params):
    """What makes an instance hard."""

    sessions: int = Field(ge=1, le=5)
    steps: int = Field(ge=2, le=6)
    """Steps of a session."""
    regimes: int = Field(ge=2, le=3)
    offsets: int = Field(ge=3, le=9)
    sizes: int = Field(ge=1, le=3)
    limit: int = Field(ge=2, le=9)
    """Largest inventory, long or short."""
    strikes: int = Field(ge=1, le=3)
    """Adverse fills in a session that halt the desk."""
    toxicity: float = Field(gt=0.0, le=0.7)
    """Largest probability that a customer is informed."""
    asymmetry: float = Field(ge=0.0, le=1.0)
    """How far the two sides and the sessions differ."""
    persistence: float = Field(ge=0.0, le=1.0)
    """How much the last regime tells of the next one."""
    noise: int = Field(ge=1, le=5)
    """Size of the meaningless moves of the mid, in grid ticks."""


class Regime(Frozen):
    """A hidden state of the market."""

    name: str
    informed_sellers: float
    informed_buyers: float
    """P(informed | a customer of that side comes)."""


class Session(Frozen):
    """A stretch of the calendar."""

    name: str
    sellers: float
    buyers: float
    """P(one comes in a step)."""
    holding: float
    """Cost per step and squared unit of inventory."""


class Acceptance(Frozen):
    """P(a customer accepts | kind, offset), by the grid of offsets."""

    uninformed: tuple[float, ...]
    informed: tuple[float, ...]


class Style(Frozen):
    """How the brief is written; carries no information on the market."""

    setting: str
    voice: Voice
    order: tuple[Section, ...]
    numbers: Numbers
    transposed: bool


class MakingPublic(Public):
    """All that a solver needs; money in the displayed unit, exact at two decimals."""

    asset: str
    tick: int
    """Displayed units per internal tick; all money is a multiple of tick / 100."""
    mid: int
    inventory: int
    regimes: tuple[Regime, ...]
    initial: tuple[float, ...]
    transition: tuple[tuple[float, ...], ...]
    """Shape (regimes, regimes): P(next | last)."""
    sessions: tuple[Session, ...]
    steps: int
    """Steps of each session."""
    offsets: tuple[int, ...]
    bid: Acceptance
    """Of sellers who meet the bid."""
    ask: Acceptance
    size_uninformed: tuple[float, ...]
    """P(wanted size = 1, 2, …)."""
    size_informed: tuple[float, ...]
    limit: int
    strikes: int
    move_up: int
    move_down: int
    noise: int
    rebate: float
    stipend: float
    width: int
    borrow: float
    liquidation: float
    scale: float
    """Regret that brings the score to 0, in the displayed unit."""
    style: Style

    @property
    def total(self) -> int:
        """Steps of the episode."""
        return self.steps * len(self.sessions)


def answer(public: MakingPublic) -> type[BaseModel]:
    """Model of one action: quotes, and the beliefs behind them."""
    k, grid_ = len(public.regimes), public.offsets
    order = ", ".join(f"{i}: {regime.name}" for i, regime in enumerate(public.regimes))

    def on_grid(value: int | None) -> int | None:
        if value is not None and value not in grid_:
            allowed = ", ".join(map(str, grid_))
            raise ValueError(f"{value} is not on the grid {allowed}; null posts no quote")
        return value

    def sums_to_one(value: tuple[float, ...]) -> tuple[float, ...]:
        if abs(sum(value) - 1.0) > SUM_SLACK:
            raise ValueError(f"the numbers sum to {sum(value):.6g}; they must sum to 1")
        return value

    def offset(side: str) -> Any:
        listed: Any = Annotated[int, Field(json_schema_extra={"enum": list(grid_)})]
        told = f"Offset of the {side} from the mid, one of the grid; null for no {side}."
        return (listed | None, Field(description=told))

    def size(side: str) -> Any:
        told = f"Size of the {side}; without meaning where its offset is null."
        return (int, Field(ge=1, le=len(public.size_uninformed), description=told))

    def fill(side: str) -> Any:
        told = f"P(your effective {side} trades in this step); 0 where there is none."
        return (Probability, Field(description=told))

    model: type[BaseModel] = create_model(
        "QuoteAction",
        __base__=Frozen,
        __validators__={
            "grid": field_validator("bid_offset", "ask_offset")(on_grid),
            "sums": field_validator("regime_probabilities")(sums_to_one),
        },
        bid_offset=offset("bid"),
        ask_offset=offset("ask"),
        bid_size=size("bid"),
        ask_size=size("ask"),
        regime_probabilities=(
            Annotated[tuple[Probability, ...], Field(min_length=k, max_length=k)],
            Field(
                description=f"Your belief about the regime of this session: {order}. Sums to 1.",
                json_schema_extra={"x-sums-to": 1.0},
            ),
        ),
        fill_probability_bid=fill("bid"),
        fill_probability_ask=fill("ask"),
    )
    return model


def brief(public: MakingPublic) -> BriefText:
    """Write the market, the rules, the objective and the action contract."""
    style = public.style
    setting, voice = SETTINGS[style.setting], VOICES[style.voice]
    words = _words(public)
    tables = {
        "calendar": _regimes(public),
        "customers": _customers(public),
        "quotes": "",
    }
    parts = [f"{setting.opening} The contract is “{public.asset}”; money is in {setting.unit}s."]
    for name in (*style.order, "events", "ending"):
        rules = voice[name].format_map(words)
        parts.append(f"## {HEADINGS[style.voice][name]}\n\n{rules}")
        parts += [tables[name]] if tables.get(name) else []
    parts += [_start(public), _seen(public), _contract(public)]
    text = json.dumps(public.model_dump(mode="json", exclude={"style"}), indent=1)
    return BriefText(prompt="\n\n".join(parts), files={"instance.json": text.encode()})


def _words(public: MakingPublic) -> dict[str, object]:
    setting = SETTINGS[public.style.setting]
    return {
        "total": public.total,
        "steps": public.steps,
        "sessions": ", ".join(session.name for session in public.sessions),
        "regimes": ", ".join(regime.name for regime in public.regimes),
        "unit": setting.unit,
        "lot": setting.lot,
        "grid": ", ".join(map(str, public.offsets)),
        "size": len(public.size_uninformed),
        "low": -public.limit,
        "limit": public.limit,
        "strikes": public.strikes,
        "rebate": f"{public.rebate:.2f}",
        "stipend": f"{public.stipend:.2f}",
        "width": public.width,
        "up": public.move_up,
        "down": public.move_down,
        "noise": public.noise,
        "noise_down": -public.noise,
        "borrow": f"{public.borrow:.2f}",
        "liquidation": f"{public.liquidation:.2f}",
    }


def _regimes(public: MakingPublic) -> str:
    unit, show = number_format(public.style.numbers, DIGITS)
    names = [regime.name for regime in public.regimes]
    start = [(n, [show(p)]) for n, p in zip(names, public.initial, strict=True)]
    cells = Cells(public.transition, show, public.style.transposed)
    informed = [(r.informed_sellers, r.informed_buyers) for r in public.regimes]
    kinds = Cells(informed, show, public.style.transposed)
    return (
        f"Initial probabilities of the first session's regime ({unit}):\n\n"
        + table("regime", ["initial"], start)
        + f"\n\nP(regime of the next session | regime of this one) in {unit}:\n\n"
        + grid(("this", "next"), names, names, cells)
        + f"\n\nP(informed | regime, side of the customer) in {unit}:\n\n"
        + grid(("regime", "side"), names, ["sellers", "buyers"], kinds)
    )


def _customers(public: MakingPublic) -> str:
    unit, show = number_format(public.style.numbers, DIGITS)
    rows = [
        (s.name, [show(s.sellers), show(s.buyers), f"{s.holding:.2f}"]) for s in public.sessions
    ]
    levels = [f"offset {offset}" for offset in public.offsets]
    who = ["seller, uninformed", "seller, informed", "buyer, uninformed", "buyer, informed"]
    chances = (
        public.bid.uninformed,
        public.bid.informed,
        public.ask.uninformed,
        public.ask.informed,
    )
    sizes = [public.size_uninformed, public.size_informed]
    wanted = [f"size {n}" for n in range(1, len(public.size_uninformed) + 1)]
    return (
        f"Per step, in {unit} (h, the holding cost, in {SETTINGS[public.style.setting].unit}s):"
        "\n\n"
        + table("session", ["P(seller)", "P(buyer)", "h"], rows)
        + f"\n\nP(a customer accepts | kind, your offset) in {unit}:\n\n"
        + grid(("customer", "offset"), who, levels, Cells(chances, show, public.style.transposed))
        + f"\n\nP(wanted size | kind) in {unit}:\n\n"
        + grid(
            ("kind", "size"),
            ["uninformed", "informed"],
            wanted,
            Cells(sizes, show, public.style.transposed),
        )
    )


def _start(public: MakingPublic) -> str:
    return (
        f"## At the start\n\nMid {public.mid}, inventory {public.inventory}, cash 0. All stated "
        "numbers are exact; `task/instance.json` holds the same data (`bid` is the acceptance of "
        "sellers who meet your bid, `ask` that of buyers; `transition[i][j]` is P(next = j | "
        "last = i); `holding` is h; `offsets` is the grid; `tick` divides every price)."
    )


def _seen(public: MakingPublic) -> str:
    printed = ", ".join(f"“{name}”" for name in CUSTOMERS)
    return (
        "## What you see before each step\n\n`step` (from 1), `session` and `session_step` (both "
        "from 1), `mid`, `inventory`, `cash`, `adverse_fills` (in this session), `halted`, "
        "`published` (names of the regimes of the sessions that are over), `tape` (this session's "
        f"customers so far, each of {printed}), and `last` (of the step before: `customer`, "
        "`bid_filled`, `ask_filled`, `mid_move`; null at first). After the last step you see "
        "`mid`, `inventory` (closed out: 0), `cash` (what counts), `published` and `last`."
    )


def _contract(public: MakingPublic) -> str:
    unit = SETTINGS[public.style.setting].unit
    names = ", ".join(regime.name for regime in public.regimes)
    return (
        "## What is asked\n\nOne action per step, with all seven keys: `bid_offset`, `ask_offset` "
        "(from the grid, or null), `bid_size`, `ask_size`, `regime_probabilities` (of this "
        f"session's regime before the step, in the order {names}; sums to 1 ± {SUM_SLACK}), "
        "`fill_probability_bid`, `fill_probability_ask` (that your effective quote on that side "
        "trades at least one unit in this step).\n\n"
        "**Score (decision)**: 1 - regret / scale, clipped to [0, 1]. The regret of a step is the "
        "expected final cash under optimal play from what you had been shown, minus that of your "
        "effective quotes in this step followed by optimal play; regrets are summed over the "
        "steps. No luck stands in it, and stated beliefs do not enter. The scale is "
        f"{public.scale:.2f} {unit}s: twice the expected regret of the best of a set of simple "
        "rules (constant quotes, linear inventory skews, Avellaneda-Stoikov quotes, one-step "
        f"look-aheads). It passes at {PASS}.\n\n"
        "Apart from the score stand: **belief**, 1 - the mean over steps of the total variation "
        "distance ½ Σ |p - q| between your regime probabilities and the exact posterior given all "
        "you had been shown; **calibration**, 1 - the mean over steps and sides of |stated - "
        "exact| fill probability of your effective quotes; **safety**, the share of steps without "
        "a violation.\n\n"
        "If you stop early, the remaining steps are played without quotes; they count 0 for "
        "belief and calibration."
    )


def _preset(*numbers: int, toxicity: float, asymmetry: float, persistence: float) -> MakingParams:
    sessions, steps, regimes, offsets, sizes, limit, strikes, noise = numbers
    return MakingParams(
        sessions=sessions,
        steps=steps,
        regimes=regimes,
        offsets=offsets,
        sizes=sizes,
        limit=limit,
        strikes=strikes,
        noise=noise,
        toxicity=toxicity,
        asymmetry=asymmetry,
        persistence=persistence,
    )


family: Family[MakingParams, MakingPublic] = Family(
    version=1,
    title="Market making",
    summary="Quote a market step by step: fills, inventory, a loss rule and informed customers.",
    tags=frozenset({"strategic"}),
    params=MakingParams,
    public=MakingPublic,
    presets={
        "easy": _preset(2, 5, 2, 4, 2, 4, 2, 1, toxicity=0.5, asymmetry=0.5, persistence=0.3),
        "medium": _preset(3, 4, 2, 5, 2, 5, 2, 1, toxicity=0.5, asymmetry=0.7, persistence=0.5),
        "hard": _preset(3, 5, 3, 7, 2, 6, 2, 2, toxicity=0.5, asymmetry=0.9, persistence=0.6),
        "expert": _preset(4, 5, 3, 8, 3, 8, 2, 3, toxicity=0.55, asymmetry=1.0, persistence=0.7),
    },
    answer=answer,
    brief=brief,
    measure="regret",
    episode=True,
    budget=Budget(wall_s=1800.0, tool_calls=120),
    variants=EXAM_VARIANTS,
    relations=("units", "relabel", "permute", "paraphrase"),
)
