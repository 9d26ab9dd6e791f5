"""A runner's lifeline: what is opened under it ends with it."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from server import daemon
from server.foyer import House
from server.launch import DaemonOptions
from server.lifelines import GONE, Connection, Lifelines
from server.operator import LINE_LIMIT, Operator, RunnerOperator
from server.wire import Wire, dial
from tasks import JSON, AttemptRequest, DaemonError, UsageError

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def asked(run: Path) -> AttemptRequest:
    return AttemptRequest(instance="strategic/bayesian_games@2:easy:private:1", agent="x", run=run)


def bound(run: Path, lifeline: str) -> dict[str, JSON]:
    return {"request": asked(run).model_dump(mode="json"), "lifeline": lifeline}


async def say(wire: Wire, method: str, params: JSON) -> dict[str, JSON]:
    await wire.send(json.dumps({"method": method, "params": params}).encode())
    answer = await wire.line()
    assert answer is not None
    return json.loads(answer)


async def connected(home: Path) -> Wire:
    return await dial(home / "operator.sock", LINE_LIMIT)


@asynccontextmanager
async def serving(hall: Any, home: Path, **more: Any) -> AsyncGenerator[anyio.Event]:
    """A daemon in this process; gives the event that is set when it has ended."""
    opened, ended = anyio.Event(), anyio.Event()

    @asynccontextmanager
    async def house(options: DaemonOptions) -> AsyncGenerator[House]:
        yield House(hall, "none")

    async def serve() -> None:
        options = DaemonOptions(home=home, runs=home / "runs", **more)
        await daemon.serve(options, (), house, daemon.News(house=lambda info: opened.set()))
        ended.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve)
        with anyio.fail_after(30):
            await opened.wait()
        yield ended
        tasks.cancel_scope.cancel()


async def until(hall: Any, attempts: set[str]) -> None:
    with anyio.fail_after(10):
        while set(hall.tokens.values()) != attempts:  # noqa: ASYNC110 - the daemon's own doing
            await anyio.sleep(0.01)


async def test_attempts_end_with_the_runner_that_opened_them_and_no_others(
    little_hall: Any, state_home: Path
):
    async with serving(little_hall, state_home), await connected(state_home) as other:
        async with await connected(state_home) as doomed:
            assert "result" in await say(doomed, "hold", {"lifeline": "one"})
            assert "result" in await say(other, "hold", {"lifeline": "two"})
            for lifeline in ("one", "two"):
                # On any connection: the lifeline itself is for holding.
                assert "result" in await say(other, "open_attempt", bound(state_home, lifeline))
            await Operator(state_home).open_attempt(asked(state_home))
        await until(little_hall, {"a1", "a2"})
        refused = await say(other, "open_attempt", bound(state_home, "one"))
        assert "lifeline is gone" in str(refused["error"])


async def test_a_runner_that_leaves_leaves_nothing_open(little_hall: Any, state_home: Path):
    async with serving(little_hall, state_home):
        async with RunnerOperator(state_home) as runner:
            ticket = await runner.open_attempt(asked(state_home))
            assert set(little_hall.tokens.values()) == {ticket.attempt}
        await until(little_hall, set())


async def test_a_lost_daemon_ends_its_runner(little_hall: Any, state_home: Path):
    async def run() -> None:
        async with RunnerOperator(state_home):
            await Operator(state_home).stop()
            await anyio.sleep_forever()

    async with serving(little_hall, state_home):
        with pytest.raises(BaseExceptionGroup) as caught:
            await run()
    assert caught.group_contains(DaemonError, match="same command goes on")


async def test_without_a_daemon_there_is_no_lifeline(state_home: Path):
    with pytest.raises(DaemonError, match="serve start"):
        await RunnerOperator(state_home).__aenter__()


async def test_a_lifeline_keeps_the_daemon_awake(little_hall: Any, state_home: Path):
    async with serving(little_hall, state_home, idle_exit_s=0.3) as ended:
        async with RunnerOperator(state_home) as runner:
            for _ in range(3):
                assert (await runner.status()).idle_s < 0.3
            assert not ended.is_set()
        with anyio.fail_after(10):
            await ended.wait()


async def test_an_attempt_that_opens_while_its_runner_dies_is_ended(
    little_hall: Any, state_home: Path
):
    opening, go_on = anyio.Event(), anyio.Event()
    open_attempt = little_hall.open_attempt

    async def slow(request: AttemptRequest) -> Any:
        if opening.is_set():
            raise UsageError("one at a time")
        opening.set()
        await go_on.wait()
        return await open_attempt(request)

    little_hall.open_attempt = slow
    async with serving(little_hall, state_home), await connected(state_home) as late:
        doomed = await connected(state_home)
        await say(doomed, "hold", {"lifeline": "one"})
        request = {"method": "open_attempt", "params": bound(state_home, "one")}
        await late.send(json.dumps(request).encode())
        await opening.wait()
        async with doomed:
            pass
        async with await connected(state_home) as other:
            params = bound(state_home, "one")
            while "is gone" not in str(await say(other, "open_attempt", params)):  # noqa: ASYNC110
                await anyio.sleep(0.01)
        go_on.set()
        answer = await late.line()
        assert b"lifeline is gone" in (answer or b"")
        await until(little_hall, set())


async def test_a_name_is_held_once_and_every_attempt_is_tried():
    lifelines, closed = Lifelines(), list[tuple[str, str]]()

    async def close(attempt: str, reason: str) -> None:
        closed.append((attempt, reason))
        if attempt == "a0":
            raise OSError("no space left")

    connection = Connection(lifelines, close)
    hold = connection.methods()["hold"]
    await hold({"lifeline": "x"})
    with pytest.raises(UsageError, match="already"):
        await hold({"lifeline": "y"})
    with pytest.raises(UsageError, match="held already"):
        await Connection(lifelines, close).methods()["hold"]({"lifeline": "x"})
    for attempt in ("a0", "a1", "a2"):
        assert lifelines.bind("x", attempt)
    lifelines.release("a1")
    await connection.ended()
    assert sorted(closed) == [("a0", GONE), ("a2", GONE)]
    assert not lifelines
    assert not lifelines.bind("x", "a3")
    await Connection(lifelines, close).ended()
