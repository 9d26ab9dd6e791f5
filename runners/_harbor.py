"""Instances as Harbor task folders: what Harbor documents of one, and how ours are written.

Source of the fields: "Task Structure" in Harbor's documentation (harborframework.com/docs/tasks)
and `harbor.models.task.config` of harbor 0.25.0, whose schema is 1.4.

An exported folder holds the brief and no key. Its MCP server is a relay (`_harbor_desk`) to a gate
outside (`_harbor_gate`), which opens an attempt a trial; its verifier asks the same gate.
"""

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tomlkit
from pydantic import Field

from tasks import JSON, Brief, Frozen, InstanceId, UsageError
from tasks._record import dump

SCHEMA = "1.4"
INDEX = "export.json"
"""In the exported folder: which task is which instance; read by the gate."""
GRACE_S = 60.0
"""What Harbor leaves an agent beyond the attempt's own budget."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class McpServer(Frozen):
    """`[[environment.mcp_servers]]`."""

    name: str
    transport: Literal["stdio", "sse", "streamable-http"]
    url: str | None = None
    command: str | None = None
    args: tuple[str, ...] = ()


class Environment(Frozen):
    """`[environment]`."""

    build_timeout_sec: float = 600.0
    cpus: int = 1
    memory_mb: int = 2048
    storage_mb: int = 4096
    network_mode: Literal["no-network", "public", "allowlist"] = "public"
    """The agent's own model must be reached from the container."""
    env: dict[str, str] = Field(default_factory=dict[str, str])
    mcp_servers: tuple[McpServer, ...] = ()


class Phase(Frozen):
    """`[agent]` and `[verifier]`."""

    timeout_sec: float


class Solution(Frozen):
    """`[solution]`."""

    env: dict[str, str] = Field(default_factory=dict[str, str])


class Package(Frozen):
    """`[task]`."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*/[a-zA-Z0-9][a-zA-Z0-9._-]*$")]
    description: str = ""
    keywords: tuple[str, ...] = ()


class HarborTask(Frozen):
    """task.toml, as far as ours use it; every key is one that Harbor documents."""

    schema_version: Literal["1.4"] = SCHEMA
    task: Package
    metadata: dict[str, JSON]
    verifier: Phase
    agent: Phase
    environment: Environment
    solution: Solution

    def toml(self) -> str:
        """The file's text; it reads back as the same task."""
        text = tomlkit.dumps(self.model_dump(mode="json", exclude_none=True))
        assert HarborTask.read(text) == self
        return text

    @classmethod
    def read(cls, text: str) -> "HarborTask":
        """A task from a file's text.

        Raises:
            ValidationError: a key that Harbor does not document, or a value that it refuses.
        """
        return cls.model_validate(tomllib.loads(text), strict=False)


class Index(Frozen):
    """export.json: folder name to instance id."""

    version: int = 1
    tasks: dict[str, str]


INSTRUCTION = """Task: {family}

You sit one exam through the tools of the MCP server `proctor`. Call start_task with this task: it
returns a session_id. Do what the brief asks, by these tools alone, and hand in your answer with
submit_answer; where the brief says that the task is an episode, call act until it is over instead.
Nothing that you leave in the container is looked at. You are done when the attempt is closed.
The brief:

{brief}
"""

_DOCKERFILE = """# The agent's container. Our tasks need nothing of it: code runs outside,
# in the sealed kernels of Proctor, by way of the MCP server.
FROM python:3.12-slim
COPY desk.py /opt/proctor/desk.py
WORKDIR /work
"""

_TEST = """#!/bin/sh
# Asks the gate for the score of this container's attempt and writes /logs/verifier/reward.json.
# What is right is known outside alone; where the server never saw the agent there is no reward.
set -eu
exec python3 /tests/desk.py score
"""

_SOLVE = """#!/bin/sh
# Harbor's oracle: a diagnostic attempt, played outside by who knows the answer; never ranked.
set -eu
exec python3 /solution/desk.py solve {name}
"""


def task_name(instance: InstanceId) -> str:
    """An instance's folder name: its id in the letters that Harbor allows."""
    return _UNSAFE.sub("-", str(instance)).strip("-.")


def described(brief: Brief, version: str) -> HarborTask:
    """task.toml of an instance."""
    instance, name = brief.instance, task_name(brief.instance)
    return HarborTask(
        task=Package(
            name=f"proctor/{name}",
            description=brief.title,
            keywords=(*instance.family.split("/"), instance.preset),
        ),
        metadata={
            "instance": str(instance),
            "family": instance.family,
            "difficulty": instance.preset,
            "category": instance.family.partition("/")[0],
            "stamp": brief.stamp.value,
            "proctor": version,
        },
        verifier=Phase(timeout_sec=600.0),
        agent=Phase(timeout_sec=brief.budget.wall_s + GRACE_S),
        environment=Environment(
            env={
                "PROCTOR_GATE": "${PROCTOR_GATE}",
                "PROCTOR_GATE_TOKEN": "${PROCTOR_GATE_TOKEN}",
            },
            mcp_servers=(
                McpServer(
                    name="proctor",
                    transport="stdio",
                    command="python3",
                    args=("/opt/proctor/desk.py", "sit", name),
                ),
            ),
        ),
        solution=Solution(env={"PROCTOR_ORACLE_TOKEN": "${PROCTOR_ORACLE_TOKEN:-}"}),
    )


def write_tasks(briefs: Sequence[Brief], out: Path, version: str) -> list[Path]:
    """Write one folder an instance, and the index beside them; give the folders.

    Raises:
        UsageError: `out` holds something already.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not an empty folder; name a new one with --out.")
    out.mkdir(parents=True, exist_ok=True)
    folders = [_write_task(brief, out, version) for brief in briefs]
    index = Index(tasks={task_name(brief.instance): str(brief.instance) for brief in briefs})
    (out / INDEX).write_bytes(dump(index.model_dump(mode="json")))
    return folders


def read_index(out: Path) -> Index:
    """Which task of an exported folder is which instance.

    Raises:
        UsageError: `out` was not written by an export.
    """
    try:
        return Index.model_validate(json.loads((out / INDEX).read_text()))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{out} is not a folder that `proctor export harbor` wrote ({error})."
        ) from error


def _write_task(brief: Brief, out: Path, version: str) -> Path:
    name = task_name(brief.instance)
    folder = out / name
    desk = Path(__file__).with_name("_harbor_desk.py").read_text()
    prompt = INSTRUCTION.format(family=brief.instance.family, brief=brief.prompt)
    files: dict[str, Any] = {
        "task.toml": described(brief, version).toml(),
        "instruction.md": prompt,
        "environment/Dockerfile": _DOCKERFILE,
        "environment/desk.py": desk,
        "tests/test.sh": _TEST,
        "tests/desk.py": desk,
        "solution/solve.sh": _SOLVE.format(name=name),
        "solution/desk.py": desk,
    }
    for relative, text in files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if path.suffix == ".sh":
            path.chmod(0o755)
    return folder
