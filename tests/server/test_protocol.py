"""The hall in the words of MCP, with the SDK's own client, in memory, in both eras."""

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal

import anyio
import mcp_types as types
import pytest
from mcp import Client, MCPError

from server.calls import Calls
from server.cost import tool_costs
from server.protocol import build_server, offered_sha256, portable, tool_list

pytestmark = pytest.mark.anyio
Mode = Literal["auto", "legacy"]
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def connected(hall: Any, tools: Any, mode: Mode) -> AsyncGenerator[Client]:
    async with anyio.create_task_group() as tasks:
        calls = Calls(tasks, clock=anyio.current_time, heartbeat_s=0.05)
        async with Client(build_server(hall, tools, calls), mode=mode) as client:
            yield client
        tasks.cancel_scope.cancel()


def text_of(result: types.CallToolResult) -> str:
    assert isinstance(result.content[0], types.TextContent)
    return result.content[0].text


@ERAS
async def test_both_eras_are_served(little_hall: Any, little_tools: Any, mode: Mode) -> None:
    async with connected(little_hall, little_tools, mode) as client:
        expected = "2026-07-28" if mode == "auto" else "2025-11-25"
        assert client.protocol_version == expected


@ERAS
async def test_tools_are_offered_and_the_hall_hears_their_hash(
    little_hall: Any, little_tools: Any, mode: Mode
) -> None:
    async with connected(little_hall, little_tools, mode) as client:
        listed = await client.list_tools()
    assert [tool.name for tool in listed.tools] == [tool.name for tool in little_tools]
    assert listed.tools[0].annotations is not None
    assert listed.tools[0].annotations.read_only_hint
    assert all(tool.output_schema is None for tool in listed.tools)
    caller, sha256, count = little_hall.offers[0]
    assert (sha256, count) == (offered_sha256(tool_list(little_tools)), len(little_tools))
    assert caller.token is None


@ERAS
async def test_a_call_gives_blocks_and_no_structured_content(
    little_hall: Any, little_tools: Any, mode: Mode
) -> None:
    async with connected(little_hall, little_tools, mode) as client:
        said = await client.call_tool("echo", {"text": "hello"})
        shown = await client.call_tool("picture", {})
    assert (text_of(said), said.is_error, said.structured_content) == ("hello", False, None)
    assert [block.type for block in shown.content] == ["text", "image"]
    assert little_hall.calls[0][0].client == "mcp"


@ERAS
async def test_an_agents_fault_is_told_in_its_own_words(
    little_hall: Any, little_tools: Any, mode: Mode
) -> None:
    async with connected(little_hall, little_tools, mode) as client:
        result = await client.call_tool("fault", {})
    assert result.is_error
    assert text_of(result) == "No session 'x'. Did you mean 'y'?"


@ERAS
async def test_our_own_failure_reveals_nothing_but_a_number_that_the_log_explains(
    little_hall: Any, little_tools: Any, mode: Mode, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "proctor.protocol"):
        async with connected(little_hall, little_tools, mode) as client:
            result = await client.call_tool("crash", {})
    assert result.is_error
    assert "secret" not in text_of(result)
    assert "RuntimeError" not in text_of(result)
    number = text_of(result).split("incident ")[1][:8]
    assert number in caplog.text
    assert "secret path" in caplog.text


@ERAS
async def test_progress_rises_and_a_silent_call_still_shows_life(
    little_hall: Any, little_tools: Any, mode: Mode
) -> None:
    seen: list[tuple[float, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, message))
        if message == "still running":
            little_hall.release.set()

    little_hall.began = anyio.Event()
    async with connected(little_hall, little_tools, mode) as client:
        with anyio.fail_after(10):
            await client.call_tool("hold", {}, progress_callback=on_progress)
    values = [done for done, _ in seen]
    assert values == sorted(set(values))
    assert [message for _, message in seen][:2] == ["one", "two"]
    assert seen[-1][1] == "still running"


@ERAS
async def test_a_cancelled_call_is_cancelled_in_the_hall(
    little_hall: Any, little_tools: Any, mode: Mode
) -> None:
    async with connected(little_hall, little_tools, mode) as client:
        with pytest.raises(MCPError):
            await client.call_tool("hold", {}, read_timeout_seconds=0.05)
        with anyio.fail_after(5):
            await little_hall.cancelled.wait()
    assert not little_hall.finished.is_set()


@ERAS
async def test_resources_are_readable_without_a_token(
    little_hall: Any, little_tools: Any, mode: Mode
) -> None:
    async with connected(little_hall, little_tools, mode) as client:
        uris = [str(resource.uri) for resource in (await client.list_resources()).resources]
        assert uris == ["proctor://tasks", "proctor://notebook", "scribe://server/status"]
        tasks = await read(client, "proctor://tasks")
        names = [card["task"] for card in json.loads(tasks)]
        assert "strategic/bayesian_games" in names
        card = json.loads(await read(client, "proctor://tasks/strategic/bayesian_games"))
        assert card["presets"]
        status = await read(client, "scribe://server/status")
        assert "running" in status
        assert "token" not in status.lower().replace("token present", "")
        assert json.loads(await read(client, "proctor://notebook/s1"))["nbformat"] == 4


async def read(client: Client, uri: str) -> str:
    content = (await client.read_resource(uri)).contents[0]
    assert isinstance(content, types.TextResourceContents)
    return content.text


@ERAS
@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("proctor://task", "No resource"),
        ("proctor://tasks/strategic/bayesian_game", "bayesian_games"),
        ("proctor://notebook", "no attempt"),
        ("file:///etc/passwd", "No resource"),
    ],
)
async def test_an_unknown_resource_is_a_protocol_error_that_helps(
    little_hall: Any, little_tools: Any, mode: Mode, uri: str, says: str
) -> None:
    async with connected(little_hall, little_tools, mode) as client:
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
    assert says in str(caught.value)
    assert caught.value.code == types.INVALID_PARAMS


@ERAS
async def test_every_family_has_a_prompt(little_hall: Any, little_tools: Any, mode: Mode) -> None:
    async with connected(little_hall, little_tools, mode) as client:
        prompts = (await client.list_prompts()).prompts
        assert "strategic-bayesian_games" in [prompt.name for prompt in prompts]
        got = await client.get_prompt("strategic-bayesian_games", {"seed": "7"})
        content = got.messages[0].content
        assert isinstance(content, types.TextContent)
        assert "start_task(task='strategic/bayesian_games', seed=7)" in content.text
        with pytest.raises(MCPError, match="no preset 'esy'"):
            await client.get_prompt("strategic-bayesian_games", {"preset": "esy"})
        with pytest.raises(MCPError, match="whole number"):
            await client.get_prompt("strategic-bayesian_games", {"seed": "-1; import os"})


@ERAS
async def test_task_names_and_presets_are_completed(
    little_hall: Any, little_tools: Any, mode: Mode
) -> None:
    template = types.ResourceTemplateReference(type="ref/resource", uri="proctor://tasks/{+task}")
    prompt = types.PromptReference(type="ref/prompt", name="strategic-bayesian_games")
    async with connected(little_hall, little_tools, mode) as client:
        names = await client.complete(template, {"name": "task", "value": "bayes"})
        presets = await client.complete(prompt, {"name": "preset", "value": ""})
    assert "strategic/bayesian_games" in names.completion.values
    assert presets.completion.values
    assert presets.completion.has_more is False


def test_optional_arguments_lose_their_null() -> None:
    schema = {
        "properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}}
    }
    assert portable(schema) == {"properties": {"a": {"type": "integer"}}}


def test_the_hash_tells_any_change_of_a_schema(little_tools: Any) -> None:
    offered = tool_list(little_tools)
    other = [*offered[:-1], offered[-1].model_copy(update={"description": "Runs."})]
    assert offered_sha256(offered) == offered_sha256(list(offered))
    assert offered_sha256(offered) != offered_sha256(other)


def test_the_real_tool_list_costs_an_agent_less_than_two_thousand_tokens() -> None:
    costs = tool_costs()
    assert len(costs) == 20
    assert sum(costs.values()) < 2_000
    assert max(costs.values()) < 150
    assert tool_costs(count=len)["list_tasks"] == pytest.approx(4 * costs["list_tasks"], abs=4)
