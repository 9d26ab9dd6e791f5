"""A script's words and calls through each provider's own SDK, streaming and not."""

import base64
import json
from typing import Any

import anyio
import httpx
import pytest

from runners._desk import RefusedError
from runners.scripted_model import Call, Script, endpoint

SPEC: dict[str, Any] = {"type": "object", "properties": {"text": {"type": "string"}}}
DOT = base64.b64encode(b"\x89PNG").decode()
ODD = 'öß "quoted" \\ {"a": [1]}\n<tag> \u2028 end'


@pytest.fixture
def tools(sdk: Any) -> list[Any]:
    return [sdk.Spec("echo", SPEC), sdk.Spec("draw", SPEC)]


def script(play: Any) -> Script:
    return Script(summary="a test", play=play)


def talk(provider: Any, behaviour: Script, tools: Any, use: Any, **how: Any) -> tuple[str, Any]:
    """The last words of a conversation, the usages the SDK read, and what the endpoint counted."""
    usages: list[tuple[int, int, int]] = []

    async def main() -> tuple[str, Any]:
        async with endpoint(behaviour, **how) as model:
            words = await provider(model.url, "Hello.\nTask: a/b\nBye.", tools, use, usages)
        return words, model.totals[""]

    words, total = anyio.run(main)
    return words, (usages, total)


def test_calls_go_out_and_results_come_back_as_they_are(provider: Any, tools: Any, sdk: Any):
    echoes(provider, tools, sdk)


def test_they_do_so_without_streaming(plain_provider: Any, tools: Any, sdk: Any):
    echoes(plain_provider, tools, sdk)


def echoes(provider: Any, tools: Any, sdk: Any) -> None:
    asked: list[Any] = []

    async def use(name: str, arguments: Any) -> Any:
        asked.append((name, arguments))
        return sdk.Back(json.dumps({"n": len(asked), "said": arguments["text"]}))

    async def play(call: Call) -> str:
        first = json.loads(await call("echo", {"text": ODD}))
        second = json.loads(await call("echo", {"text": str(first["n"]), "deep": {"a": [1, None]}}))
        return f"{call.conversation.task} {first['said']} {second}"

    words, (usages, total) = talk(provider, script(play), tools, use)
    assert asked == [
        ("echo", {"text": ODD}),
        ("echo", {"text": "1", "deep": {"a": [1, None]}}),
    ]
    assert words == f"a/b {ODD} {{'n': 2, 'said': '1'}}"
    sums = tuple(map(sum, zip(*usages, strict=True)))
    assert (total.input, total.output, total.cached) == sums
    assert (total.requests, total.failed) == (3, 0)
    assert usages[0][2] == 0 < usages[1][2] < usages[1][0]


def test_an_error_of_a_tool_is_raised_in_the_script(provider: Any, tools: Any, sdk: Any):
    async def use(name: str, arguments: Any) -> Any:
        return sdk.Back("No session 'x'. Did you mean 'y'?", error=True)

    async def play(call: Call) -> str:
        try:
            await call("echo", {"text": "x"})
        except RefusedError as error:
            return f"refused: {error}"
        return "nothing was refused"

    words, _ = talk(provider, script(play), tools, use)
    assert words == "refused: No session 'x'. Did you mean 'y'?"


def test_an_image_is_seen_where_the_protocol_puts_it(provider: Any, tools: Any, sdk: Any):
    async def use(name: str, arguments: Any) -> Any:
        return sdk.Back('{"status": "ok"}', image=DOT if name == "draw" else "")

    async def play(call: Call) -> str:
        before = await call.result("echo", {"text": "x"})
        seen = await call.result("draw", {"text": "x"})
        after = await call.result("echo", {"text": "x"})
        return f"{before.images} {seen.images} {after.images} {seen.text}"

    words, _ = talk(provider, script(play), tools, use)
    assert words == '0 1 0 {"status": "ok"}'


def test_a_client_without_our_tools_is_told_what_it_lacks(provider: Any, sdk: Any):
    async def use(name: str, arguments: Any) -> Any:
        raise AssertionError("no tool may be asked for")

    async def play(call: Call) -> str:
        return await call("start_task", {})

    words, _ = talk(provider, script(play), [sdk.Spec("restart", SPEC)], use)
    assert "no tool called start_task was offered" in words
    assert words.endswith("restart.")
    assert talk(provider, script(play), [], use)[0].endswith("none at all.")


def test_a_tool_that_is_not_offered_can_be_forced(provider: Any, tools: Any, sdk: Any):
    asked: list[str] = []

    async def use(name: str, arguments: Any) -> Any:
        asked.append(name)
        return sdk.Back("No such tool available: Bash", error=True)

    async def play(call: Call) -> str:
        result = await call.force("Bash", {"text": "ls"})
        return f"{result.text}"

    assert talk(provider, script(play), tools, use)[0] == "No such tool available: Bash"
    assert asked == ["Bash"]


def test_a_fault_of_the_script_ends_in_words(provider: Any, tools: Any):
    async def play(call: Call) -> str:
        raise ValueError("the cell printed nothing")

    words, _ = talk(provider, script(play), tools, None)
    assert words == "The script stopped: ValueError: the cell printed nothing"


NAMES = ("mcp__proctor__echo", "mcp_proctor_echo", "proctor_echo", "proctor-echo", "echo")


@pytest.mark.parametrize("name", NAMES)
def test_tools_are_found_behind_every_prefix_that_a_client_may_add(name: str):
    async def play(call: Call) -> str:
        return await call("echo", {})

    others = ["mcp__other__echo", "echo_not", "anechoic"] if name != "echo" else ["my_echo_"]
    tools = [{"function": {"name": one}} for one in [*others, name]]
    body = {"messages": [{"role": "user", "content": "Hello."}], "tools": tools}
    said = post(script(play), "/v1/chat/completions", body)
    assert said["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == name


def test_codex_gets_its_namespace_back():
    async def play(call: Call) -> str:
        return await call("start_task", {})

    inner = {"type": "function", "name": "start_task"}
    space = {"type": "namespace", "name": "mcp__proctor", "tools": [inner]}
    said = post(script(play), "/v1/responses", {"input": "Hello.", "tools": [space]})
    item = said["output"][0]
    assert (item["namespace"], item["name"]) == ("mcp__proctor", "start_task")


def test_the_same_request_gets_the_same_bytes():
    async def play(call: Call) -> str:
        return f"{call.rng('x').random()}"

    body = {"messages": [{"role": "user", "content": "Hello."}]}
    first, second = (post(script(play), "/v1/chat/completions", body) for _ in range(2))
    assert first == second
    other = post(script(play), "/v1/chat/completions", body, seed=1)
    assert other["choices"] != first["choices"]


def test_a_second_task_begins_the_script_anew_and_ids_stay_apart():
    async def play(call: Call) -> str:
        await call("echo", {"task": call.conversation.task})
        return "done"

    def said(*messages: Any) -> Any:
        body = {"messages": messages, "tools": [{"name": "echo"}]}
        return post(script(play), "/v1/messages", body)["content"][0]

    def user(content: Any) -> Any:
        return {"role": "user", "content": content}

    first = said(user("Task: a/b"))
    own = {"role": "assistant", "content": [first]}
    result = {"type": "tool_result", "tool_use_id": first["id"], "content": "{}"}
    reminded = user([result, {"type": "text", "text": "a reminder"}])
    assert said(user("Task: a/b"), own, reminded)["text"] == "done"
    second = said(user("Task: a/b"), own, reminded, own, user("Now\nTask: c/d"))
    assert (first["input"], second["input"]) == ({"task": "a/b"}, {"task": "c/d"})
    assert first["id"] != second["id"]


def test_what_needs_state_is_refused_in_words():
    async def play(call: Call) -> str:
        return "x"

    body = {"input": "Hello.", "previous_response_id": "r"}
    assert "keeps no state" in post(script(play), "/v1/responses", body)["error"]["message"]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v1/messages/count_tokens", "input_tokens"),
        ("/v1beta/models/gemini-x:countTokens", "totalTokens"),
    ],
)
def test_tokens_are_characters_by_four(path: str, key: str):
    async def play(call: Call) -> str:
        return "x"

    assert post(script(play), path, {"a": "b" * 90})[key] == 25


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses", "/v1/chat/completions"])
@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b'{"messages": [7], "input": [7]}'])
def test_an_unreadable_request_is_the_clients_fault(path: str, body: bytes):
    async def play(call: Call) -> str:
        return "x"

    async def main() -> httpx.Response:
        async with endpoint(script(play)) as model, httpx.AsyncClient() as client:
            return await client.post(model.url + path, content=body)

    reply = anyio.run(main)
    assert reply.status_code == 400
    assert "error" in reply.json()


def test_it_is_found_at_a_unix_socket_and_counts_by_name(short_path: Any):
    async def play(call: Call) -> str:
        return "x"

    async def main() -> None:
        async with endpoint(script(play), at=short_path / "m") as model:
            transport = httpx.AsyncHTTPTransport(uds=str(model.uds))
            async with httpx.AsyncClient(transport=transport) as client:
                body = {"messages": []}
                for name in ("a", "a", "b"):
                    await client.post(f"{model.named(name)}/v1/messages", json=body)
                told = (await client.get(f"{model.url}/usage")).json()
                assert {n: t["requests"] for n, t in told.items()} == {"a": 2, "b": 1}
        assert not (short_path / "m").exists()

    anyio.run(main)


def post(behaviour: Script, path: str, body: Any, **how: Any) -> Any:
    async def main() -> Any:
        async with endpoint(behaviour, **how) as model, httpx.AsyncClient() as client:
            return (await client.post(model.url + path, json=body)).json()

    return anyio.run(main)
