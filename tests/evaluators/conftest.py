"""A run folder written as the daemon writes it, one attempt after the other."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ground_truth import TRUTHS, Drawn, SecretStore, draw, record_key
from tasks import JSON, Frozen, InstanceId, Split, Stamp, family
from tasks._record import (
    START,
    AnswerAccepted,
    AttemptFolder,
    CellAdded,
    CellFinished,
    CellOutput,
    CellStarted,
    Closed,
    Event,
    Finished,
    KernelChange,
    Kind,
    Opened,
    Run,
    RunFolder,
    ToolsListed,
    body,
    fold,
    make,
    seal,
)

NAME = "strategic/bayesian_games"


@dataclass
class Script:
    """What one attempt did."""

    seed: int = 1
    n: int = 1
    preset: str = "easy"
    answer: JSON = None
    """None: it submits nothing."""
    cells: Sequence[tuple[str, str]] = ()
    """Source and printed text."""
    listed: bool = True
    closed: bool = True
    stamp: Stamp = Stamp.EXAM
    brief_sha256: str | None = None
    agent: str = "tester"
    kind: str = NAME
    extra: Sequence[tuple[Kind, Frozen]] = ()
    """More events, put before the answer."""
    variant: str = ""

    @property
    def instance(self) -> InstanceId:
        version = family(self.kind).version
        return InstanceId(self.kind, version, self.preset, Split.PRIVATE, self.seed, self.variant)


@dataclass
class Rig:
    """One run folder and the secret it was made under."""

    home: Path
    run: RunFolder
    clock: list[int] = field(default_factory=lambda: [0])

    def script(self, **facts: Any) -> Script:
        """Tests cannot import this file, so they make scripts here."""
        return Script(**facts)

    def drawn(self, script: Script) -> Drawn[Any, Any]:
        return draw(script.instance, SecretStore(self.home).get())

    def oracle(self, script: Script) -> JSON:
        return TRUTHS.find(script.kind).oracle(self.drawn(script).key)

    def play(self, script: Script) -> AttemptFolder:
        """Write the attempt's log and notebook."""
        folder = self.run.attempt(script.instance.slug, script.n)
        events = self._events(script, folder)
        data = b"".join(fold(events).chunks())
        if script.closed:
            digest = hashlib.sha256(data).hexdigest()
            events.append(
                make(len(events), self._time(), Kind.CLOSED, Closed(notebook_sha256=digest))
            )
            notebook = folder.within(folder.notebook)
            notebook.parent.mkdir(exist_ok=True)
            notebook.write_bytes(data)
        key = record_key(SecretStore(self.home).get(), self._name(script))
        folder.path.mkdir(parents=True)
        mac, text = START, b""
        for event in events:
            line, mac = seal(key, mac, body(event))
            text += line
        folder.events.write_bytes(text)
        return folder

    def _events(self, script: Script, folder: AttemptFolder) -> list[Event]:
        opened = Opened(
            attempt=self._name(script),
            instance=str(script.instance),
            family=script.kind,
            preset=script.preset,
            agent=script.agent,
            n=script.n,
            stamp=script.stamp,
            graded=True,
            sandbox={"tier": "none"},
            versions={},
            brief_sha256=script.brief_sha256,
            secret_id=SecretStore(self.home).current(),
            notebook=folder.notebook,
        )
        parts: list[tuple[Kind, Frozen]] = [(Kind.OPENED, opened)]
        if script.listed:
            parts.append((Kind.TOOLS_LISTED, ToolsListed(sha256="0" * 64, count=20)))
        brief = CellAdded(cell_id="brief", cell_type="markdown", source="# Brief", role="brief")
        parts.append((Kind.CELL_ADDED, brief))
        if script.cells:
            parts.append((Kind.KERNEL_STARTED, KernelChange(tier="none", ms=1.0)))
        for index, (source, printed) in enumerate(script.cells):
            parts += _cell(f"c{index}", source, printed, index + 1)
        parts += script.extra
        if script.answer is not None:
            parts.append((Kind.ANSWER_ACCEPTED, AnswerAccepted(answer=script.answer)))
        if script.closed:
            reason = "submitted" if script.answer is not None else "finished"
            parts.append((Kind.FINISHED, Finished(reason=reason, usage={"tool_calls": 3})))
        return [make(seq, self._time(), kind, data) for seq, (kind, data) in enumerate(parts)]

    def _name(self, script: Script) -> str:
        family_name = script.kind.replace("/", "-")
        return f"{family_name}-{script.preset}-{script.seed}-{script.n}{script.variant}"

    def _time(self) -> str:
        self.clock[0] += 1
        return f"2026-01-01T00:{self.clock[0] // 60 % 60:02d}:{self.clock[0] % 60:02d}.000Z"


def _cell(name: str, source: str, printed: str, count: int) -> list[tuple[Kind, Frozen]]:
    output: dict[str, JSON] = {"output_type": "stream", "name": "stdout", "text": printed}
    return [
        (Kind.CELL_ADDED, CellAdded(cell_id=name, cell_type="code", source=source)),
        (Kind.CELL_STARTED, CellStarted(cell_id=name)),
        (Kind.CELL_OUTPUT, CellOutput(cell_id=name, output=output)),
        (
            Kind.CELL_FINISHED,
            CellFinished(cell_id=name, status="ok", execution_count=count, ms=1.0),
        ),
    ]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    home = tmp_path / "home"
    monkeypatch.setenv("PROCTOR_HOME", str(home))
    SecretStore(home).current()
    asked = Run(suite="strategic", agent="tester", created="2026-01-01T00:00:00.000Z")
    run = RunFolder.create(tmp_path / "runs", asked, datetime(2026, 1, 1, tzinfo=UTC))
    return Rig(home, run)
