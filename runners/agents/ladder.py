"""A ladder of agents of graded ability, to examine examinations with: `ladder:1` … `ladder:14`.

Rung 1 leaves without an answer, rung 2 answers at random, rung 14 is the honest solver. Between
them the honest solver goes wrong (`_lapses`): it misreads each figure with one probability and
slips in each part of an answer or step of an episode with another. Both fall from rung to rung, so
every error of a rung is made at least as often by the rung below it: ability is graded by how the
agents are made, not by what any exam says of them. None is told anything by the operator.

`ladder:+misread=0.03+slip=0.1` is one between the rungs. Draws follow from `Seat.rng`.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from runners._core import Agent, Seat
from runners._desk import Desk, RefusedError, sit, wander
from runners._shapes import draw
from runners._solutions import SOLUTIONS, Execute
from runners._spelling import number, spelled
from runners.agents._lapses import COUNTING, MISREADING, holds, misreading, slipping, spoiled
from runners.agents.nop import leave
from runners.agents.random import guess
from runners.agents.solver import ready as solvable
from tasks import JSON, UsageError


@dataclass(frozen=True)
class Rung:
    """How often an honest solver goes wrong."""

    span: float = math.inf
    """Figures that it can hold together."""
    misread: float = 0.0
    """Probability that a figure is misread."""
    slip: float = 0.0
    """Probability that a part of an answer, or a step of an episode, is a random valid one."""

    @property
    def lapses(self) -> bool:
        """Whether it ever goes wrong."""
        return self != Rung()

    def __str__(self) -> str:
        return (
            f"holds {self.span:g} figures, misreads {self.misread:g} of them, slips in "
            f"{self.slip:g} of its steps"
        )


SOLVERS = (
    Rung(60, 0.04, 0.4),
    Rung(85, 0.033, 0.33),
    Rung(115, 0.027, 0.27),
    Rung(150, 0.02, 0.2),
    Rung(190, 0.016, 0.16),
    Rung(240, 0.012, 0.12),
    Rung(310, 0.009, 0.095),
    Rung(420, 0.0065, 0.07),
    Rung(600, 0.004, 0.05),
    Rung(900, 0.002, 0.03),
    Rung(1600, 0.001, 0.01),
    Rung(),
)
"""Rungs 3 to 14."""

LEAVES, GUESSES = 1, 2
TOP = GUESSES + len(SOLVERS)


async def solve(desk: Desk, brief: Mapping[str, JSON], rng: random.Random, rung: Rung) -> None:
    """Solve and hand in at a desk that has started, with a rung's lapses."""
    session, schema = str(brief["session_id"]), brief["answer_schema"]

    async def execute(code: str) -> str:
        return await desk.execute(session, code)

    if rung.span < math.inf and not holds(int(await execute(COUNTING)), rung.span, rng):
        await guess(desk, brief, rng)
        return
    reading = execute
    if rung.misread:
        await execute(MISREADING.format(seed=rng.getrandbits(32), misread=rung.misread))
        reading = misreading(execute, schema, rng)
    if brief["episode"]:
        await _act_out(desk, brief, reading, rng, rung)
        return
    answer = await SOLUTIONS.find(desk.task)(brief, reading)
    try:
        await desk.submit(session, spoiled(answer, schema, rng, rung.slip))
    except RefusedError:
        if not rung.lapses:
            raise
        await desk.submit(session, draw(schema, rng))  # what was misread led to no answer at all


async def _act_out(
    desk: Desk, brief: Mapping[str, JSON], reading: Execute, rng: random.Random, rung: Rung
) -> None:
    """Play an episode, with slips; on where the method ends in something that is not allowed."""
    session, done = str(brief["session_id"]), False

    async def act(action: JSON) -> Mapping[str, JSON]:
        nonlocal done
        seen = await desk.act(session, action)
        done = bool(seen["done"])
        return seen

    try:
        stepping = slipping(act, brief["answer_schema"], rng, rung.slip)
        await SOLUTIONS.find(desk.task)(brief, reading, stepping)
    except (RefusedError, ValueError):
        if not rung.lapses:
            raise
        if not done:
            await wander(desk, brief, rng)


def at(rung: Rung) -> Agent:
    """The solver with these lapses."""

    async def play(seat: Seat) -> None:
        async with sit(seat.ticket, seat.family) as desk:
            await solve(desk, await desk.start(), seat.rng, rung)

    return Agent(
        summary=f"the honest solver that {rung}", play=play, ready=solvable, variant=variant
    )


async def _leave(seat: Seat) -> None:
    async with sit(seat.ticket, seat.family) as desk:
        await leave(desk)


async def _guess(seat: Seat) -> None:
    async with sit(seat.ticket, seat.family) as desk:
        await guess(desk, await desk.start(), seat.rng)


def variant(text: str) -> Agent:
    """The agent `ladder:text`: a rung's number, or lapses as options.

    Raises:
        UsageError: no such rung or option, both, or neither.
    """
    share = number(0.0, 1.0)
    spelling = spelled(text, {"misread": share, "slip": share, "span": number(above=True)})
    if spelling.options and not spelling.model:
        return at(Rung(**cast("dict[str, float]", dict(spelling.options))))
    if spelling.options or spelling.model not in map(str, range(1, TOP + 1)):
        raise UsageError(
            f"There is no rung {text!r} on the ladder. There are ladder:1 to ladder:{TOP}, and "
            "ladder:+misread=…+slip=… between them."
        )
    place = int(spelling.model)
    if place == LEAVES:
        return replace(_NOBODY, summary="leaves without an answer", play=_leave, ready=_any)
    if place == GUESSES:
        return replace(_NOBODY, summary="answers at random", play=_guess, ready=_any)
    return at(SOLVERS[place - GUESSES - 1])


def _any(families: Sequence[str]) -> None:
    """Every family can be left, or guessed at."""


async def _play(seat: Seat) -> None:
    _refuse(())


def _refuse(families: Sequence[str]) -> None:
    raise UsageError(f"The agent `ladder` needs a rung: ladder:1 to ladder:{TOP}.")


_NOBODY = Agent(
    summary=f"agents of graded ability, made of the honest solver: ladder:1 to ladder:{TOP}",
    play=_play,
    ready=_refuse,
    variant=variant,
)
agent = _NOBODY
