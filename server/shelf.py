"""What lies open to every caller: tasks as resources, one prompt per family, name completion.

All of it is public: nothing here depends on an instance, an attempt or a secret.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from urllib.parse import unquote

import mcp_types as types

from tasks import FAMILIES, AgentFault, Family, Split, UnknownUnitError, family, nearest

COMPLETIONS = 100
"""The protocol's limit on values of one completion."""
IPYNB = "application/x-ipynb+json"

TASKS = "proctor://tasks"
NOTEBOOK = "proctor://notebook"
STATUS = "scribe://server/status"


@dataclass(frozen=True)
class Page:
    """Content of one resource."""

    mime: str
    text: str


def resources() -> list[types.Resource]:
    """The fixed resources."""
    return [
        types.Resource(
            uri=TASKS,
            name="tasks",
            mime_type="application/json",
            description="All task families.",
        ),
        types.Resource(
            uri=NOTEBOOK,
            name="notebook",
            mime_type=IPYNB,
            description="The notebook of your attempt.",
        ),
        types.Resource(
            uri=STATUS,
            name="status",
            mime_type="text/markdown",
            description="Whether the server is well.",
        ),
    ]


def templates() -> list[types.ResourceTemplate]:
    """Resources with a name in them."""
    return [
        types.ResourceTemplate(
            uri_template=f"{TASKS}/{{+task}}",
            name="task",
            mime_type="application/json",
            description="One task family: presets, budget, what is asked.",
        ),
        types.ResourceTemplate(
            uri_template=f"{NOTEBOOK}/{{session_id}}",
            name="session notebook",
            mime_type=IPYNB,
            description="The notebook of one of your sessions.",
        ),
    ]


def notebook_session(uri: str) -> str | None:
    """The session a notebook URI names, '' for the caller's own, None if it is another URI."""
    if uri == NOTEBOOK:
        return ""
    prefix = f"{NOTEBOOK}/"
    return unquote(uri[len(prefix) :]) if uri.startswith(prefix) else None


def page(uri: str) -> Page | None:
    """Read an open resource; None if there is none of that name.

    Raises:
        UnknownUnitError: the URI names a task that does not exist.
    """
    if uri == STATUS:
        return Page("text/markdown", status())
    if uri == TASKS:
        return Page("application/json", json.dumps([_card(n) for n in FAMILIES.names()], indent=1))
    prefix = f"{TASKS}/"
    if uri.startswith(prefix):
        return Page("application/json", json.dumps(_card(unquote(uri[len(prefix) :])), indent=1))
    return None


def status() -> str:
    """Scribe's status page; it names no URL and no token, which are not a model's business."""
    return (
        "# Server status\n\n"
        "- **Status**: running\n"
        f"- **Server**: Proctor {version('proctor')}\n"
        "- **Health**: healthy\n"
        "- **Token present**: not shown\n"
        "- **VS Code URL**: none\n"
        "- **External server**: no\n"
        "- **Will shut down on exit**: no, a daemon owns the sessions\n"
    )


def prompts() -> list[types.Prompt]:
    """One prompt per family."""
    return [
        types.Prompt(
            name=prompt_name(name),
            title=family(name).title,
            description=family(name).summary,
            arguments=[
                types.PromptArgument(
                    name="preset", description=f"One of {', '.join(family(name).presets)}."
                ),
                types.PromptArgument(name="seed", description="A whole number."),
            ],
        )
        for name in FAMILIES.names()
    ]


def prompt(name: str, arguments: Mapping[str, str], *, graded: bool) -> str:
    """What a person who picks the prompt says to the agent.

    Raises:
        AgentFault: no such prompt, preset or seed.
    """
    task = _family_of(name)
    unit = family(task)
    if graded:
        start = "Call start_task without arguments: your attempt fixes the instance."
    else:
        start = f"Call start_task({', '.join(_choices(task, unit, arguments))})."
    room = " Work in the notebook with execute_code." if unit.notebook else ""
    play = " Play with act." if unit.episode else ""
    return (
        f"Solve the task {task} ({unit.title}). {unit.summary}\n\n{start} Read the brief it "
        f"returns.{room}{play} Check the shape of your answer with check_answer_format if in "
        "doubt, then give it once with submit_answer."
    )


def completions(prompt_asked: str | None, argument: str, typed: str) -> list[str]:
    """Values an argument may take that begin with, or contain, what was typed."""
    if argument == "task":
        values = FAMILIES.names()
    elif argument == "preset" and prompt_asked is not None:
        match = [name for name in FAMILIES.names() if prompt_name(name) == prompt_asked]
        values = list(family(match[0]).presets) if match else []
    elif argument == "split":
        values = [split.value for split in Split if split is not Split.CALIBRATION]
    else:
        values = []
    first = [value for value in values if value.startswith(typed)]
    return first + [value for value in values if typed in value and value not in first]


def prompt_name(task: str) -> str:
    """The family's name without the slash, which clients make a command of."""
    return task.replace("/", "-")


def _family_of(prompt_asked: str) -> str:
    known = {prompt_name(name): name for name in FAMILIES.names()}
    if prompt_asked not in known:
        raise AgentFault(f"No prompt {prompt_asked!r}.{nearest(prompt_asked, known)}")
    return known[prompt_asked]


def _choices(task: str, unit: Family[Any, Any], arguments: Mapping[str, str]) -> list[str]:
    chosen = [f"task={task!r}"]
    preset, seed = arguments.get("preset"), arguments.get("seed")
    if preset:
        if preset not in unit.presets:
            raise AgentFault(
                f"{task} has no preset {preset!r}.{nearest(preset, unit.presets)} "
                f"It has {', '.join(unit.presets)}."
            )
        chosen.append(f"preset={preset!r}")
    if seed:
        if not seed.isdecimal():
            raise AgentFault(f"seed is a whole number of 0 or more, not {seed!r}.")
        chosen.append(f"seed={int(seed)}")
    return chosen


def _card(name: str) -> dict[str, object]:
    try:
        unit = family(name)
    except UnknownUnitError as error:
        raise AgentFault(str(error)) from error
    return {
        "task": name,
        "version": unit.version,
        "title": unit.title,
        "summary": unit.summary,
        "tags": sorted(unit.tags),
        "presets": list(unit.presets),
        "notebook": unit.notebook,
        "episode": unit.episode,
        "budget": unit.budget.model_dump(mode="json"),
    }
