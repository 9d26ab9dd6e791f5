"""Figures of the hall itself, all taken through the front door by a real MCP client."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import psutil
from mcp import Client, StdioServerParameters

from _figures import Row, private_mb, proportional_mb, spread, timed, tree

PROCTOR = Path(sys.executable).parent / "proctor"
TASK = "strategic/bayesian_games"


@asynccontextmanager
async def hall(home: Path, *options: str) -> AsyncGenerator[tuple[Client, int]]:
    """A daemon under `home` and a client connected through the stdio shim; gives its pid too."""
    env = {**os.environ, "PROCTOR_HOME": str(home)}
    serve = [PROCTOR, "serve", "start", "--runs", home / "runs", *options]
    done = subprocess.run(serve, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the daemon did not start: {done.stderr}{done.stdout}")
    try:
        pid = int(json.loads((home / "daemon.json").read_text())["pid"])
        shim = StdioServerParameters(command=str(PROCTOR), args=["connect", "--stdio"], env=env)
        async with Client(shim) as client:
            yield client, pid
    finally:
        subprocess.run([PROCTOR, "serve", "stop"], env=env, capture_output=True, check=False)


async def start_rows(home: Path, repeats: int) -> list[Row]:
    """`start_task` to the first result of `1+1`, without and with a spare kernel."""
    rows: list[Row] = []
    for spares, target in ((0, "p50 ≤ 120"), (1, "p50 ≤ 40")):
        samples: list[float] = []
        imports: list[float] = []
        async with hall(home / str(spares), "--spares", str(spares)) as (client, pid):
            for seed in range(repeats):
                await _spares_ready(pid, spares)
                samples.append(await timed(lambda seed=seed: _start(client, seed)))
                session = (await _sessions(client))[-1]
                imports.append(
                    await timed(lambda s=session: _run(client, s, "import torch, transformer_lens"))
                )
                await client.call_tool("finish", {"session_id": session})
        what = "a spare kernel" if spares else "no spare kernel"
        rows += spread(f"Proctor: start_task to first 1+1, {what}", samples, target)
        rows += spread(f"Proctor: import torch, transformer_lens ({what})", imports)
    return rows


async def call_rows(home: Path, repeats: int) -> list[Row]:
    """`execute_code("1+1")` through client, stdio, shim and daemon, notebook saved."""
    async with hall(home) as (client, _pid):
        # A task would end by its budget of tool calls; a free notebook has none.
        opened = await client.call_tool("start_new_session", {"experiment_name": "calls"})
        session = str(json.loads(_text(opened))["session_id"])
        await _run(client, session, "1+1")
        samples = [await timed(lambda: _run(client, session, "1+1")) for _ in range(repeats)]
    return spread("Proctor: execute_code 1+1 over stdio", samples, "p50 ≤ 12")


async def memory_rows(home: Path, kernels: int) -> list[Row]:
    """Many kernels alive at once."""
    async with hall(home, "--spares", "0") as (client, pid):
        before = {p.pid for p in tree(pid)}
        base = proportional_mb(before)
        for seed in range(kernels):
            await _start(client, seed)
        alive = [p.pid for p in tree(pid)]
        fresh = [private_mb(p) for p in alive if p not in before]
        total = proportional_mb(alive)
    return [
        Row("Proctor: private memory a kernel (largest)", max(fresh), "MB", "≤ 45"),
        Row(f"Proctor: {kernels} kernels, daemon and zygote together", total, "MB", "≤ 3,072"),
        Row("Proctor: daemon and zygote before the first kernel", base, "MB"),
    ]


async def flood_rows(home: Path) -> list[Row]:
    """20,000 prints, then 200 MB of output: the daemon neither hangs nor swells."""
    rows: list[Row] = []
    async with hall(home) as (client, pid):
        session = await _start(client, 1)
        daemon = psutil.Process(pid)
        before = daemon.memory_info().rss
        prints = "for i in range(20000): print(i, flush=True)"
        flood = "for i in range(200): print('x' * 1_000_000)"
        for name, code in (("20,000 flushed prints", prints), ("200 MB of output", flood)):
            peak = _Peak(daemon)
            seconds = 0.0
            async with anyio.create_task_group() as group:
                group.start_soon(peak.watch)
                seconds = await timed(lambda code=code: _run(client, session, code))
                group.cancel_scope.cancel()
            rows.append(Row(f"Proctor: {name}", seconds * 1000, "ms"))
            grown = (peak.rss - before) / 2**20
            rows.append(Row(f"Proctor: daemon growth at {name}", grown, "MB", "≤ 100"))
    return rows


async def leak_rows(home: Path, cycles: int) -> list[Row]:
    """Start and finish many attempts: what is left over, counted on the daemon's side."""
    async with hall(home) as (client, pid):
        for seed in range(5):
            await _cycle(client, seed)
        await _spares_ready(pid, 1)
        before = _holdings(pid)
        for seed in range(cycles):
            await _cycle(client, seed)
        await _spares_ready(pid, 1)
        after = _holdings(pid)
    return [
        Row(f"Proctor: {what} left by {cycles} start/stop cycles", after[what] - n, "", "0")
        for what, n in before.items()
    ]


class _Peak:
    """Largest resident size seen while a call runs."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.rss = 0

    async def watch(self) -> None:
        while True:
            self.rss = max(self.rss, self._process.memory_info().rss)
            await anyio.sleep(0.02)


def _holdings(pid: int) -> dict[str, int]:
    processes = tree(pid)
    return {
        "descriptors": psutil.Process(pid).num_fds(),
        "processes": len(processes),
        "mounts": sum(_mounts(p.pid) for p in processes),
        "daemon threads": psutil.Process(pid).num_threads(),
    }


def _mounts(pid: int) -> int:
    return len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines())


async def _cycle(client: Client, seed: int) -> None:
    session = await _start(client, seed)
    await client.call_tool("finish", {"session_id": session})


async def _spares_ready(pid: int, spares: int) -> None:
    """Wait until the daemon's process tree has been still for a while (spares are warm)."""
    with anyio.fail_after(30):
        seen, still = -1, 0
        while still < 10:
            now = len(tree(pid))
            still = still + 1 if now == seen else 0
            seen = now
            await anyio.sleep(0.1 if spares else 0.01)


async def _start(client: Client, seed: int) -> str:
    text = _text(await client.call_tool("start_task", {"task": TASK, "seed": seed}))
    session = str(json.loads(text)["session_id"])
    await _run(client, session, "1+1")
    return session


async def _run(client: Client, session: str, code: str) -> None:
    result = await client.call_tool("execute_code", {"session_id": session, "code": code})
    if result.is_error:
        raise SystemExit(f"execute_code failed: {_text(result)}")


async def _sessions(client: Client) -> list[str]:
    listed = json.loads(_text(await client.call_tool("list_sessions", {})))
    return [str(item["session_id"]) for item in listed["sessions"]]


def _text(result: Any) -> str:
    return str(result.content[0].text)
