"""Figures and where they come from: percentiles, process trees, private memory."""

import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil


@dataclass(frozen=True)
class Row:
    """One figure."""

    name: str
    value: float
    unit: str
    target: str = ""


def spread(name: str, samples_s: list[float], target: str = "") -> list[Row]:
    """p50 and p99 of samples in seconds, as rows in milliseconds."""
    p50, p99 = np.percentile(np.array(samples_s) * 1000, [50, 99])
    return [Row(f"{name}, p50", float(p50), "ms", target), Row(f"{name}, p99", float(p99), "ms")]


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Seconds that one awaited call takes."""
    start = time.perf_counter()
    await call()
    return time.perf_counter() - start


def tree(pid: int) -> list[psutil.Process]:
    """A process and all its living descendants."""
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def private_mb(pid: int) -> float:
    """Private memory of one process, clean and dirty, from smaps_rollup."""
    return _smaps(pid, ("Private_Clean", "Private_Dirty"))


def proportional_mb(pids: Iterable[int]) -> float:
    """Proportional set size of some processes together."""
    return sum(_smaps(pid, ("Pss",)) for pid in pids)


def _smaps(pid: int, fields: tuple[str, ...]) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(x.split()[1]) for x in lines if x.split(":")[0] in fields) / 1024
