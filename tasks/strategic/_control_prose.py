"""The words of `strategic/information_control`: settings to draw from, and the brief."""

from collections.abc import Callable
from dataclasses import dataclass

from tasks.strategic._control_game import ControlPublic
from tasks.strategic._tables import number_format, table


@dataclass(frozen=True)
class Setting:
    """One story. The words change, the model does not."""

    opening: str
    round: str
    """What a round is, e.g. `shift`."""
    money: str
    """Unit of every amount."""
    regimes: tuple[str, ...]
    modes: tuple[str, ...]
    sources: tuple[str, ...]
    readings: tuple[str, ...]
    outcomes: tuple[str, str]
    """What a success and a failure are called."""


SETTINGS: dict[str, Setting] = {
    "pumps": Setting(
        "You run a pumping station whose main bearing is, unseen, in one of two conditions.",
        "shift",
        "credits",
        ("sound", "worn", "balanced", "eccentric"),
        ("full flow", "half flow", "pulsed flow", "bypass", "reverse flush"),
        ("vibration probe", "oil assay", "thermal image", "ultrasound", "acoustic log"),
        ("low", "raised", "high", "erratic"),
        ("target met", "target missed"),
    ),
    "orchard": Setting(
        "You manage an orchard under a season that is, unseen, in one of two climates.",
        "week",
        "florins",
        ("dry spell", "wet spell", "cool drift", "warm drift"),
        ("deep watering", "light watering", "shade nets", "open rows", "mist lines"),
        ("soil core", "leaf test", "station bulletin", "balloon sounding", "insect trap"),
        ("brown", "green", "pale", "mottled"),
        ("good crop", "poor crop"),
    ),
    "harbour": Setting(
        "You pilot a harbour ferry in a channel whose current is, unseen, of one of two kinds.",
        "crossing",
        "crowns",
        ("ebb type", "flood type", "shear type", "slack type"),
        ("north route", "south route", "mid channel", "buoy line", "lee shore"),
        ("drift card", "sonar sweep", "tide gauge", "pilot launch", "radar echo"),
        ("east", "west", "mixed", "none"),
        ("on time", "late"),
    ),
    "desk": Setting(
        "You operate a delivery fleet in a city whose traffic is, unseen, in one of two states.",
        "wave",
        "tokens",
        ("flowing", "clogged", "tidal", "scattered"),
        ("ring road", "centre first", "split fleet", "night vans", "cargo bikes"),
        ("drone pass", "loop counter", "radio survey", "toll feed", "courier poll"),
        ("light", "steady", "heavy", "stalled"),
        ("delivered", "returned"),
    ),
}


def brief_parts(public: ControlPublic) -> list[str]:
    """The sections of the brief in the drawn order, then the contract."""
    setting = SETTINGS[public.style.setting]
    sections = {
        "regimes": _regimes(public, setting),
        "modes": _modes(public, setting),
        "sources": _sources(public, setting),
    }
    return [
        _opening(public, setting),
        *(sections[name] for name in public.style.order),
        _flow(public, setting),
        _contract(public, setting),
    ]


def _opening(public: ControlPublic, setting: Setting) -> str:
    one, other = public.regimes
    return (
        f"{setting.opening} They are called “{one}” and “{other}”. There are {public.rounds} "
        f"{setting.round}s. In each you may first buy reports on the regime, and then operate one "
        f"mode. All amounts are in {setting.money}; all stated numbers are exact."
    )


def _regimes(public: ControlPublic, setting: Setting) -> str:
    unit, show = _format(public)
    one, other = public.regimes
    rows = [(phase.name, [show(phase.change[0]), show(phase.change[1])]) for phase in public.phases]
    plan = ", ".join(
        f"{number}: {public.phases[phase].name}" for number, phase in enumerate(public.plan, 1)
    )
    return (
        f"## The regime\n\nIn {setting.round} 1 the regime is “{other}” with {_word(unit)} "
        f"{show(public.prior)}, else “{one}”. After every {setting.round} it changes by chance, "
        f"whatever you do; the {_word(unit)} of a change depends on the phase of the "
        f"{setting.round} that just ended ({unit}):\n\n"
        + table("phase", [f"{one} → {other}", f"{other} → {one}"], rows)
        + f"\n\nPhase of each {setting.round}: {plan}."
    )


def _modes(public: ControlPublic, setting: Setting) -> str:
    unit, show = _format(public)
    good, bad = public.outcomes
    one, other = public.regimes
    rows = [
        (m.name, [show(m.success[0]), show(m.success[1]), f"{m.gain:g}", f"{m.loss:g}"])
        for m in public.modes
    ]
    names = [m.name for m in public.modes]
    costs = [
        (name, [f"{cost:g}" for cost in row])
        for name, row in zip(names, public.switching, strict=True)
    ]
    return (
        f"## The modes\n\nA mode that is operated ends in “{good}”, which pays its gain, or in "
        f"“{bad}”, which costs its loss. P({good} | regime of that {setting.round}) in {unit}:\n\n"
        + table("mode", [f"{good} if {one}", f"if {other}", "gain", "loss"], rows)
        + "\n\nOperating another mode than the one before costs in addition (row: before, column: "
        f"now); before {setting.round} 1 the mode is “{names[public.start]}”:\n\n"
        + table("from \\ to", names, costs)
    )


def _sources(public: ControlPublic, setting: Setting) -> str:
    unit, show = _format(public)
    parts = [
        f"{source.name} (price {source.price:g}):\n\n"
        + table(
            "regime",
            source.readings,
            [
                (name, [show(p) for p in row])
                for name, row in zip(public.regimes, source.rates, strict=True)
            ],
        )
        for source in public.sources
    ]
    return (
        f"## The reports\n\nA report is one reading, drawn anew at every purchase, independent of "
        f"all else given the regime of the {setting.round}. At most {public.per_round} may be "
        f"bought in one {setting.round}, and {public.reports} in all. P(reading | regime) in "
        f"{unit}:\n\n" + "\n\n".join(parts)
    )


def _flow(public: ControlPublic, setting: Setting) -> str:
    return (
        f"## How it is played\n\nEvery `act` is one action: `buy:<source>` shows a reading and "
        f"stays in the {setting.round}; `operate:<mode>` shows the outcome, pays, and ends the "
        f"{setting.round}. With each action you state in `probability` how probable the regime "
        f"“{public.regimes[1]}” is in the current {setting.round}, given all you were shown before "
        f"this action. If you stop early, the remaining {setting.round}s are operated in the mode "
        "in force without reports, and the missing statements count as worst. "
        "`task/instance.json` holds the same numbers: `prior` and `probability` are of the second "
        "regime, `change` is (first to second, second to first), `plan` gives the phase index of "
        "each round, `success` and `rates` list the first regime first, `start` is the index of "
        "the mode in force at the start; the first of `outcomes` is the one that pays."
    )


def _contract(public: ControlPublic, setting: Setting) -> str:
    return (
        "## What is scored\n\nYou maximise the expected total: gains minus losses, switching costs "
        "and prices. The regret of an action is the expected total of optimal play from where you "
        "stand, minus that of this action followed by optimal play; it is computed exactly from "
        "what you have been shown, so that luck does not count.\n\n"
        f"- ability and decision: 1 - (sum of regrets) / {public.scale:g}, at least 0 "
        f"({public.scale:g} {setting.money} is what the best single mode, operated in every "
        f"{setting.round} without a report, gives away in expectation); it passes at 0.9;\n"
        "- belief: 1 minus the mean distance of `probability` to the exact one;\n"
        "- calibration: 1 minus the mean of the squared distances (the Brier score's excess over "
        "that of the exact probability)."
    )


def _format(public: ControlPublic) -> tuple[str, Callable[[float], str]]:
    return number_format(public.style.numbers, public.digits)


def _word(unit: str) -> str:
    return {"percentages": "probability", "probabilities": "probability"}.get(
        unit, f"probability ({unit})"
    )
