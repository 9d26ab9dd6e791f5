"""What a CLI sees from its booth, what it can reach, and that no key is in there."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse

import runners
from runners._booth import bubble
from runners._booth.gate import serving
from runners._booth.inside import listener

ROOT = Path(runners.__path__[0]).parent

LOOK = """
def reached(host, port):
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        return type(error).__name__
    return "reached"

def read(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path).read()[:50]
    except OSError as error:
        return type(error).__name__

def packages():
    return [name for path in sys.path for name in ("torch", "proctor.py", "runners")
            if os.path.exists(os.path.join(path, name))]

sys.path += [path for path in PACKAGES if path not in sys.path]
tell(paths={path: read(path) for path in PATHS}, environ=dict(os.environ), packages=packages(),
     processes=[name for name in os.listdir("/proc") if name.isdigit()],
     host=reached("127.0.0.1", PORT), world=reached("192.0.2.1", 80),
     home=sorted(os.listdir(seat["home"])), cwd=os.getcwd(), file=read(seat["home"] + "/a/b"),
     uid=os.getuid(), model=ask()[0])
relay = mcp()
relay.stdin.write(b"through\\n"); relay.stdin.flush()
tell(relay=relay.stdout.readline().decode())
relay.stdin.close(); relay.wait()
"""


@pytest.fixture
def other() -> Iterator[socket.socket]:
    """Something else on this machine's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def sealing() -> None:
    if bubble.refusal():
        pytest.skip(f"no booth can be sealed here: {bubble.refusal()}")


def look(bench: Any, other: socket.socket, tmp_path: Path, variant: str) -> tuple[Any, Any]:
    state = tmp_path / "state"
    state.mkdir()
    (state / "secret").write_text("the secret")
    bench.environ.setenv("PROCTOR_HOME", str(state))
    paths = [
        str(ROOT / "ground_truth"),
        str(ROOT / "proctor.py"),
        str(state / "secret"),
        str(tmp_path),
        str(Path.home() / ".bashrc"),
        "/etc/shadow",
    ]
    places = [str(Path(pytest.__file__).parents[1]), str(ROOT)]
    names = f"PATHS = {paths}\nPACKAGES = {places}\nPORT = {other.getsockname()[1]}\n"
    sat = bench.play(names + LOOK, variant)
    assert sat.error is None
    return sat, sat.lines


@pytest.mark.usefixtures("sealing")
def test_a_sealed_cli_sees_nothing_of_ours_and_reaches_its_two_doors_alone(
    bench: Any, other: socket.socket, tmp_path: Path
):
    sat, (seen, relayed) = look(bench, other, tmp_path, "scripted")
    assert set(seen["paths"].values()) == {"FileNotFoundError"}
    assert seen["packages"] == []
    assert set(seen["environ"]) <= {"PATH", "HOME", "TMPDIR", "LANG", "SEAT", "LC_CTYPE"}
    assert len(seen["processes"]) <= 3
    assert (seen["host"], seen["world"]) == ("ConnectionRefusedError", "OSError")
    assert (seen["home"], seen["file"]) == ([".booth", "a", "work"], "c")
    assert (seen["cwd"], seen["uid"]) == ("/home/agent/work", 1000)
    assert (seen["model"], relayed["relay"]) == (200, "THROUGH\n")
    assert sat.last.setup.sandbox == "bwrap"
    assert (sat.last.ending, sat.last.usage.requests) == ("", 1)


def test_the_same_eyes_outside_a_booth_see_all_that(
    bench: Any, other: socket.socket, tmp_path: Path
):
    sat, (seen, relayed) = look(bench, other, tmp_path, "scripted+sandbox=none")
    assert "__init__.py" in seen["paths"][str(ROOT / "ground_truth")]
    assert seen["paths"][str(tmp_path / "state" / "secret")] == "the secret"
    assert "torch" in seen["packages"]
    assert "runners" in seen["packages"]
    assert len(seen["processes"]) > 3
    assert seen["host"] == "reached"
    assert (seen["model"], relayed["relay"]) == (200, "THROUGH\n")
    assert sat.last.setup.sandbox == "none"
    assert not Path(seen["cwd"]).exists()


@pytest.mark.parametrize("sandbox", ["bwrap", "none"])
def test_the_key_is_put_in_outside_and_no_file_holds_it(bench: Any, tmp_path: Path, sandbox: str):
    if sandbox == "bwrap" and bubble.refusal():
        pytest.skip(f"no booth can be sealed here: {bubble.refusal()}")
    bench.environ.setenv("OTHER_API_KEY", "another-key-0123456789")
    # It cannot know the keys; where it came by them all the same, they are not kept.
    key, other, token = (
        text[::-1]
        for text in (
            "sk-ant-this-is-the-real-key-of-the-test-0123456789",
            "another-key-0123456789",
            "this-is-the-token-of-the-attempt-0123456789",
        )
    )
    body = f"""
        words = open("/proc/self/cmdline").read() + " ".join(seat["mcp_command"])
        assert seat["key"] not in words, "others on this machine could read it"
        everything = [open(f"/proc/{{pid}}/{{kind}}", errors="replace").read()
                      for pid in {["self", "1"][: 1 + (sandbox == "bwrap")]}
                      for kind in ("environ", "cmdline")] + list(os.environ.values())
        keys = [{key!r}[::-1], {other!r}[::-1], {token!r}[::-1]]
        tell(found=[n for n, k in enumerate(keys) if any(k in text for text in everything)])
        url = seat["model_url"] + "/v1/messages"
        tell(status=ask()[0], wrong=post(url, {{}}, {{"x-api-key": "no"}}))
        tell(keys=keys)
        sys.exit(" ".join(keys))
    """
    sat, model = bench.play_paid(body, f"+sandbox={sandbox}")
    found, asked, told = sat.lines
    assert found["found"] == []
    assert asked["status"] == 200, "the endpoint refuses every request without the real key"
    assert asked["wrong"][0] == 401
    assert told["keys"] == ["[redacted]"] * 3
    assert model.totals[""].requests == 1
    saved = [path for path in tmp_path.rglob("*") if path.is_file() and "run" in path.parts]
    assert {path.name for path in saved} == {"transcript.jsonl", "transcript.stderr.txt"}
    said = [path.read_text() for path in saved] + [str(sat.error), *map(str, sat.told)]
    assert not any(word[::-1] in text for word in (key, other, token) for text in said)
    assert "[redacted]" in str(sat.error)


def play_with(app: Any, play: Callable[[str], Awaitable[Any]]) -> Any:
    """Call `play` with the address of a server of `app`."""

    async def served() -> Any:
        with listener(0) as door:
            async with serving(door, app):
                return await play(f"http://127.0.0.1:{door.getsockname()[1]}")

    return anyio.run(served)


def test_a_refusal_that_repeats_the_key_reaches_no_cli(bench: Any):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        key = dict(scope["headers"])[b"x-api-key"].decode()
        await PlainTextResponse(f"no such key: {key}", 401)(scope, receive, send)

    async def play(url: str) -> Any:
        return await bench.sit("tell(said=ask())\nvisit()", f"claude-sonnet-4-5+base_url={url}")

    sat = play_with(app, play)
    assert sat.lines[0]["said"] == [401, "no such key: [redacted]"]
    assert sat.last.ending == "provider"
    assert "status 401" in str(sat.error)
    assert "sk-ant" not in str(sat.error)


def test_the_model_door_leads_to_the_model_alone(bench: Any):
    sat = bench.play(
        """
        key = {"x-api-key": seat["key"]}
        tell(files=post(seat["model_url"] + "/v1/files", {}, key)[0],
             up=post(seat["model_url"] + "/v1/messages/../files", {}, key)[0],
             count=post(seat["model_url"] + "/v1/messages/count_tokens", {}, key)[0],
             packed=post(seat["model_url"] + "/v1/messages", {},
                         {**key, "content-encoding": "gzip"})[0],
             search=ask(tools=[{"type": "web_search_20250305", "name": "web_search"}]),
             remote=ask(mcp_servers=[{"url": "https://example.org"}])[0],
             own=ask(tools=[{"name": "ours", "input_schema": {"type": "object"}}])[0])
        visit()
        """
    )
    told = sat.lines[0]
    assert (told["files"], told["up"], told["remote"]) == (403, 403, 403)
    assert told["search"][0] == 403
    assert "web_search_20250305" in told["search"][1]
    assert (told["count"], told["packed"], told["own"]) == (200, 415, 200)
    assert sat.last.usage.requests == 1


def test_the_http_door_streams_and_puts_the_token_in(bench: Any):
    asked: list[tuple[str, str, str]] = []
    second = anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        said = request.headers
        asked.append((scope["path"], said.get("authorization", ""), said.get("mcp-method", "")))

        async def words() -> AsyncIterator[str]:
            yield "data: one\n\n"
            await second.wait()
            yield "data: two\n\n"

        if await request.body() == b'"first"':
            answer: Any = StreamingResponse(words(), media_type="text/event-stream")
        else:
            second.set()
            answer = PlainTextResponse("noted", headers={"mcp-session-id": "s1", "x-inner": "i"})
        await answer(scope, receive, send)

    body = """
    def open_at(url, body):
        host, path = url.removeprefix("http://").split("/", 1)
        connection = http.client.HTTPConnection(host)
        said = {"authorization": "Bearer mine", "mcp-method": "tools/call"}
        connection.request("POST", "/" + path, json.dumps(body), said)
        return connection.getresponse()

    first = open_at(seat["mcp_url"], "first")
    tell(line=first.readline().decode())
    other = open_at(seat["mcp_url"], "second")
    tell(said=other.read().decode(), headers=sorted(dict(other.getheaders())))
    tell(rest=first.read().decode(), near=open_at(seat["mcp_url"] + "x", "second").status)
    """

    async def play(url: str) -> Any:
        return await bench.sit(body, "scripted+transport=http", {"url": f"{url}/mcp"})

    sat = play_with(app, play)
    assert sat.error is None
    first, noted, rest = sat.lines
    assert first["line"] == "data: one\n"
    assert (noted["said"], rest["near"]) == ("noted", 401)
    assert "mcp-session-id" in noted["headers"]
    assert "x-inner" not in noted["headers"]
    assert "data: two" in rest["rest"]
    token = "Bearer this-is-the-token-of-the-attempt-0123456789"
    assert asked == [("/mcp", token, "tools/call")] * 2
