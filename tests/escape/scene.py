"""Scenes of the escape suite, each run in a process of its own as root or as an ordinary user.

`scene.py NAME JSON` prints one JSON object. What happened is told here; what ought to have
happened stands in the tests.
"""
# ruff: noqa: T201 - what it prints is what it is for

import json
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from server.sandboxes import Box, Limits, Sandbox, SandboxError, Setting
from server.sandboxes._ask import ask
from server.sandboxes._choose import tiers
from server.sandboxes._probe import LIMITS, attack, targets
from server.sandboxes._room import Room
from server.sandboxes._usage import members

Told = dict[str, Any]

SMALL = replace(LIMITS, memory_mb=300, processes=40)


@asynccontextmanager
async def opened(tier: str, dropped: Sequence[str] = ()) -> AsyncGenerator[Sandbox]:
    setting = Setting(dropped=frozenset(dropped), preload=())
    sandbox: Sandbox = tiers().find(tier)(setting)
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def selftest(tier: str) -> Told:
    async with opened(tier) as sandbox:
        report = await sandbox.probe()
    return {
        "passed": report.passed,
        "error": report.error,
        "sealed": report.record()["sealed"],
        "leaks": [p.name for p in report.probes if not p.held],
        "vacuous": [p.name for p in report.probes if not p.control],
        "details": {p.name: p.detail for p in report.probes},
    }


async def mutations(tier: str, table: list[tuple[list[str], list[str]]]) -> Told:
    """For each set of dropped items: which of the named attacks then get through."""
    told: Told = {}
    with targets() as aims:
        for dropped, names in table:
            async with opened(tier, dropped) as sandbox:
                outcome = await attack(sandbox, aims, names)
            told |= {f"{' '.join(dropped)} -> {name}": outcome[name] for name in names}
    return told


HIDE = """
import os, socket, threading
for folder in ("/work", "/tmp", "/dev/shm", "/run/k"):
    with open(f"{folder}/neighbour-canary", "w") as file: file.write("mine")
tcp = socket.create_server(("127.0.0.1", 45678))
abstract = socket.socket(socket.AF_UNIX); abstract.bind("\\0neighbour"); abstract.listen()
master, slave = os.openpty()
os.environ["NEIGHBOUR"] = "1"
child = os.fork()
if child == 0:
    os.execv("/bin/sleep", ["neighbour-sleep", "1000"])
"""
SEEK = """
import os, socket
def seek():
    seen = []
    for folder in ("/work", "/tmp", "/dev/shm", "/run/k", "/run", "/"):
        if os.path.exists(f"{folder}/neighbour-canary"): seen.append("file")
    for name, family, address in (("tcp", socket.AF_INET, ("127.0.0.1", 45678)),
                                  ("abstract", socket.AF_UNIX, "\\0neighbour")):
        with socket.socket(family) as sock:
            if sock.connect_ex(address) == 0: seen.append(name)
    if any(entry.isdigit() for entry in os.listdir("/dev/pts")): seen.append("terminal")
    for pid in os.listdir("/proc"):
        if pid.isdigit() and b"neighbour-sleep" in open(f"/proc/{pid}/cmdline", "rb").read():
            seen.append("process")
    return sorted(set(seen))
"""


async def neighbours(tier: str, dropped: Sequence[str] = ()) -> Told:
    async with opened(tier, dropped) as sandbox:
        one, two = await sandbox.start(LIMITS), await sandbox.start(LIMITS)
        await ask(one, HIDE)
        return {"own": await ask(one, SEEK, "seek()"), "other": await ask(two, SEEK, "seek()")}


FLOODS = {
    # Every route by which memory can be filled that no single process's limit sees.
    "shared": "import mmap; m = mmap.mmap(-1, 1 << 30)\nfor i in range(0, 1 << 30, 4096): m[i] = 1",
    "processes": (
        "import os, time\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        b = bytearray(200 << 20); time.sleep(60)\n"
        "time.sleep(60)"
    ),
    "files": (
        "import os\n"
        "for d in ('/work', '/tmp', '/dev/shm'):\n"
        "    for i in range(10):\n"
        "        try: open(f'{d}/f{i}', 'wb').write(b'1' * (60 << 20))\n"
        "        except OSError as e: print(e)"
    ),
    "inodes": (
        "for d in ('/work', '/tmp'):\n"
        "    for i in range(20000):\n"
        "        try: open(f'{d}/f{i}', 'w').close()\n"
        "        except OSError: break\n"
        "import time; time.sleep(1)"
    ),
}


async def flood(tier: str, route: str, dropped: Sequence[str] = ()) -> Told:
    limits = replace(SMALL, disk_mb=200, file_mb=100) if route == "files" else SMALL
    async with opened(tier, dropped) as sandbox:
        victim, neighbour = await sandbox.start(limits), await sandbox.start(LIMITS)
        try:
            await ask(victim, FLOODS[route], timeout=20)
            died = False
        except SandboxError:
            died = not victim.alive()
        assert isinstance(victim, Room)
        used = victim.usage()
        count = "len([n for n in __import__('os').listdir('/tmp') if n[:1] == 'f'])"
        made = 0 if died else await ask(victim, "", count)
        return {
            "died": died,
            "verdict": victim.verdict,
            "memory_mb": used.memory_mb,
            "files": made,
            "neighbour": await ask(neighbour, "x = 6 * 7", "x"),
        }


FORKS = """
import os, signal
def forks():
    made = []
    try:
        for _ in range(300):
            pid = os.fork()
            if pid == 0:
                signal.pause()
            made.append(pid)
    except OSError as error:
        return len(made), error.errno
    finally:
        for pid in made:
            os.kill(pid, signal.SIGKILL)
        for pid in made:
            os.waitpid(pid, 0)
    return len(made), 0
"""


async def forks(tier: str) -> Told:
    async with opened(tier) as sandbox:
        victim, neighbour = await sandbox.start(LIMITS), await sandbox.start(LIMITS)
        made, number = await ask(victim, FORKS, "forks()")
        return {"made": made, "errno": number, "neighbour": await ask(neighbour, "", "6 * 7")}


PLANT = """
import os
os.symlink({secret!r}, "absolute")
os.symlink("../../../../../.." + {secret!r}, "relative")
os.symlink(os.path.dirname({secret!r}), "folder")
os.mkfifo("fifo")
os.symlink("/proc/self/environ", "magic")
os.symlink("task", "inner")
open("honest", "w").write("mine")
open("large", "wb").write(b"1" * 100001)
os.rename("outputs", "gone"); os.symlink({folder!r}, "outputs")
"""
TRICKS = ("absolute", "relative", "folder/{name}", "fifo", "magic", "../{name}", "{path}", "task")


async def planted(tier: str, secret: str) -> Told:
    path = Path(secret)
    told: Told = {"read": {}, "naive": {}}
    async with opened(tier) as sandbox:
        box = await sandbox.start(LIMITS)
        await ask(box, PLANT.format(secret=secret, folder=str(path.parent)))
        for trick in (*TRICKS, "honest", "large"):
            rel = trick.format(name=path.name, path=path)
            told["read"][trick] = attempt(partial(read, box, rel))
        for trick in ("absolute", "folder/{name}"):
            told["naive"][trick] = attempt(partial(naive, box, trick.format(name=path.name)))
        told["write"] = attempt(lambda: box.write_file("outputs/verdict.json", b"{}"))
        told["over"] = attempt(lambda: box.write_file("fifo", b"new"))
        told["listed"] = {entry.name: entry.kind for entry in box.list_files()}
    return told


def read(box: Box, rel: str) -> str:
    return box.read_file(rel, 100_000).decode()


def naive(box: Box, rel: str) -> str:
    assert isinstance(box, Room)
    fd = os.open(rel, os.O_RDONLY, dir_fd=box.handles.work)
    with os.fdopen(fd) as file:
        return file.read()


def attempt(call: Callable[[], str | None]) -> str | None:
    try:
        return call()
    except (SandboxError, OSError) as error:
        return f"refused: {error}"


TRAPS = ("sitecustomize", "usercustomize", "json", "_launch", "_app", "kit", "conftest")


async def traps(tier: str) -> Told:
    """Modules planted in /work must not be loaded by the next kernel of the room as it starts."""
    async with opened(tier) as sandbox:
        first = await sandbox.start(LIMITS)
        for name in TRAPS:
            await ask(first, f"open('{name}.py', 'w').write('open(\"/tmp/{name}\", \"w\")')")
        second = await sandbox.start(LIMITS, keep=first)
        await first.kill()
        code = "import os, json; n = [x for x in os.listdir('/tmp') if not x.startswith('.')]"
        return {
            "loaded": await ask(second, code, "n"),
            "kept": await ask(second, "", "os.listdir()"),
        }


DAEMONS = """
import os, signal
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in range(3, 64):
                try: os.close(fd)
                except OSError: pass
            signal.pause()
        os._exit(0)
"""


async def orphans(tier: str) -> Told:
    """Start rooms full of daemons, tell the host's pids of all, and wait to be killed."""
    async with opened(tier) as sandbox:
        box = await sandbox.start(Limits())
        await ask(box, DAEMONS)
        print(json.dumps({"pids": members(os.getpid())[1:]}), flush=True)
        await anyio.sleep_forever()
    return {}


SCENES: dict[str, Callable[..., Awaitable[Told]]] = {
    scene.__name__: scene
    for scene in (selftest, mutations, neighbours, flood, forks, planted, traps, orphans)
}

if __name__ == "__main__":
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    print(json.dumps(anyio.run(partial(SCENES[name], **arguments))))
