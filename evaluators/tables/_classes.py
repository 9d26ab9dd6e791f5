"""Under which protocol a row was played, and what kind of row that makes it: written rules.

The rules are `TRACKS`, `LABELS` (the first that fits) and `RANKING`; reports print them.
"""

from collections.abc import Sequence
from typing import Literal

from evaluators._summary import SEALED
from evaluators.tables._quantities import parse_failure
from evaluators.tables._readings import Sat
from tasks import JSON, Frozen, Stamp
from tasks._record import SCRIPTED, AgentSetup

Track = Literal["strict-512", "best-valid", "open"]
Label = Literal[
    "diagnostic",
    "non-model",
    "provider-failed",
    "incomplete",
    "smoke",
    "rescue probe",
    "protocol-limited",
    "strict clean",
    "best-valid clean",
    "open clean",
]
STRICT = 512
"""Output tokens of the strict track."""
SMOKE, PROBE = 10, 30
"""Most instances of a smoke run and of a rescue probe."""
UNREADABLE = {"strict-512": 0.01, "best-valid": 0.02, "open": 0.02}
"""Largest share of unreadable or cut attempts of a clean row."""
CUT = frozenset({"turns", "money", "timeout"})
"""Endings by a limit of ours."""
_FORCED = ("require_tool_first", "forced")
"""Settings of the agent `tool` that make it call one."""
_CLEAN: dict[Track, Label] = {
    "strict-512": "strict clean",
    "best-valid": "best-valid clean",
    "open": "open clean",
}
TRACKS: dict[Track, str] = {
    "strict-512": "an API agent with a max_tokens of 512 in every attempt",
    "best-valid": "an API agent with another stated max_tokens, the same in every attempt",
    "open": "everything else: agent CLIs, and outputs without a stated limit",
}
LABELS: dict[Label, str] = {
    "diagnostic": "it got the key, or was forced to call a tool",
    "non-model": "no attempt names a model: scripted agents, and our scripted endpoint",
    "provider-failed": "an attempt ended by its provider's failure; the same command plays it "
    "again",
    "incomplete": "an attempt is invalid, in error, still open or not yet played",
    "smoke": f"at most {SMOKE} instances",
    "rescue probe": f"at most {PROBE} instances",
    "protocol-limited": "more than 1 % (strict-512) or 2 % (other tracks) of the attempts were "
    "unreadable, or cut by a limit on turns, money or time",
    "strict clean": "what is left in the track strict-512",
    "best-valid clean": "what is left in the track best-valid",
    "open clean": "what is left in the track open",
}
RANKING = (
    "Ranked are clean rows alone, of exams in sealed kernels, by agents that were in a sandbox "
    "themselves where anything of their own ran; and only against rows of the same track that "
    "played the same instances."
)
RULES = (
    *(f"Track {name}: {what}." for name, what in TRACKS.items()),
    *(f"Class {name} (the first that fits): {what}." for name, what in LABELS.items()),
    RANKING,
)
"""All rules, a sentence each."""


class Verdict(Frozen):
    """What a row is."""

    track: Track
    label: Label
    ranked: bool
    why: str
    """Why it is not ranked; '' if it is."""


def verdict(sat: Sequence[Sat], unfinished: int) -> Verdict:
    """Classify a row.

    Args:
        sat: All its attempts, those set aside too, variants left out.
        unfinished: How many attempts of its runs are still open or not yet played.
    """
    own = track([one.setup for one in sat if one.setup is not None])
    label = _label(sat, own, unfinished)
    why = _bar(sat, label)
    return Verdict(track=own, label=label, ranked=not why, why=why)


def is_model(setup: AgentSetup | None) -> bool:
    """Whether a model played there: none of our scripts, nor the scripted endpoint."""
    return (
        setup is not None
        and setup.kind != "scripted"
        and SCRIPTED not in {setup.model, setup.provider}
    )


def provider_failed(sat: Sat) -> bool:
    """Whether the attempt tells of its provider only."""
    return sat.played is not None and (
        sat.played.ending == "provider" or "provider failed" in sat.played.failure
    )


def track(setups: Sequence[AgentSetup]) -> Track:
    """The track of some attempts, from their settings."""
    limits: set[JSON] = {setup.settings.get("max_tokens") for setup in setups}
    if len(limits) != 1 or None in limits or any(setup.kind != "api" for setup in setups):
        return "open"
    return "strict-512" if limits == {STRICT} else "best-valid"


def _label(sat: Sequence[Sat], own: Track, unfinished: int) -> Label:
    counted = [one for one in sat if one.counted]
    instances = len({one.score.instance for one in sat})
    cut = sum(_limited(one) for one in counted)
    rules: tuple[tuple[bool, Label], ...] = (
        (any(_given(one) for one in sat), "diagnostic"),
        (not any(is_model(one.setup) for one in sat), "non-model"),
        (any(provider_failed(one) for one in sat), "provider-failed"),
        (len(counted) < len(sat) or unfinished > 0, "incomplete"),
        (instances <= SMOKE, "smoke"),
        (instances <= PROBE, "rescue probe"),
        (cut > UNREADABLE[own] * len(counted), "protocol-limited"),
    )
    for holds, label in rules:
        if holds:
            return label
    return _CLEAN[own]


def _given(sat: Sat) -> bool:
    settings = {} if sat.setup is None else sat.setup.settings
    forced = any(settings.get(name) is True for name in _FORCED)
    return sat.score.stamp is Stamp.DIAGNOSTIC or forced


def _limited(sat: Sat) -> bool:
    ending = "" if sat.played is None else sat.played.ending
    return parse_failure(sat.score) or ending in CUT


def _bar(sat: Sequence[Sat], label: Label) -> str:
    """Why a row is not ranked, '' if it is."""
    apart = sorted({one.score.stamp.value for one in sat if one.score.stamp is not Stamp.EXAM})
    if apart:
        return f"stamped {', '.join(apart)}"
    open_tiers = sorted({one.score.sandbox for one in sat} - SEALED)
    if open_tiers:
        return f"kernels in the tier {', '.join(open_tiers)}"
    if any(one.setup is not None and one.setup.sandbox == "none" for one in sat):
        return "the agent itself ran without a sandbox"
    return "" if label in _CLEAN.values() else label
