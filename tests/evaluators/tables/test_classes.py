"""Tracks, row classes and who is ranked: the rules, one by one."""

from pathlib import Path
from typing import Any

import pytest

from evaluators.tables._classes import RULES, verdict
from evaluators.tables._readings import Sat
from tasks import Stamp

CLEAN = 31


def row(synth: Any, count: int = CLEAN, setup: Any = None, **facts: Any) -> list[Sat]:
    """A clean row of an API agent unless `facts` say otherwise."""
    played = facts.pop("played", synth.played(setup or synth.setup()))
    return [Sat(synth.score(k, 0.5, **facts), played, Path("run")) for k in range(count)]


def judged(sat: list[Sat], unfinished: int = 0) -> tuple[str, str, bool]:
    found = verdict(sat, unfinished)
    assert bool(found.why) is not found.ranked
    return found.track, found.label, found.ranked


def test_clean_rows_are_ranked_in_their_track(synth: Any):
    assert judged(row(synth)) == ("strict-512", "strict clean", True)
    more = synth.setup(settings={"max_tokens": 4096, "thinking": "low"})
    assert judged(row(synth, setup=more)) == ("best-valid", "best-valid clean", True)
    assert judged(row(synth, setup=synth.setup(settings={}))) == ("open", "open clean", True)
    cli = synth.setup("cli", sandbox="bwrap")
    assert judged(row(synth, setup=cli)) == ("open", "open clean", True)


def test_a_limit_that_changes_within_a_row_makes_it_open(synth: Any):
    other = synth.played(synth.setup(settings={"max_tokens": 1024}))
    mixed = row(synth)[:-1] + row(synth, played=other)[-1:]
    assert judged(mixed)[0] == "open"


@pytest.mark.parametrize(
    ("facts", "label"),
    [
        ({"stamp": Stamp.DIAGNOSTIC}, "diagnostic"),
        ({"count": 10}, "smoke"),
        ({"count": 11}, "rescue probe"),
        ({"count": 30}, "rescue probe"),
    ],
)
def test_small_and_diagnostic_rows_are_named_and_not_ranked(
    synth: Any, facts: dict[str, Any], label: str
):
    assert judged(row(synth, **facts))[1:] == (label, False)


@pytest.mark.parametrize("settings", [{"require_tool_first": True}, {"forced": True}])
def test_a_forced_tool_is_diagnostic(synth: Any, settings: dict[str, Any]):
    assert judged(row(synth, setup=synth.setup("tool", settings=settings)))[1] == "diagnostic"
    free = dict.fromkeys(settings, False)
    assert judged(row(synth, setup=synth.setup("tool", settings=free)))[1] == "open clean"


def test_what_is_no_model_is_called_so(synth: Any):
    assert judged(row(synth, played=None))[1:] == ("non-model", False)
    script = synth.setup("cli", model="scripted")
    assert judged(row(synth, setup=script))[1:] == ("non-model", False)
    plain = synth.setup(kind="scripted", mode="scripted", model="", provider="")
    assert judged(row(synth, setup=plain))[1:] == ("non-model", False)


def test_a_providers_failure_is_no_ones_score(synth: Any):
    failed = synth.played(synth.setup(), ending="provider", failure="the provider failed: 429")
    lost = Sat(synth.score(99, None, status="invalid"), failed, Path("run"))
    assert judged([*row(synth), lost])[1:] == ("provider-failed", False)


def test_open_invalid_and_failed_attempts_make_a_row_incomplete(synth: Any):
    assert judged(row(synth), unfinished=1)[1:] == ("incomplete", False)
    broken = Sat(synth.score(99, None, status="error"), synth.played(synth.setup()), Path("run"))
    assert judged([*row(synth), broken])[1:] == ("incomplete", False)


@pytest.mark.parametrize(
    ("settings", "bad", "label"),
    [
        ({"max_tokens": 512}, 1, "strict clean"),
        ({"max_tokens": 512}, 2, "protocol-limited"),
        ({"max_tokens": 900}, 2, "best-valid clean"),
        ({"max_tokens": 900}, 3, "protocol-limited"),
    ],
)
def test_too_many_unreadable_attempts_make_a_row_protocol_limited(
    synth: Any, settings: dict[str, Any], bad: int, label: str
):
    setup = synth.setup(settings=settings)
    sat = row(synth, 100, setup)[bad:]
    sat += row(synth, bad, setup, validity=0.0)
    assert judged(sat)[1] == label


@pytest.mark.parametrize("ending", ["turns", "money", "timeout"])
def test_limits_of_ours_count_as_unreadable_a_crash_does_not(synth: Any, ending: str):
    cut = synth.played(synth.setup(), ending=ending)
    assert judged(row(synth, played=cut))[1] == "protocol-limited"
    crashed = synth.played(synth.setup(), ending="crash")
    assert judged(row(synth, played=crashed))[1] == "strict clean"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"stamp": Stamp.PRACTICE}, "stamped practice"),
        ({"stamp": Stamp.OPEN}, "stamped open"),
        ({"sandbox": "none"}, "tier none"),
        ({"sandbox": "landlock"}, "tier landlock"),
    ],
)
def test_practice_open_keys_and_unsealed_kernels_are_never_ranked(
    synth: Any, facts: dict[str, Any], why: str
):
    found = verdict(row(synth, **facts), 0)
    assert not found.ranked
    assert why in found.why


def test_an_agent_that_ran_unsealed_itself_is_not_ranked(synth: Any):
    found = verdict(row(synth, setup=synth.setup("cli", sandbox="none")), 0)
    assert (found.label, found.ranked) == ("open clean", False)
    assert "without a sandbox" in found.why


def test_the_rules_are_written_where_a_reader_finds_them():
    text = " ".join(RULES)
    for name in ("strict-512", "best-valid", "smoke", "rescue probe", "protocol-limited"):
        assert name in text
