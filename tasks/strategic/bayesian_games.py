"""Which hidden cause explains the reports? An exact posterior is asked for.

A cause (hypothesis) h holds throughout. Event e emits one hidden signal s ~ rates[h]. Signals are
not seen: the witnesses on duty each send a report r ~ confusion[w][s], independent given s; the
last report symbol means that nothing was delivered. An archive tells only in which bin the number
of reports of one symbol fell among further events of one witness. With all tables known,

    P(h | data) ∝ prior[h] · ∏_e Σ_s rates[h,s] ∏_w confusion[w,s,r_we] · ∏_a P(lo ≤ N_a ≤ hi | h),

N_a ~ Binomial(n_a, Σ_s rates[h,s] confusion[w_a,s,x_a]). The published form (`strategic/v0`) is the
special case of one perfect witness and no archive.
"""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, Field, create_model, field_validator

from tasks._core import BriefText, Budget, Family, Frozen, Params, Public
from tasks.strategic._bayesian_prose import SETTINGS, Setting
from tasks.strategic._tables import Cells, Numbers, article, grid, number_format, table
from tasks.strategic._variants import EXAM_VARIANTS

TOLERANCE = 0.05
"""Largest total variation distance that passes."""
SUM_SLACK = 1e-3
"""How far from 1 an answer's sum may lie."""

Section = Literal["causes", "signals", "witnesses"]
Voice = Literal["account", "protocol"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class BayesianParams(Params):
    """What makes an instance hard."""

    hypotheses: int = Field(ge=2, le=8)
    signals: int = Field(ge=2, le=6)
    events: int = Field(ge=1, le=80)
    witnesses: int = Field(ge=1, le=6)
    noise: float = Field(ge=0.0, le=0.8)
    """Mean probability that a delivered report names another signal than the true one."""
    overlap: float = Field(ge=0.0, le=1.0)
    """Probability that a further witness is on duty at an event (reports then share the signal)."""
    loss: float = Field(ge=0.0, le=0.6)
    """Largest probability, over signals, that a witness on duty delivers nothing."""
    archives: int = Field(ge=0, le=6)
    evidence: float = Field(gt=0.0, le=4.0)
    """Spread of the log signal rates between hypotheses: strength of one clean signal."""
    skew: float = Field(ge=0.0, le=3.0)
    """Spread of the log prior; 0 is a flat prior."""
    digits: int = Field(ge=2, le=5)
    """Decimals of every stated probability; the stated numbers are exact."""


class Witness(Frozen):
    """Who reports, and how reliably."""

    name: str
    confusion: tuple[tuple[float, ...], ...]
    """Shape (signals, signals + 1): P(report | signal); the last column is silence."""


class Report(Frozen):
    """What one witness on duty delivered."""

    witness: int
    report: int
    """Index of a signal, or `len(signals)` for silence."""


class Archive(Frozen):
    """Further events of one witness of which only a bin of one count is known."""

    witness: int
    events: int
    report: int
    low: int
    high: int
    """The number of reports `report` lies in [low, high]; the bins were fixed beforehand."""


class Style(Frozen):
    """How the brief is written; carries no information on the answer."""

    setting: str
    order: tuple[Section, ...]
    numbers: Numbers
    transposed: bool
    listed: bool
    """Events as a list of sentences instead of a table."""
    voice: Voice
    """An account tells the rules in sentences, a protocol in symbols."""


class BayesianPublic(Public):
    """All that a solver needs; the same numbers that the prompt prints."""

    hypotheses: tuple[str, ...]
    prior: tuple[float, ...]
    signals: tuple[str, ...]
    rates: tuple[tuple[float, ...], ...]
    """Shape (hypotheses, signals): P(signal | hypothesis)."""
    witnesses: tuple[Witness, ...]
    events: tuple[tuple[Report, ...], ...]
    archives: tuple[Archive, ...]
    digits: int
    style: Style


def answer(public: BayesianPublic) -> type[BaseModel]:
    """Model of an answer: one probability per hypothesis, in the listed order."""
    k = len(public.hypotheses)
    order = ", ".join(f"{i}: {name}" for i, name in enumerate(public.hypotheses))

    def sums_to_one(value: tuple[float, ...]) -> tuple[float, ...]:
        total = sum(value)
        if abs(total - 1.0) > SUM_SLACK:
            raise ValueError(f"the numbers sum to {total:.6g}; they must sum to 1 ± {SUM_SLACK}")
        return value

    model: type[BaseModel] = create_model(
        "PosteriorAnswer",
        __base__=Frozen,
        __validators__={"sums": field_validator("posterior")(sums_to_one)},
        posterior=(
            Annotated[tuple[Probability, ...], Field(min_length=k, max_length=k)],
            Field(
                description=f"Posterior probabilities in this order: {order}. "
                f"Exactly {k} numbers in [0, 1] that sum to 1 (± {SUM_SLACK}).",
                # For agents that draw by the schema; JSON schema has no word for it.
                json_schema_extra={"x-sums-to": 1.0},
            ),
        ),
    )
    return model


def brief(public: BayesianPublic) -> BriefText:
    """Write the situation, the data, the objective and the answer contract."""
    setting = SETTINGS[public.style.setting]
    sections = {
        "causes": _causes(public, setting),
        "signals": _signals(public, setting),
        "witnesses": _witnesses(public, setting),
    }
    parts = [
        setting.opening,
        *(sections[name] for name in public.style.order),
        _records(public, setting),
        *([_archives(public, setting)] if public.archives else []),
        _contract(public, setting),
    ]
    text = json.dumps(public.model_dump(mode="json", exclude={"style"}), indent=1)
    return BriefText(prompt="\n\n".join(parts), files={"instance.json": text.encode()})


def _causes(public: BayesianPublic, setting: Setting) -> str:
    unit, show = number_format(public.style.numbers, public.digits)
    rows = [(h, [show(p)]) for h, p in zip(public.hypotheses, public.prior, strict=True)]
    text = (
        f"Unknown: h, the one {setting.cause} that holds throughout. Drawn once, before all else, "
        f"with P(h), in {unit}:"
        if public.style.voice == "protocol"
        else f"Exactly one {setting.cause} is behind everything below, the same throughout. Before "
        f"any report, its probability is ({unit}):"
    )
    return f"## The {setting.cause}\n\n{text}\n\n" + table(setting.cause, ["prior"], rows)


def _signals(public: BayesianPublic, setting: Setting) -> str:
    unit, show = number_format(public.style.numbers, public.digits)
    cells = Cells(public.rates, show, public.style.transposed)
    text = (
        f"s_e, the true {setting.signal} of {setting.event} e, is hidden: s_e ~ P(s | h), "
        f"independently over e given h. P({setting.signal} | {setting.cause}), in {unit}:"
        if public.style.voice == "protocol"
        else f"Every {setting.event} has exactly one true {setting.signal}. Given the "
        f"{setting.cause}, the {setting.signal}s of different {setting.event}s are independent. "
        f"P({setting.signal} | {setting.cause}) in {unit}:"
    )
    return f"## The {setting.signal}\n\n{text}\n\n" + grid(
        (setting.cause, setting.signal), public.hypotheses, public.signals, cells
    )


def _witnesses(public: BayesianPublic, setting: Setting) -> str:
    unit, show = number_format(public.style.numbers, public.digits)
    reports = [*public.signals, setting.silence]
    who = article(setting.witness).capitalize()
    tables = [
        f"{w.name}:\n\n"
        + grid(
            ("true", "reported"),
            public.signals,
            reports,
            Cells(w.confusion, show, public.style.transposed),
        )
        for w in public.witnesses
    ]
    text = (
        f"r_we, what {setting.witness} w reports on {setting.event} e if on duty there, is "
        f"{article(setting.signal)} or “{setting.silence}” (nothing delivered): r_we ~ P_w(r | "
        f"s_e), independently over w and e given all s_e. Duties were fixed beforehand and do not "
        f"depend on h or s. P(report | true {setting.signal}), in {unit}:"
        if public.style.voice == "protocol"
        else f"Nobody sees the true {setting.signal}. {who} on duty reports one, which may be "
        f"wrong, or delivers nothing (“{setting.silence}”). Given the true {setting.signal} of "
        f"{article(setting.event)}, the report of each {setting.witness} is independent of the "
        f"other reports and of all else. Who is on duty was fixed beforehand and tells nothing. "
        f"P(report | true {setting.signal}) in {unit}:"
    )
    return f"## The reports\n\n{text}\n\n" + "\n\n".join(tables)


def _records(public: BayesianPublic, setting: Setting) -> str:
    names = [w.name for w in public.witnesses]
    words = [*public.signals, setting.silence]
    head = (
        f"## The record\n\n{len(public.events)} {setting.event}s. Where more than one "
        f"{setting.witness} was on duty at the same {setting.event}, all of them report on the "
        f"same true {setting.signal}."
    )
    if public.style.listed:
        lines = [
            f"{i}. "
            + "; ".join(f"{public.witnesses[r.witness].name}: {words[r.report]}" for r in e)
            for i, e in enumerate(public.events, start=1)
        ]
        return f"{head}\n\n" + "\n".join(lines)
    rows: list[tuple[str, list[str]]] = []
    for i, event in enumerate(public.events, start=1):
        seen = {r.witness: words[r.report] for r in event}
        rows.append((str(i), [seen.get(w, "-") for w in range(len(public.witnesses))]))
    return f"{head} “-” means not on duty.\n\n" + table(setting.event, names, rows)


def _archives(public: BayesianPublic, setting: Setting) -> str:
    words = [*public.signals, setting.silence]
    lines = [
        f"- {public.witnesses[a.witness].name} was on duty, alone, at {a.events} further "
        f"{setting.event}s, none of them in the record and each in one summary only. The number "
        f"of those for which “{words[a.report]}” was written down lies between {a.low} and "
        f"{a.high}, both included."
        for a in public.archives
    ]
    return (
        f"## Summaries\n\nOf some further {setting.event}s only a count was kept, and of the count "
        "only the bin into which it fell. Which count to keep and the bins were fixed beforehand; "
        "nothing else is known of them.\n\n" + "\n".join(lines)
    )


def _contract(public: BayesianPublic, setting: Setting) -> str:
    names = ", ".join(public.hypotheses)
    return (
        f"## What is asked\n\nThe posterior probability of each {setting.cause} given all of the "
        "above. All stated numbers are exact; `task/instance.json` holds the same data "
        f"(`rates[h][s]`, `witnesses[w].confusion[s][r]`, report index {len(public.signals)} is "
        f"“{setting.silence}”).\n\nAnswer with one JSON object "
        f'`{{"posterior": [p1, …, p{len(public.hypotheses)}]}}` in this order: {names}. '
        f"The numbers lie in [0, 1] and sum to 1 (± {SUM_SLACK}); no other keys.\n\n"
        "Score: 1 - TV, where TV = ½ Σ |p - q| is the total variation distance to the exact "
        f"posterior q. It passes if TV ≤ {TOLERANCE}."
    )


family: Family[BayesianParams, BayesianPublic] = Family(
    version=2,
    title="Bayesian games",
    summary="Exact posterior over hidden causes from unreliable, overlapping and censored reports.",
    tags=frozenset({"strategic"}),
    params=BayesianParams,
    public=BayesianPublic,
    presets={
        "easy": BayesianParams(
            hypotheses=3,
            signals=3,
            events=10,
            witnesses=1,
            noise=0.4,
            overlap=0.0,
            loss=0.0,
            archives=0,
            evidence=2.0,
            skew=0.8,
            digits=2,
        ),
        "medium": BayesianParams(
            hypotheses=4,
            signals=3,
            events=10,
            witnesses=2,
            noise=0.3,
            overlap=0.5,
            loss=0.0,
            archives=0,
            evidence=1.2,
            skew=1.0,
            digits=3,
        ),
        "hard": BayesianParams(
            hypotheses=5,
            signals=4,
            events=16,
            witnesses=3,
            noise=0.35,
            overlap=0.6,
            loss=0.4,
            archives=1,
            evidence=0.9,
            skew=1.0,
            digits=3,
        ),
        "expert": BayesianParams(
            hypotheses=8,
            signals=5,
            events=36,
            witnesses=4,
            noise=0.4,
            overlap=0.6,
            loss=0.5,
            archives=3,
            evidence=0.8,
            skew=1.2,
            digits=4,
        ),
    },
    answer=answer,
    brief=brief,
    measure="posterior",
    variants=EXAM_VARIANTS,
    relations=("units", "relabel", "permute", "paraphrase"),
    budget=Budget(wall_s=1200.0, tool_calls=100),
)
