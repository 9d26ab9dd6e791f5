"""The Ray engine: one suite on the nodes of a cluster, one daemon a node.

Ray places and watches one actor a node (`_ray_node.Node`); each plays sittings on its own disk and
sends what it played as parcels (`_publish`), which this process alone puts into the run folder.
The sitting of a node that was lost goes to another one. Nodes that join are taken on when one is
lost. Nothing is decided here that a scheduler should decide: a node has as many sittings at a time
as it has processors, or as were asked for.
"""

import logging
import math
import os
import secrets
import socket
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio
import anyio.to_thread

from runners._ledger import Ledger
from runners._publish import Depot, commit, receive
from runners._ray_node import SIGN, Node, Terms
from runners._sitting import Order
from tasks import DaemonError, RecordError, UsageError
from tasks._record import PLAYED_FILE, Played, RunFolder, is_live, read_json

log = logging.getLogger("proctor.ray")

INCOMING = "incoming"
"""Folder of a run folder in which parcels arrive."""
LOSSES = 3
"""How often one sitting may lose its node, or one node its actor, before the run stops."""
KNOCK_S = 10.0
"""How long the head of a cluster may take to answer at all."""
CLOSE_S = 30.0
"""How long a node may take to stop its daemon at the end."""
QUIET: Mapping[str, str] = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}
"""Nothing is told to anybody: no usage statistics, no metrics, no dashboard."""


class RayRooms(Protocol):
    """What the engine asks of the other rooms."""

    def secret(self) -> str:
        """The secret in force, as text for another machine of this user."""
        ...

    def versions(self) -> Mapping[str, str]:
        """Versions that stand in run.json."""
        ...


@dataclass(frozen=True, kw_only=True)
class RayStage:
    """Where and how the nodes play."""

    runs: str
    """Folder or URL that run folders are made in; every node must see it."""
    agents: tuple[str, ...]
    address: str | None = None
    """`host:port`, `ray://host:port` or `auto`; None: $RAY_ADDRESS, else this machine alone."""
    sandbox: str = "auto"
    jobs: int = 0
    """Sittings at a time on each node; 0: one a processor that Ray counts there."""
    rooms: str = "proctor:Rooms"
    """`module:name` of what gives a node its rooms."""


@dataclass
class _Hand:
    """A node's actor and what is known of it."""

    node: str
    """Ray's id of the node."""
    actor: Any
    slots: int
    lost: bool = False


@asynccontextmanager
async def ray_engine(stage: RayStage, rooms: RayRooms) -> AsyncGenerator["RayEngine"]:
    """An engine on the nodes that the cluster has now; its daemons end with the context.

    Raises:
        UsageError: Ray is not installed, no cluster answers at the address, or a node cannot play.
        SandboxError: on a node, no sandbox passed its probe.
        DaemonError: on a node, the daemon did not start.
    """
    ray = _ray()
    depot = Depot.at(stage.runs)
    with _connected(ray, stage.address):
        sign = await anyio.to_thread.run_sync(_sign, depot)
        terms = Terms(
            rooms=stage.rooms,
            sandbox=stage.sandbox,
            agents=stage.agents,
            versions=dict(rooms.versions()),
            runs=stage.runs,
            sign=sign,
        )
        engine = RayEngine(ray, terms, rooms.secret(), stage.jobs)
        try:
            await engine.recruit()
            yield engine
        finally:
            with anyio.CancelScope(shield=True):
                await engine.close()


def _sign(runs: Depot) -> str:
    """What tells this folder from another of its name on a node's own disk; it stays there."""
    if not runs.holds(SIGN):
        runs.write(secrets.token_hex(8).encode(), SIGN)
    return runs.read(SIGN).decode()


def _ray() -> Any:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise UsageError(
            "--engine ray needs Ray, which is not installed: `pip install -e '.[ray]'`, here and "
            "on every node."
        ) from None
    return ray


@contextmanager
def _connected(ray: Any, address: str | None) -> Generator[None]:
    """Ray's connection for as long as the context lasts; one that was there before stays."""
    if ray.is_initialized():
        yield
        return
    # Ray prints what befalls nodes on stdout, which belongs to results.
    with redirect_stdout(sys.stderr):
        try:
            _knock(address)
            ray.init(
                address=address,
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"No Ray cluster answers at {address or 'this machine'}: {error}. Start one with "
                "`ray start --head`, and name it with --address HOST:PORT."
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


def _knock(address: str | None) -> None:
    """Raise OSError where nobody listens; Ray itself would wait for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=KNOCK_S).close()


@dataclass
class RayEngine:
    """Plays orders on whichever node is free."""

    ray: Any
    terms: Terms
    secret: str = field(repr=False)
    jobs: int
    _hands: list[_Hand] = field(default_factory=list[_Hand])
    _recruiting: anyio.Lock = field(default_factory=anyio.Lock)

    def __post_init__(self) -> None:
        self._give, self._take = anyio.create_memory_object_stream[_Hand](math.inf)

    @property
    def slots(self) -> int:
        """Sittings at a time on all nodes together."""
        return sum(hand.slots for hand in self._hands if not hand.lost)

    async def recruit(self) -> None:
        """Take on every node that lives and has no actor.

        Raises:
            ProctorError: no node is left, or one cannot play.
        """
        async with self._recruiting:
            taken = {hand.node for hand in self._hands if not hand.lost}
            fresh = [self._hand(node) for node in self._nodes() if node["NodeID"] not in taken]
            async with anyio.create_task_group() as opening:
                for hand in fresh:
                    opening.start_soon(self._open, hand)
            if not self.slots:
                raise DaemonError(
                    "No node of the Ray cluster is left to play on. What was played is saved; the "
                    "same command goes on once there are nodes again."
                )

    async def sit(self, order: Order) -> tuple[Played, ...]:
        """See `runners._sitting.Engine`."""
        ledger = Ledger(RunFolder(order.run))
        await anyio.to_thread.run_sync(_clear, ledger, order)
        kept = await anyio.to_thread.run_sync(self._adopted, ledger, order)
        if kept is not None:
            return kept
        for _ in range(LOSSES):
            parcel = f"{_wanted(order)}{secrets.token_hex(6)}"
            tries = await self._played(order, ledger, parcel)
            if tries is not None:
                await anyio.to_thread.run_sync(self._bring, ledger, order, parcel)
                return tries
        raise DaemonError(
            f"{order.sitting.instance} lost its node {LOSSES} times in a row. What else was played "
            "is saved; the same command tries it again."
        )

    async def close(self) -> None:
        """Stop every node's daemon."""
        async with anyio.create_task_group() as closing:
            for hand in self._hands:
                if not hand.lost:
                    closing.start_soon(self._close, hand)
        self._give.close()
        self._take.close()

    async def _played(self, order: Order, ledger: Ledger, parcel: str) -> tuple[Played, ...] | None:
        """What a node played; None if it was lost on the way."""
        hand = await self._free()
        run = ledger.folder.read()
        target = f"{self._incoming(order)}/{parcel}"
        try:
            tries: tuple[Played, ...] = await _told(hand.actor.sit.remote(order, run, target))
        except (self.ray.exceptions.RayError, DaemonError) as error:
            await self._lose(hand, error)
            return None
        self._give.send_nowait(hand)
        return tries

    async def _free(self) -> _Hand:
        hand = await self._take.receive()
        while hand.lost:
            hand = await self._take.receive()
        return hand

    async def _lose(self, hand: _Hand, error: Exception) -> None:
        if not hand.lost:
            hand.lost = True
            log.warning("The node %s was lost (%s); its sittings go to others.", hand.node, error)
            self.ray.kill(hand.actor)
        await self.recruit()

    def _nodes(self) -> list[dict[str, Any]]:
        losses = [hand.node for hand in self._hands if hand.lost]
        return [
            node
            for node in self.ray.nodes()
            if node["Alive"]
            and node["Resources"].get("CPU", 0) >= 1
            and losses.count(node["NodeID"]) < LOSSES
        ]

    def _hand(self, node: Mapping[str, Any]) -> _Hand:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = int(node["Resources"]["CPU"])
        slots = min(self.jobs, there) if self.jobs else there
        actor = self.ray.remote(Node).options(
            num_cpus=slots,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=slots + 2,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        )
        return _Hand(node["NodeID"], actor.remote(), slots)

    async def _open(self, hand: _Hand) -> None:
        try:
            await _told(hand.actor.open.remote(self.terms, self.secret))
        except self.ray.exceptions.RayError as error:
            hand.lost = True
            log.warning("The node %s was lost while it started (%s).", hand.node, error)
        self._hands.append(hand)
        for _ in range(hand.slots):
            self._give.send_nowait(hand)

    async def _close(self, hand: _Hand) -> None:
        try:
            with anyio.move_on_after(CLOSE_S):
                await _told(hand.actor.close.remote())
        except Exception as error:  # noqa: BLE001 - the run is over; its records are home
            log.warning("The node %s could not be closed: %s", hand.node, error)
        self.ray.kill(hand.actor)

    def _incoming(self, order: Order) -> str:
        return f"{self.terms.runs.rstrip('/')}/{order.run.name}/{INCOMING}"

    def _adopted(self, ledger: Ledger, order: Order) -> tuple[Played, ...] | None:
        """A parcel of this sitting that came whole when its runner was gone; half ones go."""
        incoming = Depot.at(self._incoming(order))
        for name in incoming.folders():
            if not name.startswith(_wanted(order)):
                continue
            if self._brought(ledger, order, name):
                raw = read_json(ledger.place(order.sitting).path / PLAYED_FILE)
                return (Played.model_validate(raw, strict=False),)
            incoming.below(name).remove()
        return None

    def _bring(self, ledger: Ledger, order: Order, name: str) -> None:
        if not self._brought(ledger, order, name):
            raise RecordError(
                f"The parcel {name} is not in {self._incoming(order)}: does the node see another "
                "folder of that name? Name one that all nodes share with --runs."
            )

    def _brought(self, ledger: Ledger, order: Order, name: str) -> bool:
        here = ledger.path / INCOMING / name
        depot = Depot.at(f"{self._incoming(order)}/{name}")
        if not receive(depot, here):
            return False
        commit(here, ledger, order.sitting)
        depot.remove()
        return True


async def _told(call: Any) -> Any:
    """What a remote call gives; what it raised is raised as it was there."""
    import ray.exceptions

    try:
        return await call
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


def _wanted(order: Order) -> str:
    place = RunFolder(order.run).attempt(order.sitting.instance.slug, order.sitting.n)
    return f"{place.slug}__{place.n}__"


def _clear(ledger: Ledger, order: Order) -> None:
    """Set aside what a runner of this machine left in the sitting's place."""
    if ledger.leftover(order.sitting) is None:
        return
    events = ledger.place(order.sitting).events
    if events.exists() and is_live(events):
        raise DaemonError(
            f"{order.sitting.instance} is still open at this machine's own daemon. End it with "
            "`proctor serve stop`, then give the same command again."
        )
    ledger.set_aside(order.sitting)
