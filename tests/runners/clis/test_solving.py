"""Claude Code, Codex and Gemini CLI solve tasks by our tools; the server's record proves it."""

from typing import Any

import pytest

from tasks._record import Kind

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]

CLIS = ("claude", "codex", "gemini")
TRANSPORTS = ("stdio", "http")
STRATEGIC = "strategic/bayesian_games"
CIRCUIT = "interp/one_head"
QUICK = {("claude", "stdio", STRATEGIC), ("codex", "http", CIRCUIT), ("gemini", "stdio", STRATEGIC)}
"""Played by default; every pair of CLI and transport, on both tasks, with `-m slow`."""


def matrix() -> list[Any]:
    cases = [(c, t, s) for s in (STRATEGIC, CIRCUIT) for c in CLIS for t in TRANSPORTS]
    return [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in cases]


@pytest.mark.parametrize(("cli", "transport", "suite"), matrix())
def test_a_cli_solves_a_task_and_the_servers_record_proves_it(
    table: Any, cli: str, transport: str, suite: str
):
    sat = table.play(f"{cli}:scripted+transport={transport}", suite)
    assert sat.score() == pytest.approx(1.0, abs=1e-6)
    kinds = sat.kinds()
    assert kinds.count(Kind.TOOLS_LISTED) >= 1
    assert kinds.count(Kind.CELL_FINISHED) >= 3
    assert kinds.count(Kind.ANSWER_ACCEPTED) == 1
    assert (sat.played.error, sat.played.ending, sat.cut) == ("", "", [])
    setup, usage = sat.played.setup, sat.played.usage
    assert setup.program.split()[0] == cli
    assert setup.program.split()[1][0].isdigit()
    assert (setup.kind, setup.model, setup.transport) == ("cli", "scripted", transport)
    assert len(setup.prompt_sha256) == 64
    assert usage.requests == usage.turns == usage.tool_calls + 1 >= 6
    # What it says and what the door counted in the provider's own words are the same.
    assert usage.tokens == usage.metered
    assert (usage.cost_usd, usage.cost_basis) == (0.0, "free")
    assert table.untouched()


@pytest.mark.parametrize(
    "cli",
    ["codex", *(pytest.param(cli, marks=pytest.mark.slow) for cli in ("claude", "gemini"))],
)
def test_without_a_booth_too_the_users_own_settings_are_neither_read_nor_written(
    table: Any, cli: str
):
    sat = table.play(f"{cli}:scripted+sandbox=none")
    assert Kind.ANSWER_ACCEPTED in sat.kinds()
    assert sat.played.setup.sandbox == "none"
    assert "POISON" not in sat.transcript
    assert table.untouched()
