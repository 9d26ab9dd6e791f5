"""Diagnostic: the published mock agents.

`mock:always_abstain`, `mock:random_valid` (also plain `mock`) and `mock:noisy_reference`, with
options as in `mock:noisy_reference+posterior_noise=0.1+action_error_rate=0.2`.

In `strategic/v0` they answer draw by draw as published (`runners/_published_draws.py`), from the
public half in full precision. Elsewhere `random_valid` answers by the schema (in an episode: acts
at random to its end), and `noisy_reference` spoils the reference by the larger of
`posterior_noise` and `action_error_rate`. None is a model; all are stamped diagnostic.
"""

import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping

from pydantic import Field, ValidationError

from runners._core import Agent, Diagnose, Seat
from runners._desk import Desk, RefusedError, sit, wander
from runners._published_draws import (
    AGENT_SEED,
    FAMILIES,
    Spoiling,
    generator,
    random_valid,
    spoiled,
)
from runners._shapes import draw
from tasks import JSON, Frozen, InstanceId, UsageError, nearest

Brief = Mapping[str, JSON]


class Seeded(Frozen):
    """Options of every mock agent."""

    seed: int = Field(default=AGENT_SEED, ge=0)


class Noisy(Spoiling, Seeded):
    """Options of `noisy_reference`."""


_Play = Callable[[Desk, Brief, Seat, Seeded], Awaitable[None]]


async def _always_abstain(desk: Desk, brief: Brief, seat: Seat, options: Seeded) -> None:
    if brief["episode"]:
        await desk.finish(str(brief["session_id"]))
        return
    if seat.family.startswith(FAMILIES):
        await _respond(desk, brief, {"abstain": True})
        return
    # Refused by every schema without that field, on purpose; the repair turn changes nothing.
    await _submit(desk, brief, lambda: {"abstain": True})


async def _random_valid(desk: Desk, brief: Brief, seat: Seat, options: Seeded) -> None:
    if seat.family.startswith(FAMILIES):
        public = await _diagnose(seat)("public", 0.0)
        instance = InstanceId.parse(str(brief["instance"]))
        environment = seat.family.removeprefix(FAMILIES)
        rng = generator(instance, options.seed)
        await _respond(desk, brief, random_valid(environment, public, rng))
    elif brief["episode"]:
        await wander(desk, brief, seat.rng)
    else:
        await _submit(desk, brief, lambda: draw(brief["answer_schema"], seat.rng))


async def _noisy_reference(desk: Desk, brief: Brief, seat: Seat, options: Seeded) -> None:
    assert isinstance(options, Noisy)
    if seat.family.startswith(FAMILIES):
        reference = await _diagnose(seat)("reference", 0.0)
        rng = generator(InstanceId.parse(str(brief["instance"])), options.seed)
        await _respond(desk, brief, spoiled(json.loads(reference["response"]), options, rng))
        return
    level = min(1.0, max(options.posterior_noise, options.action_error_rate))
    await desk.hand_in(brief, await _diagnose(seat)("noisy", level))


async def _submit(desk: Desk, brief: Brief, answer: Callable[[], JSON]) -> None:
    """Hand in an answer, and another one if its shape is refused."""
    for _ in range(2):
        with contextlib.suppress(RefusedError):
            await desk.submit(str(brief["session_id"]), answer())
            return


async def _respond(desk: Desk, brief: Brief, answer: Mapping[str, JSON]) -> None:
    whole = {"reasoning_summary": "Made by a scripted agent, not by a model.", **answer}
    text = json.dumps(whole, sort_keys=True)
    await desk.submit(str(brief["session_id"]), {"response": text})


def _diagnose(seat: Seat) -> Diagnose:
    if seat.diagnose is None:
        raise UsageError("the agent mock is diagnostic: it plays by the operator's word only")
    return seat.diagnose


_BEHAVIOURS: Mapping[str, tuple[_Play, type[Seeded], str]] = {
    "always_abstain": (_always_abstain, Seeded, "abstains, also where that is no answer"),
    "random_valid": (_random_valid, Seeded, "random answers, in v0 draw by draw as published"),
    "noisy_reference": (_noisy_reference, Noisy, "the reference answer with controlled errors"),
}


def variant(text: str) -> Agent:
    """The agent `mock:text`: a behaviour, then options as `+name=number`.

    Raises:
        UsageError: no such behaviour or option, or a number out of its bounds.
    """
    name, *given = text.split("+")
    if name not in _BEHAVIOURS:
        raise UsageError(
            f"There is no mock agent {name!r}.{nearest(name, _BEHAVIOURS)} "
            f"There are {', '.join(f'mock:{known}' for known in _BEHAVIOURS)}."
        )
    behave, kind, summary = _BEHAVIOURS[name]
    options = _options(name, kind, given)

    async def play(seat: Seat) -> None:
        async with sit(seat.ticket, seat.family) as desk:
            await behave(desk, await desk.start(), seat, options)

    return Agent(summary=f"diagnostic: {summary}", play=play, diagnostic=True, variant=variant)


def _options(name: str, kind: type[Seeded], given: list[str]) -> Seeded:
    pairs = [text.partition("=") for text in given]
    try:
        return kind.model_validate_strings({key: value for key, _, value in pairs})
    except ValidationError as error:
        wrong = "; ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())
        raise UsageError(
            f"mock:{name} was given options that it does not take ({wrong}). It takes "
            f"{', '.join(f'{field}=…' for field in kind.model_fields)}."
        ) from None


agent = variant("random_valid")
