"""Suites as Inspect tasks: our instances and evaluators, Inspect's models, agents, logs and viewer.

`inspect eval proctor/strategic --model … -T n=3` plays them. A sample is a graded attempt at one
instance: it is opened when the sample starts, its tools are those of our MCP server under the
attempt's own token, and its score is that of our evaluators on the saved record, made in the score
process. What Inspect gets of an instance is the brief and nothing else; a sample has no target.

The run folder is one like any other: `proctor score`, `table` and `runs verify` take it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import inspect_ai
import inspect_ai.dataset
import inspect_ai.scorer
import inspect_ai.solver
import inspect_ai.tool

from runners._inspect_room import InspectRooms, Room
from runners._ledger import asked
from runners._plan import EvalConfig, sittings
from tasks import InstanceId, Split, Ticket, family
from tasks._suites import FAMILIES

CALL_S = 900.0
"""Seconds that one tool call may take; the daemon bounds every cell far below that."""
WORDS = """Task: {family}

You sit one exam through the tools you have. Call start_task with this task: it returns a
session_id. Do what the brief asks, by these tools alone, and hand in your answer with
submit_answer; where the brief says that the task is an episode, call act until it is over instead.
Nobody answers questions. You are done when the attempt is closed. The brief:

{brief}"""


def registered(rooms: InspectRooms, package: str) -> tuple[Callable[..., inspect_ai.Task], ...]:
    """Register a task for every group tag, and `suite`, which takes any suite by name.

    Args:
        rooms: What hands over briefs, the hall and scores.
        package: The module that stands before the names; Inspect asks a function's own.
    """
    tags = sorted({tag for name in FAMILIES.names() for tag in family(name).tags})
    return (_suite(rooms, package), *(_group(tag, rooms, package) for tag in tags))


def _suite(rooms: InspectRooms, package: str) -> Callable[..., inspect_ai.Task]:
    def suite(  # noqa: PLR0913 - Inspect's `-T name=value`
        suite: str | list[str] = "all",
        n: int = 1,
        seed: int = 1,
        preset: str | None = None,
        split: str = "private",
        runs: str = "runs",
        sandbox: str = "auto",
    ) -> inspect_ai.Task:
        """Any suite: families, prefixes and tags, separated by commas."""
        # Inspect splits at commas by itself.
        names = suite if isinstance(suite, str) else ",".join(suite)
        config = _config(names, n, seed, preset, split)
        return exam(config, Path(runs), sandbox, rooms)

    return _named(suite, "suite", package)


def _group(tag: str, rooms: InspectRooms, package: str) -> Callable[..., inspect_ai.Task]:
    def group(
        n: int = 1,
        seed: int = 1,
        preset: str | None = None,
        split: str = "private",
        runs: str = "runs",
        sandbox: str = "auto",
    ) -> inspect_ai.Task:
        """All families of one group."""
        return exam(_config(tag, n, seed, preset, split), Path(runs), sandbox, rooms)

    return _named(group, tag, package)


def _named(build: Callable[..., inspect_ai.Task], name: str, package: str) -> Any:
    build.__module__, build.__name__, build.__qualname__ = package, name, name
    return inspect_ai.task(name=name)(build)


def _config(suite: str, n: int, seed: int, preset: str | None, split: str) -> EvalConfig:
    return EvalConfig(
        suite=suite, agents=("inspect",), n=n, seed=seed, preset=preset, split=Split(split)
    )


def exam(config: EvalConfig, runs: Path, sandbox: str, rooms: InspectRooms) -> inspect_ai.Task:
    """The Inspect task of an evaluation; its agents are whatever model and solver Inspect is given.

    Raises:
        UsageError: an unknown suite or preset.
    """
    room = Room(config, runs.expanduser().absolute(), sandbox, rooms)
    samples = [_sample(one.instance, rooms) for one in sittings(config)]
    return inspect_ai.Task(
        dataset=inspect_ai.dataset.MemoryDataset(samples, name=config.suite),
        setup=_seated(room),
        solver=_working(room),
        scorer=_measured(room),
        cleanup=room.leave,
        metadata={"proctor": dict(rooms.versions()), "asked": asked(config, sandbox)},
    )


def _sample(instance: InstanceId, rooms: InspectRooms) -> inspect_ai.dataset.Sample:
    brief = rooms.exam_brief(instance)
    return inspect_ai.dataset.Sample(
        id=str(instance),
        input=WORDS.format(family=instance.family, brief=brief.prompt),
        metadata={
            "instance": str(instance),
            "family": instance.family,
            "preset": instance.preset,
            "split": instance.split.value,
            "stamp": brief.stamp.value,
        },
    )


def _seated(room: Room) -> inspect_ai.solver.Solver:
    """Before any solver: an attempt is opened, and its tools lie on the table."""

    @inspect_ai.solver.solver(name="proctor_attempt")
    def attempt() -> inspect_ai.solver.Solver:
        async def solve(
            state: inspect_ai.solver.TaskState, generate: inspect_ai.solver.Generate
        ) -> inspect_ai.solver.TaskState:
            server = await room.enter(state, _server)
            state.tools = await server.tools()
            return state

        return solve

    return attempt()


def _working(room: Room) -> inspect_ai.solver.Solver:
    """The solver where none is named: Inspect's ReAct agent, which is done when it stops calling.

    It works as well with any other that takes the state's tools, e.g. `--solver basic_agent`.
    """

    @inspect_ai.solver.solver(name="proctor_react")
    def working() -> inspect_ai.solver.Solver:
        async def solve(
            state: inspect_ai.solver.TaskState, generate: inspect_ai.solver.Generate
        ) -> inspect_ai.solver.TaskState:
            from inspect_ai.agent import as_solver, react

            agent = react(prompt=None, tools=list(state.tools), submit=False)
            # One connection for all calls; another solver's calls make one each.
            async with room.server(state):
                return await as_solver(agent)(state, generate)

        return solve

    return working()


def _measured(room: Room) -> inspect_ai.scorer.Scorer:
    """Our score of the record; validity, ability and signs of cheating stand apart."""
    marks = {
        name: [inspect_ai.scorer.mean(), inspect_ai.scorer.stderr()]
        for name in ("ability", "passed", "validity", "flagged")
    }

    @inspect_ai.scorer.scorer(metrics=marks, name="proctor")
    def measured() -> inspect_ai.scorer.Scorer:
        async def score(
            state: inspect_ai.solver.TaskState, target: inspect_ai.scorer.Target
        ) -> inspect_ai.scorer.Score:
            found = await room.scored(state)
            if found["ability"] is None:
                # Ours, or nobody's: an error of the sample, never a zero.
                raise RuntimeError(f"{found['status']}: {found['note']}")
            return inspect_ai.scorer.Score(
                value={
                    "ability": float(found["ability"]),
                    "passed": float(found["passed"]),
                    "validity": float(found["validity"]),
                    "flagged": float(bool(found["flags"])),
                },
                explanation=f"{found['status']}, the attempt was {found['reason']}",
                metadata=dict(found),
            )

        return score

    return measured()


def _server(ticket: Ticket) -> inspect_ai.tool.MCPServer:
    return inspect_ai.tool.mcp_server_http(
        name="proctor",
        url=ticket.url,
        authorization=ticket.token,
        timeout=30,
        sse_read_timeout=CALL_S,
    )
