"""Figures of the runners: what Proctor adds to a CLI's own time, and many attempts at once."""

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import anyio
import anyio.to_thread

from _figures import Row
from proctor import Rooms
from runners._booth import CliSeat, CliTool
from runners._booth.prompt import prompt
from runners._core import Hall
from runners._evaluation import Options
from runners._plan import EvalConfig, sittings
from runners._sitting import LocalEngine
from runners._suite import run_suite
from runners.scripted_model import endpoint
from tasks import AttemptRequest, Ticket
from tasks._record import Run, RunFolder

SUITE = "strategic/bayesian_games"
SEEDS = itertools.count(1)


@dataclass(frozen=True)
class Bench:
    """A hall with a daemon of its own, and the place where runs go."""

    hall: Hall
    home: Path
    runs: Path

    async def proctor(self, agent: str, n: int = 1, concurrent: int = 1) -> float:
        """Seconds from the order to the settled records of `n` attempts.

        Raises:
            SystemExit: one of them did not go well.
        """
        config = EvalConfig(suite=SUITE, agents=(agent,), seed=next(SEEDS), n=n)
        for _ in range(n - 1):
            next(SEEDS)
        stage = Options(runs=self.runs, concurrent=concurrent).stage({})
        began = time.perf_counter()
        (report,) = await run_suite(config, LocalEngine(self.hall), stage)
        took = time.perf_counter() - began
        if (report.played, report.failed, report.unseen, report.broken) != (n, 0, 0, 0):
            raise SystemExit(f"{agent} did not play well: {report}")
        return took

    async def alone(self, tool: CliTool) -> float:
        """Seconds from the CLI's start to its end, without Proctor's runner around it.

        The same server command, the same scripted model, the same settings; no booth, no door.

        Raises:
            SystemExit: it failed.
        """
        (sitting,) = sittings(EvalConfig(suite=SUITE, agents=("nop",), seed=next(SEEDS)))
        now = datetime.now(UTC)
        run = Run(suite=SUITE, agent="alone", created=now.isoformat(), asked={}, versions={})
        folder = RunFolder.create(self.runs, run, now)
        request = AttemptRequest(instance=str(sitting.instance), agent="alone", run=folder.path)
        ticket = await self.hall.open_attempt(request)
        async with endpoint("solver") as model:
            with tempfile.TemporaryDirectory(prefix="pb") as home:
                part = "/v1" if tool.base_url.endswith("/v1") else ""
                seat = _seat(tool, ticket, home, model.url + part)
                took = await anyio.to_thread.run_sync(_run, tool, seat)
        await self.hall.close_attempt(ticket.attempt, "ended by the benchmark")
        events = folder.attempt(sitting.instance.slug, 1).events.read_text()
        if '"answer.accepted"' not in events:
            raise SystemExit(f"{tool.name} alone handed in no answer")
        return took


@asynccontextmanager
async def bench(home: Path) -> AsyncGenerator[Bench]:
    """A daemon under `home`, ended with the context."""
    os.environ["PROCTOR_HOME"] = str(home)
    rooms = Rooms()
    rooms.start_daemon(home / "runs", "auto")
    try:
        async with rooms.open_hall() as hall:
            yield Bench(hall, home, home / "runs")
    finally:
        await anyio.to_thread.run_sync(rooms.stop_daemon)


async def overhead_rows(home: Path, names: list[str], repeats: int) -> list[Row]:
    """A CLI alone and as Proctor's attempt, in turns; medians, and the median difference."""
    rows: list[Row] = []
    async with bench(home) as one:
        for name in names:
            tool: CliTool = import_module(f"runners.agents.{name}").TOOL
            agent = f"{name}:scripted"
            await one.alone(tool)  # both once unmeasured: caches, spare kernels
            await one.proctor(agent)
            pairs = [(await one.alone(tool), await one.proctor(agent)) for _ in range(repeats)]
            alone, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
            added = statistics.median(b - a for a, b in pairs)
            rows += [
                Row(f"{tool.name} alone, start to end", alone, "s"),
                Row(f"{tool.name} as Proctor's attempt, order to record", ours, "s"),
                Row(f"{tool.name}: Proctor adds", added, "s", "≤ 1"),
            ]
    return rows


async def crowd_rows(home: Path, names: list[str], many: int) -> list[Row]:
    """Many attempts at once against their time one by one, shared among the processors."""
    cores = len(os.sched_getaffinity(0))
    rows: list[Row] = []
    async with bench(home) as one:
        for name in names:
            agent = f"{name}:scripted"
            await one.proctor(agent)
            single = await one.proctor(agent, n=4, concurrent=1) / 4
            together = await one.proctor(agent, n=many, concurrent=many)
            ideal = max(single, many * single / cores)
            rows += [
                Row(f"{name}: one attempt of 4 in a row", single, "s"),
                Row(f"{name}: {many} attempts at once on {cores} processors", together, "s"),
                Row(f"{name}: of the ideal ({ideal:.1f} s)", together / ideal, "x", "≤ 1.3"),
            ]
    return rows


def _seat(tool: CliTool, ticket: Ticket, home: str, model_url: str) -> CliSeat:
    given = [f"{name}={value}" for name, value in ticket.env.items()]
    path = f"PATH={Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return CliSeat(
        prompt=prompt(SUITE, tool.server),
        model=tool.model,
        home=home,
        cwd=f"{home}/work",
        model_url=model_url,
        key="none-is-needed",
        transport="stdio",
        mcp_command=("/usr/bin/env", path, *given, *ticket.command),
        mcp_url="",
        wall_s=600.0,
    )


def _run(tool: CliTool, seat: CliSeat) -> float:
    launch = tool.launch(seat)
    for name, text in launch.files.items():
        path = Path(seat.home, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    Path(seat.cwd).mkdir(exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": seat.home, "TMPDIR": seat.home, "LANG": "C.UTF-8"}
    began = time.perf_counter()
    done = subprocess.run(
        [tool.program, *launch.argv],
        env={**env, **launch.env},
        cwd=seat.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{tool.name} alone failed: {done.stderr[-500:].decode()}")
    return took
