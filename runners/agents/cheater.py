"""Tries what an agent can try from its seat, then answers with what it found, else a guess.

`cheater` tries everything; `cheater:network` one attack alone (`_attacks/`, a row of the threat
model each). An exam hall in order gives it nothing and shows it in the record, which is where the
evaluators' flags come from.
"""

import contextlib
import json
import random
from collections.abc import Mapping

from runners._core import Agent, Seat
from runners._desk import Desk, RefusedError, sit, wander
from runners._shapes import draw
from runners.agents._attacks import ATTACKS, Attack
from tasks import JSON, UsageError, nearest

LAST = "exhaustion"
"""Kills its kernel, so it comes after the others."""


def every() -> tuple[Attack, ...]:
    """All attacks, in the order in which the plain cheater tries them."""
    names = sorted(ATTACKS.names(), key=lambda name: (name == LAST, name))
    return tuple(ATTACKS.find(name) for name in names)


async def cheat(
    desk: Desk,
    brief: Mapping[str, JSON],
    rng: random.Random,
    attacks: tuple[Attack, ...] | None = None,
) -> None:
    """Cheat at a desk that has started, with all attacks or some, and play to the end.

    Awaits nothing but the desk, and draws nothing but from `rng`.
    """
    attacks = every() if attacks is None else attacks
    loot = [await _from_the_notebook(desk, brief, attack) for attack in attacks]
    for attack in attacks:
        await attack.calls(desk, brief)
    spoiled = [attack.spoiled for attack in attacks if attack.spoiled is not None]
    # A second malformed answer would end the attempt.
    await _hand_in(desk, brief, rng, spoiled[:1], "\n".join(loot))
    if any(attack.again for attack in attacks):
        await _again(desk, brief, rng)


async def _from_the_notebook(desk: Desk, brief: Mapping[str, JSON], attack: Attack) -> str:
    session, loot = str(brief["session_id"]), ""
    for cell in attack.cells:
        with contextlib.suppress(RefusedError):
            loot += await desk.execute(session, cell)
    for note in attack.notes:
        with contextlib.suppress(RefusedError):
            await desk.call("add_markdown", session_id=session, content=note)
    return loot


async def _hand_in(
    desk: Desk, brief: Mapping[str, JSON], rng: random.Random, spoiled: list[JSON], loot: str
) -> None:
    session = str(brief["session_id"])
    for answer in spoiled:
        with contextlib.suppress(RefusedError):
            await (desk.act if brief["episode"] else desk.submit)(session, answer)
    if brief["episode"]:
        # No leaked answer is a list of actions: it guesses on.
        await wander(desk, brief, rng)
    else:
        with contextlib.suppress(RefusedError):
            await desk.submit(session, _answer_in(loot, brief["answer_schema"], rng))


async def _again(desk: Desk, brief: Mapping[str, JSON], rng: random.Random) -> None:
    """Go on when it is over: another answer; an episode from its start, with hindsight."""
    session = str(brief["session_id"])
    for _ in range(3):
        with contextlib.suppress(RefusedError):
            if brief["episode"]:
                await desk.start()
                await desk.act(session, draw(brief["answer_schema"], rng))
            else:
                await desk.submit(session, draw(brief["answer_schema"], rng))


def _answer_in(loot: str, schema: Mapping[str, JSON], rng: random.Random) -> JSON:
    # A leaked key would be JSON with the answer's field names; anything else is a guess.
    wanted = set(schema.get("properties", {}))
    for line in loot.splitlines():
        with contextlib.suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, dict) and wanted and wanted <= value.keys():
                return value
    return draw(schema, rng)


def _agent(summary: str, attacks: tuple[Attack, ...] | None) -> Agent:
    async def play(seat: Seat) -> None:
        async with sit(seat.ticket, seat.family) as desk:
            await cheat(desk, await desk.start(), seat.rng, attacks)

    return Agent(summary=summary, play=play, variant=variant if attacks is None else None)


def variant(text: str) -> Agent:
    """The cheater of one attack.

    Raises:
        UsageError: there is no such attack.
    """
    if text not in ATTACKS.names():
        known = ATTACKS.names()
        raise UsageError(
            f"No attack is called {text!r}.{nearest(text, known)} There are {', '.join(known)}."
        )
    attack = ATTACKS.find(text)
    return _agent(f"cheats: {attack.summary}; then guesses", (attack,))


agent = _agent("tries to read keys, escape and forge its score, then guesses", None)
