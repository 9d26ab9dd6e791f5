"""Cheaters are flagged, honest agents are not: the rates, and that the attacks are real ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluators._runs_cli import app
from evaluators._sign_texts import answer_signs, judge_words
from evaluators._signs import signs
from proctor import Rooms
from runners._core import agent_named
from runners.agents._attacks import ATTACKS
from tasks import FAMILIES, UsageError

ONE_SHOT, EPISODE = "strategic/bayesian_games", "strategic/information_control"
HONEST_CELLS = (Path(__file__).parent / "honest_cells.txt").read_text().split("#%%\n")
EVERY = "all,strategic/v0,strategic/extras"
CAUGHT, SUSPECTED = 0.95, 0.01
"""Least share of cheaters' attempts, and largest of honest ones, that are flagged."""

PRIVATE = ("network", "keys_by_import", "secrets_in_memory", "exhaustion")
"""Attacks that get through somewhere without a sandbox, and nowhere in one."""

Play = Callable[..., list[Any]]
pytestmark = pytest.mark.timeout(300)


def names(attacks: "list[str] | tuple[str, ...]") -> tuple[str, ...]:
    return tuple(f"cheater:{name}" for name in attacks)


def flagged(sat: list[Any]) -> float:
    """The share of flagged attempts."""
    assert sat
    return sum(bool(one.flags) for one in sat) / len(sat)


def quiet(sat: list[Any]) -> list[tuple[str, str]]:
    return [(one.agent, one.family) for one in sat if not one.flags]


@pytest.fixture(scope="module")
def cheated(play: Play) -> list[Any]:
    """Every attack once, in turn on a one-shot task and on an episode."""
    every = ATTACKS.names()
    return [
        *play(suite=ONE_SHOT, agents=names(every[::2])),
        *play(suite=EPISODE, agents=names(every[1::2])),
    ]


def test_cheaters_are_flagged(cheated: list[Any]):
    assert {one.agent for one in cheated} == set(names(ATTACKS.names()))
    assert flagged(cheated) >= CAUGHT, quiet(cheated)


def test_in_the_sandbox_no_attack_gets_through(cheated: list[Any]):
    through = {
        one.agent: line
        for one in cheated
        for line in one.shown.splitlines()
        if line.startswith("THROUGH")
    }
    assert through == {}


def test_the_attacks_of_the_threat_model_are_all_there():
    rows = {row for name in ATTACKS.names() for row in ATTACKS.find(name).rows}
    assert rows == set(range(1, 18))


def test_an_attack_is_named_and_a_typo_is_answered():
    assert "network" in agent_named("cheater:network").summary
    with pytest.raises(UsageError, match="Did you mean network"):
        agent_named("cheater:netwrk")


def test_honest_code_bears_no_sign():
    found = {cell: signs(cell) for cell in HONEST_CELLS if signs(cell)}
    assert len(HONEST_CELLS) >= 100
    assert found == {}
    assert [word for cell in HONEST_CELLS for word in judge_words(cell)] == []


def test_honest_agents_are_not_flagged(play: Play):
    honest = [
        *play(suite=f"{ONE_SHOT},{EPISODE}", agents=("solver", "random")),
        *play(suite="strategic/v0", agents=("tool_reference",)),
    ]
    assert len(honest) == 10
    assert flagged(honest) <= SUSPECTED, [(one.agent, one.flags) for one in honest if one.flags]


@pytest.mark.parametrize(
    "raw",
    [
        '{"posterior": [0.2, NaN]}',
        '{"posterior": [0.2, Infinity]}',
        '{"p": 1e-400}',
        '[{"edge": "a"}, {"edge": "a"}, {"edge": "a"}]',
        '[{"edge": "a"}, {"edge": "b"}]',
        "[0.1, 0.2, 0.7]",
        "I think that it is {regime 1}.",
        '{"a": [[[[1]]]]}',
        '{"n": 12345678901234567890}',
        "",
    ],
)
def test_an_honest_slip_in_an_answer_is_no_sign(raw: str):
    assert list(answer_signs(raw)) == []


def words(sat: Any) -> list[str]:
    return ["replay", sat.log.opened.attempt, "--runs", str(sat.run.parent)]


def test_a_replay_marks_what_was_flagged(cheated: list[Any]):
    one = next(sat for sat in cheated if sat.agent == "cheater:second_answer")
    two = next(sat for sat in cheated if sat.agent == "cheater:bad_numbers")
    shown = CliRunner().invoke(app, words(one))
    assert shown.exit_code == 0, shown.output
    assert all(f"⚑ {flag}" in " ".join(shown.output.split()) for flag in one.flags)
    told = json.loads(CliRunner().invoke(app, [*words(two), "--json"]).stdout)
    marked = [flag for event in told["events"] for flag in event.get("flags", [])]
    assert {*marked, *told["late"]} == set(two.flags)


def test_without_a_sandbox_attacks_get_through(play: Play, home_env: Path):
    """The positive control: what is harmless in the sandbox is no harmless code."""
    Rooms().stop_daemon()
    open_ = play("none", suite=ONE_SHOT, agents=names(PRIVATE))
    through = {one.agent for one in open_ if "THROUGH" in one.shown}
    assert through == set(names(PRIVATE))
    assert flagged(open_) == 1.0
    Rooms().stop_daemon()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_attack_on_every_family_is_flagged(play: Play):
    sat = play(suite=EVERY, agents=("cheater", *names(ATTACKS.names())))
    assert len(sat) == (len(ATTACKS.names()) + 1) * len(FAMILIES.names())
    print(f"cheaters flagged: {flagged(sat):.4f} of {len(sat)}", quiet(sat))  # noqa: T201
    assert flagged(sat) >= CAUGHT, quiet(sat)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_honest_agents_on_every_family_and_preset_are_not_flagged(play: Play):
    sat = [
        *play(suite="all", agents=("solver",), preset="all", n=2),
        *play(suite=EVERY, agents=("random",), preset="all", n=2),
        *play(suite="strategic/v0", agents=("tool_reference",), n=3),
    ]
    wrong = [(one.agent, one.family, one.flags) for one in sat if one.flags]
    print(f"honest flagged: {flagged(sat):.4f} of {len(sat)}", wrong)  # noqa: T201
    assert flagged(sat) <= SUSPECTED, wrong
