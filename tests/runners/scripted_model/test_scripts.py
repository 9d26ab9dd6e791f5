"""Each script, through a provider's SDK, at a real attempt: what the server's record says."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import nbformat
import pytest
from mcp import Client, StdioServerParameters

from runners._desk import _inherited
from runners.scripted_model import SCRIPTS, endpoint
from server.launch import DaemonOptions, start_daemon
from server.operator import Operator
from tasks import AttemptRequest, family
from tasks._record import RunFolder, read_unverified

ONE_SHOT = "strategic/bayesian_games"
EPISODE = "strategic/adversarial_risk"


@dataclass(frozen=True)
class Played:
    words: str
    reason: str
    tools: list[str]
    """Called, in order."""
    events: Counter[str]
    """Of the server's own log, by kind."""
    notes: str
    """Text of the notebook's Markdown cells."""


class Hall:
    """A daemon for this module, and attempts at it."""

    def __init__(self, home: Path) -> None:
        self.home, self.n = home, 0
        start_daemon(DaemonOptions(home=home, runs=home / "runs", sandbox="none"))

    def play(self, sdk: Any, script: str, task: str = ONE_SHOT, loop: str = "chat") -> Played:
        self.n += 1
        run = self.home / f"run{self.n}"
        run.mkdir()
        called: list[str] = []
        words = anyio.run(self._sit, sdk, run, (script, task, loop), called)
        (attempt,) = RunFolder(run).attempts()
        notebook: Any = nbformat.read(str(next(run.glob("notebooks/*.ipynb"))), 4)
        return Played(
            words,
            json.loads(attempt.usage.read_text())["reason"],
            called,
            Counter(str(event.kind) for event in read_unverified(attempt.events)),
            "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown"),
        )

    async def _sit(self, sdk: Any, run: Path, what: tuple[str, str, str], called: list[str]) -> str:
        script, task, loop = what
        instance = f"{task}@{family(task).version}:{next(iter(family(task).presets))}:private:1"
        asked = AttemptRequest(instance=instance, agent="x", run=run)
        ticket = await Operator(self.home).open_attempt(asked)
        shim = StdioServerParameters(
            command=ticket.command[0],
            args=list(ticket.command[1:]),
            env={**_inherited(), **ticket.env},
        )
        async with Client(shim) as client, endpoint(script) as model:
            tools = [sdk.Spec(t.name, t.input_schema) for t in (await client.list_tools()).tools]

            async def use(name: str, arguments: Any) -> Any:
                called.append(name.removeprefix("mcp__proctor__"))
                result = await client.call_tool(name, arguments)
                blocks: list[Any] = list(result.content)
                image = next((one.data for one in blocks if one.type == "image"), "")
                text = "".join(one.text for one in blocks if one.type == "text")
                return sdk.Back(text, image, bool(result.is_error))

            prompt = f"Solve it with the tools.\nTask: {task}\n"
            at = sdk.Seatless(model.url, prompt, tools, use, True, [])
            return await sdk.LOOPS[loop](at)


@pytest.fixture(scope="module")
def hall(shared_home: Path) -> Hall:
    return Hall(shared_home)


@pytest.mark.parametrize("loop", ["anthropic", "chat", "responses", "gemini"])
def test_the_solver_solves_by_every_protocol(hall: Hall, sdk: Any, loop: str):
    played = hall.play(sdk, "solver", loop=loop)
    assert played.words == f"I have handed in my answer to {ONE_SHOT}."
    assert played.reason == "submitted"
    assert played.tools == ["start_task", *["execute_code"] * 3, "submit_answer"]
    assert played.events["cell.finished"] == 3
    assert played.events["answer.accepted"] == 1


def test_the_solver_plays_an_episode_to_its_end(hall: Hall, sdk: Any):
    played = hall.play(sdk, "solver", EPISODE)
    assert (played.words, played.reason) == (
        f"I have handed in my answer to {EPISODE}.",
        "finished",
    )
    assert played.tools.count("act") == played.events["act"] > 5


def test_pages_are_read_to_the_end(hall: Hall, sdk: Any):
    played = hall.play(sdk, "pages", loop="responses")
    assert played.words == "60000 characters in 11 pages; the checksum is the same."
    assert played.words in played.notes
    assert played.tools.count("read_output") == 11


def test_the_picture_arrives(hall: Hall, sdk: Any):
    played = hall.play(sdk, "image", loop="anthropic")
    assert played.words == "1 image reached me."
    assert played.words in played.notes


def test_a_client_that_drops_pictures_is_found_out(hall: Hall, sdk: Any):
    def blind(name: str, image: str = "", error: bool = False) -> Any:
        return sdk.Back(name, "", error)

    class Blind:
        Spec, Seatless, LOOPS = sdk.Spec, sdk.Seatless, sdk.LOOPS
        Back = staticmethod(blind)

    assert hall.play(Blind, "image").words == "No image reached me."


def test_built_in_tools_that_are_not_there_are_noted_as_such(hall: Hall, sdk: Any):
    played = hall.play(sdk, "builtin", loop="gemini")
    assert played.words == "0 of 5 built-in tools ran: none."
    assert "run_shell_command" in played.notes


def test_random_and_nop_leave_the_records_of_such_agents(hall: Hall, sdk: Any):
    assert hall.play(sdk, "random").reason == "submitted"
    nop = hall.play(sdk, "nop")
    assert (nop.tools, nop.reason) == (["start_task", "finish"], "finished")


@pytest.mark.slow
def test_the_cheater_leaves_the_record_of_one(hall: Hall, sdk: Any):
    cheater = hall.play(sdk, "cheater")
    assert {"start_new_session", "list_sessions", "submit_answer"} <= set(cheater.tools)


def test_every_script_says_what_it_does():
    assert {"solver", "words", "turns", "pages"} <= set(SCRIPTS.names())
    assert all(SCRIPTS.find(name).summary for name in SCRIPTS.names())
