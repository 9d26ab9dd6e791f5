"""How attempts end: limits, failures, silence, and the runner's own sudden death."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from runners._booth import bubble, cli_agent
from runners._booth.account import price
from runners._booth.meter import Reading
from tasks import UsageError
from tasks._record import Tokens

ASKING = """
for n in range(20):
    status, body = ask(f"Task: a/b {n}")
    tell(n=n, status=status)
"""

STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = [sys.executable, "-IS", "-c", "import time; time.sleep(600)", MARK]
subprocess.Popen(child, stdin=subprocess.DEVNULL)
mcp()
tell(ready=True)
time.sleep(600)
"""


def alive(mark: str) -> list[str]:
    """Command lines of living processes that hold the mark."""
    found: list[str] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                words = (folder / "cmdline").read_bytes().decode(errors="replace")
                environ = (folder / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if mark in words + environ:
                found.append(words)
    return found


def written(sat: Any) -> bytes:
    path = sat.folder / "transcript.jsonl"
    return path.read_bytes() if path.exists() else b""


def test_what_was_metered_is_what_the_endpoint_told(bench: Any):
    sat, model = bench.play_paid("[ask(f'Task: a/b {n}' * n) for n in range(1, 8)]; visit()")
    total, metered = model.totals[""], sat.last.usage.metered
    assert (total.requests, sat.last.usage.requests) == (7, 7)
    assert (metered.input, metered.output, metered.cached) == (
        total.input,
        total.output,
        total.cached,
    )
    assert metered.input > 0
    told = sat.last.usage
    assert told.cost_basis == "list"
    assert told.cost_usd == pytest.approx(
        price("anthropic", "claude-sonnet-4-5", Reading("", metered)), rel=1e-6
    )


def test_the_money_limit_ends_the_cli(bench: Any):
    free, _ = bench.play_paid(ASKING + "visit()")
    assert len(free.lines) == 20
    limit = free.last.usage.cost_usd / 5
    sat, model = bench.play_paid(ASKING + "time.sleep(600)", f"+usd={limit:.9f}")
    assert (sat.last.ending, sat.error) == ("money", None)
    assert limit <= sat.last.usage.cost_usd < 2 * limit
    assert model.totals[""].requests == sat.last.usage.requests < 12
    assert sat.last.setup.settings["usd"] == pytest.approx(limit)


def test_the_turn_limit_ends_the_cli(bench: Any):
    sat = bench.play(ASKING + "time.sleep(600)", "scripted+turns=3")
    assert (sat.last.ending, sat.error, sat.last.usage.requests) == ("turns", None, 3)


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_out_of_time_all_of_it_is_ended_by_force(bench: Any, sandbox: str):
    mark = f"mark-{os.urandom(8).hex()}"
    body = f"MARK = {mark!r}\n{STUBBORN}"
    sat = bench.play(body, f"scripted+sandbox={sandbox}", wall_s=1.0)
    assert sat.lines == [{"ready": True}]
    assert (sat.last.ending, sat.error) == ("timeout", None)
    assert alive(mark) == []


def test_cancelled_from_outside_it_is_ended_and_has_told_what_it_took(bench: Any, sat: Any):
    mark = f"mark-{os.urandom(8).hex()}"
    body = f"MARK = {mark!r}\nask(); visit(); tell(ready=True)\n{STUBBORN}"

    async def play() -> None:
        seat = bench.seat(sat)
        variant = cli_agent(bench.tool(body)).variant
        assert variant is not None

        async def sitting() -> None:
            await variant("scripted").play(seat)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sitting)
            while b"ready" not in written(sat):  # noqa: ASYNC110 - a file tells no event
                await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()

    anyio.run(play)
    assert alive(mark) == []
    assert (sat.last.ending, sat.last.usage.requests) == ("", 1)
    assert sat.last.usage.metered.input > 0


@pytest.mark.parametrize("sandbox", ["auto", "none"])
def test_a_runner_killed_takes_everything_with_it(bench: Any, tmp_path: Path, sandbox: str):
    mark = f"mark-{os.urandom(8).hex()}"
    # Unsealed, a CLI's own children are beyond our reach by then; it must not have any.
    body = f"MARK = {mark!r}\n" + (STUBBORN if sandbox == "auto" else "mcp(); time.sleep(600)")
    bench.tool(body)
    shim = f"import sys  # {mark}\nprint('up', flush=True)\nfor line in sys.stdin: pass"
    script = tmp_path / "runner.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import json, random, sys, anyio
            from dataclasses import asdict
            from pathlib import Path
            from runners._booth import Capabilities, CliSaid, CliTool, Launch, cli_agent
            from runners._core import Seat
            from tasks import Ticket
            env = lambda seat: {{"MARK": {mark!r}, "SEAT": json.dumps(asdict(seat))}}
            launch = lambda seat: Launch(argv=({mark!r},), env=env(seat))
            tool = CliTool(name="F", program="fakecli", package="f", tested="1", wire="anthropic",
                provider="anthropic", model="m", key_env=(), base_env="B", base_url="http://x",
                can=Capabilities(builtins_off=True), launch=launch, read=lambda text: CliSaid())
            ticket = Ticket(attempt="a", token="t" * 20, url="http://127.0.0.1:9/mcp",
                command=(sys.executable, "-c", {shim!r}), env={{}})
            seat = Seat("a/b", ticket, random.Random(1), Path({str(tmp_path)!r}), 600)
            anyio.run(cli_agent(tool).variant("scripted+sandbox={sandbox}").play, seat)
            """
        )
    )
    runner = subprocess.Popen([sys.executable, str(script)], cwd=Path(__file__).parents[3])
    # The CLI, its relay, the shim outside, and what the CLI started besides.
    expected = 4 if sandbox == "auto" else 3
    try:
        deadline = time.monotonic() + 60
        while len(alive(mark)) < expected:
            assert runner.poll() is None, "the runner ended by itself"
            assert time.monotonic() < deadline, alive(mark)
            time.sleep(0.05)
    finally:
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    deadline = time.monotonic() + 5
    while alive(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive(mark) == []


def test_failures_are_told_apart(bench: Any):
    crash = bench.play("ask(); visit(); sys.stderr.write('a reason'); sys.exit(3)")
    assert crash.last.ending == "crash"
    assert str(crash.error) == "Fake CLI ended with status 3: a reason"
    toolless = bench.play("ask()")
    assert toolless.last.ending == "tools"
    assert "never reached Proctor's MCP server" in str(toolless.error)
    silent = bench.play("ask(); visit()", "scripted+faults=429")
    assert (silent.last.ending, silent.last.usage.provider_errors) == ("provider", 1)
    assert "status 429" in str(silent.error)
    mended = bench.play("ask(); ask(); visit()", "scripted+faults=500")
    assert (mended.last.ending, mended.error) == ("", None)
    assert (mended.last.usage.provider_errors, mended.last.usage.requests) == (1, 1)
    late = bench.play("while ask()[0] != 200: pass", "scripted+faults=500x*,delay=0.05", wall_s=1.0)
    assert late.last.ending == "provider"


def test_what_is_missing_is_told_in_words_and_without_a_key(bench: Any):
    tool = bench.tool("", builtins_off=False)
    variant = cli_agent(tool).variant
    assert variant is not None
    paid = variant("some-model")
    assert paid.paid
    assert paid.missing() == ""
    assert variant("scripted").model == ""
    assert not variant("scripted").paid
    assert not variant("m+base_url=http://127.0.0.1:1").paid
    assert "price list does not know 'some-model'" in variant("some-model+usd=1").missing()
    assert variant("claude-sonnet-4-5+usd=1").missing() == ""
    bench.environ.delenv("ANTHROPIC_API_KEY")
    assert "ANTHROPIC_API_KEY is not set" in paid.missing()
    assert "MY_KEY is not set" in variant("some-model+key_env=MY_KEY").missing()
    bench.environ.setenv("PATH", "/nonexistent")
    assert "npm install -g @nobody/fakecli@1.0" in paid.missing()
    with pytest.raises(UsageError, match="turns"):
        variant("m+tunrs=3")
    with pytest.raises(UsageError, match="belongs to the model `scripted`"):
        variant("m+script=solver")
    with pytest.raises(UsageError, match="one of"):
        variant("scripted+script=nobody")


def test_with_tools_of_its_own_a_cli_runs_sealed_or_not_at_all(
    bench: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bubble, "refusal", lambda: "no namespaces")
    sat = bench.play("ask(); visit()")
    assert (sat.error, sat.last.setup.sandbox) == (None, "none")
    variant = cli_agent(bench.tool("", builtins_off=False)).variant
    assert variant is not None
    assert "no namespaces" in variant("scripted").missing()
    assert variant("scripted+sandbox=none").missing() == ""
    assert "no namespaces" in variant("scripted+sandbox=bwrap").missing()


def test_the_relay_passes_megabytes_on_several_connections_at_once(bench: Any):
    sat = bench.play(
        """
        import threading
        line = b"x" * (3 << 20) + b"\\n"
        relays = [mcp() for _ in range(3)]
        back = {}
        def pull(n):
            back[n] = relays[n].stdout.readline()
        threads = [threading.Thread(target=pull, args=(n,)) for n in range(3)]
        [thread.start() for thread in threads]
        for n, relay in enumerate(relays):
            relay.stdin.write(line); relay.stdin.close()
        [thread.join() for thread in threads]
        tell(same=[back[n] == line.upper() for n in range(3)], ended=[r.wait() for r in relays])
        """
    )
    assert sat.lines == [{"same": [True] * 3, "ended": [0] * 3}]


def test_a_connection_without_the_word_is_not_served(bench: Any):
    sat = bench.play(
        """
        port = int(seat["mcp_command"][-2])
        door = socket.create_connection(("127.0.0.1", port))
        door.sendall(b"wrong-word-that-is-as-long-as-any-word-may-be\\nhello\\n")
        try:
            said = door.recv(9).decode()
        except ConnectionResetError:
            said = ""
        tell(said=said)
        """
    )
    assert sat.lines == [{"said": ""}]
    assert sat.last.ending == "tools"


def test_a_shim_that_cannot_be_started_is_told_and_ends_nothing_else(bench: Any, sat: Any):
    seat = bench.seat(sat)
    broken = replace(seat, ticket=seat.ticket.model_copy(update={"command": ("/nonexistent",)}))
    agent = cli_agent(bench.tool("relay = mcp(); tell(said=relay.communicate(b'x')[0].decode())"))
    assert agent.variant is not None
    anyio.run(agent.variant("scripted").play, broken)
    assert sat.lines == [{"said": ""}]
    assert "Proctor's shim: " in (sat.folder / "transcript.stderr.txt").read_text()


def test_tokens_of_a_broken_answer_are_counted(bench: Any):
    sat = bench.play(
        """
        for n in range(2):
            try:
                ask(stream=True)
            except (http.client.HTTPException, OSError):
                pass
        visit()
        """,
        "scripted+faults=cut",
    )
    assert sat.last.usage.provider_errors == 1
    assert sat.last.usage.metered.input > 0
    assert Tokens() != sat.last.usage.metered
