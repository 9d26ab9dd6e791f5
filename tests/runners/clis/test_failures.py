"""When a provider, a limit, our server or a CLI itself fails: nothing is a silent zero."""

from typing import Any

import pytest

from proctor import Rooms
from tasks import AttemptRequest, Ticket
from tasks._record import Kind

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]

CLIS = ("claude", "codex", "gemini")
PACKAGES = {"claude": "@anthropic-ai", "codex": "@openai", "gemini": "@google"}


def quick(*chosen: str) -> list[Any]:
    """Every CLI; the chosen ones by default."""
    return [pytest.param(c, marks=() if c in chosen else pytest.mark.slow) for c in CLIS]


@pytest.mark.parametrize("cli", quick("codex"))
def test_a_busy_provider_is_asked_again(table: Any, cli: str):
    sat = table.play(f"{cli}:scripted+faults=429x2")
    assert Kind.ANSWER_ACCEPTED in sat.kinds()
    assert (sat.played.usage.provider_errors, sat.played.ending) == (2, "")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("cli", CLIS)
def test_a_provider_that_always_fails_ends_the_attempt_and_is_no_zero(table: Any, cli: str):
    sat = table.play(f"{cli}:scripted+faults=500x*")
    assert sat.played.ending == "provider"
    assert sat.played.failure.startswith("the provider failed")
    assert "500" in sat.played.failure
    assert sat.score() is None
    assert [one.ending for one in sat.cut] == ["provider"]


@pytest.mark.parametrize("cli", quick("claude"))
def test_the_turn_limit_ends_an_attempt(table: Any, cli: str):
    sat = table.play(f"{cli}:scripted+script=turns+turns=5")
    assert (sat.played.ending, sat.played.usage.requests) == ("turns", 5)
    assert (sat.played.failure, sat.cut) == ("", [])


@pytest.mark.parametrize("cli", quick("codex"))
def test_the_money_limit_ends_an_attempt(table: Any, endless: Any, cli: str):
    models = {"claude": "claude-sonnet-4-5", "codex": "gpt-5.5", "gemini": "gemini-2.5-pro"}
    part = "/v1" if cli == "codex" else ""
    sat = table.play(f"{cli}:{models[cli]}+usd=0.1+base_url={endless.url}{part}")
    usage = sat.played.usage
    assert sat.played.ending == "money"
    assert usage.cost_basis == "list"
    assert 0.1 <= usage.cost_usd < 0.3
    assert sat.kinds().count(Kind.TOOLS_LISTED) >= 1


@pytest.mark.parametrize("cli", quick("codex"))
def test_a_cli_that_is_killed_leaves_nothing_and_is_no_zero(table: Any, cli: str):
    with table.killing(Kind.CELL_OUTPUT, f"node_modules/{PACKAGES[cli]}") as killer:
        sat = table.play(f"{cli}:scripted+script=held")
    assert killer.killed >= 2
    assert killer.held >= 1
    for word in (PACKAGES[cli], "inside.py", "server.shim"):
        table.until(lambda word=word: not table.ours(word), 5, f"{word} is still there")
    table.until(lambda: not table.held_kernels(), 5, "the kernel is still there")
    table.until(lambda: not table.attempts(), 5, "the daemon still holds an attempt")
    assert "cut short" in sat.played.failure
    assert len(sat.cut) == 1
    assert sat.kinds()[-1] == Kind.CLOSED
    assert sat.score() is None


@pytest.mark.parametrize("cli", quick("codex"))
def test_our_server_killed_in_a_call_leaves_a_readable_record_and_no_silent_zero(
    table: Any, cli: str
):
    with table.killing(Kind.CELL_STARTED, "server.shim") as killer:
        sat = table.play(f"{cli}:scripted+script=held")
    assert killer.killed >= 2
    kinds = sat.kinds()
    assert kinds.count(Kind.CELL_STARTED) == 1
    assert kinds[-1] == Kind.CLOSED
    assert "holding" in sat.events[kinds.index(Kind.CELL_OUTPUT)].data.model_dump_json()
    assert "MCP server was killed" in sat.played.failure
    assert len(sat.cut) == 1


class _SlowRooms(Rooms):
    """Rooms whose hall starts MCP servers slowly."""

    def open_hall(self) -> Any:
        """The operator's door; tickets name a server that takes its time."""
        hall: Any = super().open_hall()
        straight = hall.open_attempt

        async def open_attempt(request: AttemptRequest) -> Ticket:
            ticket: Ticket = await straight(request)
            command = ("sh", "-c", 'sleep 10; exec "$@"', "sh", *ticket.command)
            return ticket.model_copy(update={"command": command})

        hall.open_attempt = open_attempt
        return hall


@pytest.mark.slow
@pytest.mark.parametrize("cli", CLIS)
def test_a_server_that_is_slow_to_start_is_waited_for(table: Any, cli: str):
    sat = table.through(_SlowRooms()).play(f"{cli}:scripted")
    assert Kind.ANSWER_ACCEPTED in sat.kinds()
    assert sat.played.wall_s > 10
