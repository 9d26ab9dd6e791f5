"""The gate of exported Harbor tasks: attempts for containers, and their scores.

A desk in a container (`_harbor_desk`) connects by TCP and says one JSON line: the gate's token,
what it wants (`sit`, `score`, `solve`), its task and, once it has one, its trial. Who sits gets the
bytes of a real stdio shim, which runs here, outside; so no attempt's token is ever in a container.

The gate's token lets its holder open trials, up to the number announced for each task. An agent
that reads it out of its container can open another one in the place of its own: that number, and
the records, show it. It opens nothing else, and no key comes through the gate.
"""

import contextlib
import json
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import anyio
import anyio.to_thread
from anyio.abc import ByteReceiveStream, ByteSendStream, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from runners._core import DiagnosticKind, Hall, Seat, agent_named
from runners._harbor import Index
from runners._ledger import Ledger
from runners._plan import Sitting
from tasks import JSON, AttemptRequest, Frozen, InstanceId, ProctorError, Ticket, family
from tasks._record import Played, RunFolder

GREETING = 4096
"""Bytes of a greeting at most."""
WORTH = ("ability", "passed", "validity")
ORACLE = "oracle"


class GateRooms(Protocol):
    """What the gate asks of the other rooms."""

    def score_attempt(self, run: Path, slug: str, n: int) -> Mapping[str, JSON]:
        """The score of one finished attempt, made in the score process."""
        ...


class Greeting(Frozen):
    """What a desk says first."""

    token: str
    want: str
    task: str = ""
    trial: str = ""


class GateError(ProctorError):
    """A desk's wish that is refused; its text is sent to it."""


@dataclass(frozen=True)
class Tokens:
    """Who may do what at the gate."""

    gate: str
    oracle: str

    @classmethod
    def drawn(cls) -> "Tokens":
        """Fresh ones."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24))


@dataclass
class _Trial:
    ledger: Ledger
    sitting: Sitting
    ticket: Ticket
    began: float
    closed: bool = False


@dataclass
class Gate:
    """All trials of one export, in one run folder for agents and one for Harbor's oracle."""

    index: Index
    tokens: Tokens
    hall: Hall
    rooms: GateRooms
    runs: Mapping[bool, RunFolder]
    """By whether it is diagnostic."""
    trials: int
    """How many may be opened of each task."""
    _trials: dict[str, _Trial] = field(default_factory=dict[str, _Trial])

    async def serve(self, desk: SocketStream) -> None:
        """Serve one connection to its end."""
        async with desk:
            lines = BufferedByteReceiveStream(desk)
            try:
                text = await lines.receive_until(b"\n", GREETING)
                await self._welcome(Greeting.model_validate_json(text), desk, lines)
            except (anyio.IncompleteRead, anyio.BrokenResourceError):
                return
            except (anyio.DelimiterNotFound, ValueError):
                await _say(desk, {"error": "This is Proctor's gate for Harbor tasks."})
            except ProctorError as error:
                await _say(desk, {"error": str(error)})

    async def close(self) -> None:
        """End what is still open."""
        for trial in self._trials.values():
            await self._end(trial)

    async def _welcome(
        self, asked: Greeting, desk: SocketStream, rest: BufferedByteReceiveStream
    ) -> None:
        wanted = self.tokens.oracle if asked.want == "solve" else self.tokens.gate
        if not secrets.compare_digest(asked.token.encode(), wanted.encode()):
            raise GateError("The gate does not know this token.")
        if asked.want == "sit":
            name = asked.trial if asked.trial in self._trials else await self._open(asked.task)
            await _say(desk, {"trial": name})
            await self._relay(self._trials[name].ticket, desk, rest)
        elif asked.want == "solve":
            await _say(desk, {"trial": await self._solved(asked.task)})
        elif asked.want == "score":
            await _say(desk, {"rewards": await self._rewards(asked.trial)})
        else:
            raise GateError("A desk sits, solves or asks for a score.")

    async def _open(self, task: str, *, diagnostic: bool = False) -> str:
        if task not in self.index.tasks:
            raise GateError(f"The export has no task {task!r}.")
        instance = InstanceId.parse(self.index.tasks[task])
        folder = self.runs[diagnostic]
        n = 1 + sum(
            trial.sitting.instance == instance and trial.ledger.path == folder.path
            for trial in self._trials.values()
        )
        if n > self.trials:
            raise GateError(
                f"{task} was opened {self.trials} times, as often as was announced: `proctor "
                "export serve --trials N` allows more."
            )
        sitting, ledger, name = Sitting(instance, n), Ledger(folder), secrets.token_hex(16)
        request = AttemptRequest(
            instance=str(instance),
            agent=folder.read().agent,
            run=folder.path,
            n=n,
            diagnostic=diagnostic,
        )
        ticket = await self.hall.open_attempt(request)
        ledger.begin(sitting, None)
        self._trials[name] = _Trial(ledger, sitting, ticket, anyio.current_time())
        return name

    async def _relay(
        self, ticket: Ticket, desk: SocketStream, rest: BufferedByteReceiveStream
    ) -> None:
        shim = await anyio.open_process(ticket.command, env=dict(ticket.env), stderr=None)
        async with shim, anyio.create_task_group() as pumps:
            assert shim.stdin is not None
            assert shim.stdout is not None
            pumps.start_soon(_into, rest, shim.stdin)
            await _pump(shim.stdout, desk)
            pumps.cancel_scope.cancel()

    async def _solved(self, task: str) -> str:
        """Play a diagnostic attempt here, by the oracle."""
        name = await self._open(task, diagnostic=True)
        trial = self._trials[name]

        async def diagnose(kind: DiagnosticKind, level: float) -> JSON:
            return await self.hall.diagnostic(trial.ticket.attempt, kind, level)

        unit = family(trial.sitting.instance.family)
        seat = Seat(
            family=trial.sitting.instance.family,
            ticket=trial.ticket,
            n=trial.sitting.n,
            rng=random.Random(0),  # noqa: S311 - the oracle draws nothing
            folder=trial.ledger.place(trial.sitting).path,
            wall_s=unit.budget.wall_s,
            diagnose=diagnose,
        )
        await agent_named(ORACLE).play(seat)
        return name

    async def _rewards(self, name: str) -> dict[str, float]:
        trial = self._trials.get(name)
        if trial is None:
            raise GateError(
                "The server never saw an agent of this container: the trial is invalid, not zero."
            )
        await self._end(trial)
        place = trial.ledger.place(trial.sitting)
        found = await anyio.to_thread.run_sync(
            self.rooms.score_attempt, trial.ledger.path, place.slug, place.n
        )
        if found["ability"] is None:
            raise GateError(f"There is no score ({found['status']}): {found['note']}")
        worth = {what: float(found[what]) for what in WORTH}
        return {"reward": worth.pop("ability"), **worth, "flagged": float(bool(found["flags"]))}

    async def _end(self, trial: _Trial) -> None:
        if trial.closed:
            return
        trial.closed = True
        await self.hall.close_attempt(trial.ticket.attempt, "ended by Harbor")
        ledger, sitting = trial.ledger, trial.sitting
        played = Played(
            tools_listed=ledger.tools_sha256(sitting) is not None,
            wall_s=round(anyio.current_time() - trial.began, 3),
            failure=ledger.failure(sitting),
        )
        ledger.settle(sitting, played)
        ledger.describe(sitting)


async def _say(desk: SocketStream, what: Mapping[str, Any]) -> None:
    await desk.send(json.dumps(what).encode() + b"\n")


async def _into(source: ByteReceiveStream, stdin: ByteSendStream) -> None:
    await _pump(source, stdin)
    await stdin.aclose()


async def _pump(source: ByteReceiveStream, target: ByteSendStream) -> None:
    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for chunk in source:
            await target.send(chunk)
