"""A node of a Ray cluster at work: one daemon, in a state folder of its own, and its sittings.

What belongs to a node lies in one fresh folder of its temporary disk (0700): the state folder with
the secret (0600), and the run folders of live attempts. It goes when the node is closed. A node
that was killed leaves it; the next node on the same machine removes it once its daemon has ended.
"""

import asyncio
import fcntl
import importlib
import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.to_thread

from runners._core import Hall, agent_named
from runners._publish import Depot, send
from runners._sitting import Order, sit
from tasks import DaemonError, UsageError
from tasks._locks import locked
from tasks._record import Played, Run, RunFolder

PREFIX = "proctor-node-"
SIGN = ".proctor-runs"
"""File beside the run folders by which a node knows that it sees them."""


class NodeRooms(Protocol):
    """What a node asks of the other rooms; `Terms.rooms` names who gives it."""

    def start_node(self, runs: Path, sandbox: Any, secret: str) -> None:
        """Put the secret in force in this process's state folder and start a daemon there."""
        ...

    def stop_daemon(self) -> None:
        """Stop the daemon."""
        ...

    def open_hall(self) -> AbstractAsyncContextManager[Hall]:
        """Connect to the daemon."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Versions that stand in run.json."""
        ...


@dataclass(frozen=True)
class Terms:
    """What every node is told at its start, beside the secret."""

    rooms: str
    """`module:name` of a class of `NodeRooms` without arguments, importable on every node."""
    sandbox: str
    agents: tuple[str, ...]
    versions: Mapping[str, str]
    """Of the runner; a node must have the same."""
    runs: str
    """URL or path that parcels are sent below."""
    sign: str
    """Content of the file `SIGN` there, which a node must see."""


class Node:
    """The actor of one node. Its methods run on one event loop."""

    async def open(self, terms: Terms, secret: str) -> str:
        """Check the terms, start the daemon; give the machine's name.

        The secret is an argument of a call: constructor arguments are kept by Ray's head.

        Raises:
            UsageError: other versions, an agent that cannot play here, or the run folder is not
                seen from here.
            SandboxError: no sandbox passed its probe here.
            DaemonError: the daemon did not start.
        """
        self._rooms: NodeRooms = _named(terms.rooms)()
        self._check(terms)
        await anyio.to_thread.run_sync(_sweep)
        self._place, self._claim = _claimed()
        # This process is the node's alone; whatever it starts finds its state folder here.
        os.environ["PROCTOR_HOME"] = str(self._place / "state")
        runs = self._place / "runs"
        await anyio.to_thread.run_sync(self._rooms.start_node, runs, terms.sandbox, secret)
        opened: asyncio.Future[Hall] = asyncio.get_running_loop().create_future()
        self._over = anyio.Event()
        self._attending = asyncio.create_task(self._attend(opened))
        self._hall = await opened
        return platform.node()

    async def sit(self, order: Order, run: Run, parcel: str) -> tuple[Played, ...]:
        """Play an order on this node's disk; send the parcel to that URL or path.

        Raises:
            DaemonError: this node's daemon was lost.
            OSError: the parcel could not be sent.
        """
        live = Path(tempfile.mkdtemp(dir=self._place)) / order.run.name
        folder = RunFolder(live)
        live.mkdir()
        folder.write(run)
        here = Order(order.agent, order.sitting, live, order.limits)
        tries = await self._attended(here)
        await anyio.to_thread.run_sync(send, live, Depot.at(parcel))
        await anyio.to_thread.run_sync(shutil.rmtree, live.parent)
        return tries

    async def close(self) -> None:
        """Stop the daemon and remove what was this node's, the secret first."""
        self._over.set()
        await self._attending
        await anyio.to_thread.run_sync(self._rooms.stop_daemon)
        shutil.rmtree(self._place / "state", ignore_errors=True)
        shutil.rmtree(self._place, ignore_errors=True)
        os.close(self._claim)

    async def _attended(self, order: Order) -> tuple[Played, ...]:
        """Play it; stop at once where the daemon is lost."""
        playing = asyncio.create_task(sit(self._hall, order))
        await asyncio.wait({playing, self._attending}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            playing.cancel()
            await asyncio.wait({playing})
            raise DaemonError(f"The daemon of the node {platform.node()} was lost.")
        return playing.result()

    async def _attend(self, opened: "asyncio.Future[Hall]") -> None:
        """Be connected to the daemon from the first sitting to the last, in one task."""
        try:
            async with self._rooms.open_hall() as hall:
                opened.set_result(hall)
                await self._over.wait()
        except Exception as error:
            if opened.done():
                raise
            opened.set_exception(error)

    def _check(self, terms: Terms) -> None:
        machine, here = platform.node(), self._rooms.versions()
        other = [
            f"{name} {here.get(name, 'none')} instead of {version}"
            for name, version in terms.versions.items()
            if here.get(name) != version
        ]
        if other:
            raise UsageError(
                f"The node {machine} has {', '.join(other)}. Install the same versions on every "
                "node of the cluster."
            )
        for name in terms.agents:
            if why := agent_named(name).missing():
                raise UsageError(f"{name} cannot play on the node {machine}: {why}")
        runs = Depot.at(terms.runs)
        if not runs.holds(SIGN) or runs.read(SIGN).decode() != terms.sign:
            raise UsageError(
                f"The node {machine} does not see the folder {terms.runs}. Name one that every "
                "node shares with --runs, or a URL (`s3://bucket/runs`)."
            )


def _named(rooms: str) -> Any:
    module, _, name = rooms.partition(":")
    return getattr(importlib.import_module(module), name)


def _claimed() -> tuple[Path, int]:
    """A fresh folder and the handle that says it is in use; it gets its name once it is held."""
    draft = Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}"))
    handle = os.open(draft / "held", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return draft.rename(draft.with_name(draft.name.removeprefix("new-"))), handle


def _sweep() -> None:
    """Remove what nodes that were killed left on this machine; living ones hold theirs."""
    for place in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if place.is_symlink() or place.stat().st_uid != os.geteuid():
            continue
        if not any(map(locked, (place / "held", place / "state" / "daemon.lock"))):
            shutil.rmtree(place, ignore_errors=True)
