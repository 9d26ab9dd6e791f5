"""Calculators in the hall: who is offered them, what they cost, what is recorded of them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from mcp import Client
from mcp_types import TextContent

from server.callers import Caller
from server.protocol import build_server, offered_sha256, tool_list
from server.tools import CALCULATORS, EVERY, TOOLS
from tasks import Budget
from tasks._record import Calculation, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.server.hall.conftest import Hand, Place

pytestmark = pytest.mark.anyio

SUMS = "sums/sums@1:small:private:7"
PAPER = "test/paper@1:small:private:7"
COIN = {"payoffs": [0, 1], "probabilities": [0.5, 0.5]}

PLUGIN = '''
"""A third-party family that allows two calculators."""
from dataclasses import replace
from numbers_plugin import paper, written

sums = replace(
    paper, notebook=False, tags=frozenset({"sums"}),
    calculators=("bayes_calculator", "ev_calculator"),
)
truth = written
'''
POINTS = """[proctor.tasks]
sums/sums = sums_plugin:sums

[proctor.ground_truth]
sums/sums = sums_plugin:truth
"""


@pytest.fixture(scope="module", autouse=True)
def sums(tmp_path_factory: pytest.TempPathFactory, plugin: None) -> Iterator[None]:
    site: Path = tmp_path_factory.mktemp("sums")
    (site / "sums_plugin.py").write_text(PLUGIN)
    info = site / "sums_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sums-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    sys.path.insert(0, str(site))
    yield
    sys.path.remove(str(site))
    sys.modules.pop("sums_plugin", None)


def rows(place: Place, slug: str = "sums") -> list[Calculation]:
    ended, _ = place.record(slug)
    return [event.data for event in ended.events if isinstance(event.data, Calculation)]


async def seated(place: Place, **asked: Any) -> Hand:
    hand = await place.exam(SUMS, **asked)
    await hand.start()
    return hand


async def test_a_calculation_is_answered_and_recorded(place: Place):
    hand = await seated(place)
    said = await hand("ev_calculator", **COIN)
    assert said == {"expected_value": 0.5, "variance": 0.25}
    await hand("submit_answer", answer={"number": 3})
    (row,) = rows(place)
    assert (row.tool, row.arguments, row.status) == ("ev_calculator", COIN, "allowed")
    assert (row.output, row.error) == (said, None)
    assert row.latency_ms >= 0
    ended, _ = place.record("sums")
    assert ended.finished.usage["calculations"] == 1


async def test_latency_is_of_the_halls_clock(place: Place, monkeypatch: pytest.MonkeyPatch):
    hand = await seated(place)
    floor = place.hall._floor
    times = iter([100.0, 100.25])
    monkeypatch.setattr(floor, "now", lambda: next(times))
    await hand("ev_calculator", **COIN)
    monkeypatch.undo()
    await hand("finish")
    assert rows(place)[0].latency_ms == 250.0


async def test_one_outside_the_allow_list_is_refused_recorded_and_counted(place: Place):
    hand = await seated(place)
    told = await hand.fault("risk_checker", position=1)
    assert "it allows bayes_calculator, ev_calculator" in told
    assert (await hand("task_info"))["left"]["calculations"] == 2
    await hand("finish")
    (row,) = rows(place)
    assert (row.status, row.output, row.error) == ("not_allowed", None, told)


async def test_a_tool_that_there_is_not_counts_too(place: Place):
    hand = await seated(place)
    told = await hand.fault("ev_calculater", payoffs=[1])
    assert "Did you mean ev_calculator" in told
    await hand("finish")
    (row,) = rows(place)
    assert (row.tool, row.status, row.arguments) == (
        "ev_calculater",
        "unknown_tool",
        {"payoffs": [1]},
    )


async def test_an_objection_is_read_by_the_agent_and_recorded(place: Place):
    hand = await seated(place)
    told = await hand.fault("ev_calculator", payoffs=[1], probabilities=[0.4])
    assert "must sum to 1, and sums to 0.4" in told
    missing = await hand.fault("ev_calculator", payoffs="many")
    assert "payoffs" in missing
    assert "probabilities: Field required" in missing
    await hand("submit_answer", answer={"number": 3})
    assert [(row.status, row.error) for row in rows(place)] == [
        ("allowed", told),
        ("allowed", missing),
    ]


async def test_the_budget_of_calculations_is_its_own(place: Place):
    hand = await seated(place, budget=Budget(calculations=2))
    await hand("ev_calculator", **COIN)
    await hand.fault("market_simulator", n_steps=3)
    told = await hand.fault("ev_calculator", **COIN)
    assert "All 2 calculator calls" in told
    assert "submit_answer" in told
    assert "All 2 calculator calls" in await hand.fault("no_such_tool")
    await hand("submit_answer", answer={"number": 3})
    assert [row.status for row in rows(place)] == ["allowed", "not_allowed"]


async def test_arguments_that_cannot_be_kept_are_cut(place: Place):
    deep: Any = 0
    for _ in range(500):
        deep = [deep]
    hand = await seated(place)
    await hand.fault("ev_calculator", payoffs=deep, probabilities=[1])
    await hand.fault("ev_calculator", payoffs=[float("nan")], probabilities=[float("inf")])
    await hand.fault("ev_calculator", payoffs="1" * 1_000_000, probabilities=[1])
    await hand("finish")
    found = rows(place)
    assert len(found) == 3
    assert all(len(json.dumps(row.arguments)) < 11_000 for row in found)
    assert set(found[2].arguments) == {"cut"}


async def test_a_task_without_calculators_says_so_and_counts_nothing(place: Place):
    hand = await place.exam(PAPER)
    brief = await hand.start()
    assert "calculators" not in brief
    assert "calculations" not in brief["budget"] | brief["left"]
    assert "offers no calculators" in await hand.fault("ev_calculator", **COIN)
    assert "Did you mean" in await hand.fault("exec_code")
    await hand("finish")
    assert rows(place, "paper") == []


async def test_nobody_calculates_in_anothers_session(place: Place):
    hand, other = await seated(place), await place.exam(PAPER)
    await other.start()
    assert "use that id" in await other.fault("ev_calculator", session_id=hand.session_id, **COIN)


async def test_the_brief_names_what_is_allowed(place: Place):
    brief = await (await place.exam(SUMS)).start()
    assert brief["calculators"] == ["bayes_calculator", "ev_calculator"]
    assert brief["budget"]["calculations"] == brief["left"]["calculations"] == 3


async def test_calculators_are_listed_where_a_task_allows_any(place: Place):
    allowed, other = await place.exam(SUMS), await place.exam(PAPER)
    hall = place.hall
    assert hall.calculates(Caller(allowed.token))  # before start_task: agents list tools first
    assert not hall.calculates(Caller(other.token))
    assert not hall.calculates(Caller("no such token"))
    assert not hall.calculates(Caller())
    async with Client(build_server(hall, EVERY)) as client:
        assert len((await client.list_tools()).tools) == len(TOOLS)
        hand = place.practice()
        brief = await hand.start(task="sums/sums")
        assert brief["calculators"]
        listed = (await client.list_tools()).tools
        assert [tool.name for tool in listed] == [tool.name for tool in EVERY]
        said = await client.call_tool("ev_calculator", {"session_id": hand.session_id, **COIN})
        assert not said.is_error


async def test_the_hash_follows_what_was_offered(place: Place):
    for instance in (SUMS, PAPER):
        hand = await place.exam(instance)
        assert hand.token is not None
        server = build_server(_As(place, hand.token), EVERY)
        async with Client(server) as client:
            await client.list_tools()
        await hand.start()
        await hand("finish")
    hashes = {
        slug: next(e.data for e in place.record(slug)[0].events if e.kind is Kind.TOOLS_LISTED)
        for slug in ("sums", "paper")
    }
    for slug, tools in (("sums", EVERY), ("paper", TOOLS)):
        data: Any = hashes[slug]
        assert (data.count, data.sha256) == (len(tools), offered_sha256(tool_list(tools)))


class _As:
    """The hall, asked with a token: the in-memory transport carries none."""

    def __init__(self, place: Place, token: str) -> None:
        self._hall, self._caller = place.hall, Caller(token)

    def calculates(self, caller: Caller) -> bool:
        return self._hall.calculates(self._caller)

    def listed(self, caller: Caller, sha256: str, count: int) -> None:
        self._hall.listed(self._caller, sha256, count)

    async def call(self, caller: Any, tool: Any, arguments: Any, progress: Any) -> Any:
        raise AssertionError("not asked for")

    def notebook(self, caller: Caller, session: str | None) -> str:
        raise AssertionError("not asked for")


def test_schemas_are_the_calculators_own_behind_the_session():
    for tool in CALCULATORS:
        schema = tool.input_schema
        assert next(iter(schema["properties"])) == "session_id"
        assert schema["required"][0] == "session_id"
        assert schema["additionalProperties"] is False
        assert '"title"' not in json.dumps(schema)


async def test_a_client_of_the_older_revision_hears_that_the_list_has_changed(place: Place):
    heard: list[str] = []

    async def on_message(message: Any) -> None:
        heard.append(str(getattr(message, "method", "")))

    server = build_server(place.hall, EVERY)
    async with Client(server, mode="legacy", message_handler=on_message) as client:
        assert client.server_capabilities.tools is not None
        assert client.server_capabilities.tools.list_changed
        begun = await client.call_tool("start_task", {"task": "test/paper"})
        assert heard == []
        begun = await client.call_tool("start_task", {"task": "sums/sums"})
        assert isinstance(begun.content[0], TextContent)
        session = json.loads(begun.content[0].text)["session_id"]
        await client.call_tool("finish", {"session_id": session})
    assert heard == ["notifications/tools/list_changed"] * 2
