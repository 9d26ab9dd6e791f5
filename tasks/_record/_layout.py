"""The run folder: a run's only source of truth, readable with nothing but a text editor.

runs/{suite}_{agent}_{timestamp}/
  run.json
  attempts/{instance slug or session-<id>}/{n}/events.jsonl, usage.json
  notebooks/   results/   outputs/{slug}/{n}/
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from pydantic import ConfigDict, Field, ValidationError

from tasks._core import JSON, Frozen
from tasks._errors import RecordError
from tasks._record._disk import Disk, LocalDisk, make_folders, save
from tasks._record._events import SCHEMA, UPGRADERS, Upgrader, upgrade
from tasks._record._reader import read_json

RUN_FILE = "run.json"
PENDING_FILE = "pending.json"
"""Beside the run folders: `{agent: why it could not play}`; a leaderboard lists them so."""
MAX_PART = 100
"""Characters of a suite's or agent's name in a folder's; `run.json` has them whole."""
_UNSAFE = re.compile(r"[^A-Za-z0-9.@%+=-]+")


class Run(Frozen):
    """run.json: what was asked of a run and under what it ran."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    version: int = Field(default=SCHEMA, alias="schema")
    suite: str
    agent: str
    created: str
    """UTC, ISO 8601."""
    asked: dict[str, JSON] = Field(default_factory=dict[str, JSON])
    """Arguments of the run: seed, n, repeat, split, preset, …"""
    versions: dict[str, str] = Field(default_factory=dict[str, str])
    sandbox: dict[str, JSON] = Field(default_factory=dict[str, JSON])
    """`tier` and the probes; {} until a kernel was asked for."""
    tools_sha256: str | None = None
    """Hash of the tool schemas that were offered; None until an agent listed them."""
    planned: int | None = None
    """Attempts that were asked for, variants too; None where that was not noted."""


@dataclass(frozen=True, order=True)
class AttemptFolder:
    """Where one attempt lies."""

    run: Path
    """The run folder."""
    slug: str
    """`InstanceId.slug`, or `session-<id>` of a free notebook."""
    n: int
    """Repeat, from 1."""

    @property
    def path(self) -> Path:
        """The attempt's own folder."""
        return self.run / "attempts" / self.slug / str(self.n)

    @property
    def events(self) -> Path:
        """The event log."""
        return self.path / "events.jsonl"

    @property
    def usage(self) -> Path:
        """What the attempt cost; written when it closes."""
        return self.path / "usage.json"

    @property
    def late(self) -> Path:
        """Calls that came when the attempt was over; there only if some did."""
        return self.path / "late.jsonl"

    @property
    def outputs(self) -> Path:
        """Files the agent left."""
        return self.run / "outputs" / self.slug / str(self.n)

    @property
    def notebook(self) -> str:
        """The notebook's usual path, relative to the run folder."""
        return f"notebooks/{self.slug}__{self.n}.ipynb"

    def within(self, relative: str) -> Path:
        """A path below the run folder, e.g. that of `Opened.notebook`.

        Raises:
            RecordError: it would lead out of the run folder.
        """
        path = PurePosixPath(relative)
        if path.is_absolute() or ".." in path.parts or "\0" in relative or not path.parts:
            raise RecordError(f"{relative!r} does not lie within the run folder.")
        return self.run / path


@dataclass(frozen=True)
class RunFolder:
    """One run's folder."""

    path: Path

    @classmethod
    def create(cls, runs: Path, run: Run, now: datetime, disk: Disk | None = None) -> "RunFolder":
        """Make `{suite}_{agent}_{timestamp}` below `runs` and write its run.json.

        Raises:
            RecordError: the folder cannot be made or written.
        """
        disk = disk or LocalDisk()
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{_safe(run.suite)[:MAX_PART]}_{_safe(run.agent)[:MAX_PART]}_{stamp}"
        try:
            runs.mkdir(parents=True, exist_ok=True)
            folder = cls(_fresh(runs, name))
            for part in ("attempts", "notebooks"):
                make_folders(disk, folder.path, folder.path / part)
            folder.write(run, disk)
            disk.sync_folder(runs)
        except OSError as error:
            raise RecordError(
                f"No run folder can be made in {runs}: {error.strerror}. Name a folder that you "
                "may write with --runs."
            ) from error
        return folder

    def read(self, upgraders: Mapping[int, Upgrader] = UPGRADERS) -> Run:
        """The content of run.json.

        Raises:
            RecordError: missing, not valid, or of a newer schema.
        """
        path = self.path / RUN_FILE
        raw = read_json(path)
        if not isinstance(raw, dict):
            raise RecordError(f"{path} is not a JSON object.")
        # Versioned like an event, whose field is called `v`.
        raw = dict(upgrade({**raw, "v": raw.get("schema")}, upgraders))
        raw["schema"] = raw.pop("v")
        try:
            return Run.model_validate(raw)
        except ValidationError as error:
            raise RecordError(f"{path} is not a run's description: {error}") from error

    def write(self, run: Run, disk: Disk | None = None) -> None:
        """Replace run.json atomically.

        Raises:
            OSError: it cannot be written.
        """
        save(disk or LocalDisk(), self.path / RUN_FILE, dump(run.model_dump(mode="json")))

    def attempt(self, slug: str, n: int = 1) -> AttemptFolder:
        """The place of one attempt; makes nothing.

        Raises:
            RecordError: `slug` is not one path component.
        """
        if slug in ("", ".", "..") or "/" in slug or "\0" in slug:
            raise RecordError(f"{slug!r} cannot name an attempt's folder.")
        return AttemptFolder(self.path, slug, n)

    def attempts(self) -> list[AttemptFolder]:
        """All attempts that have an event log, sorted."""
        return sorted(self._attempts())

    def _attempts(self) -> Iterator[AttemptFolder]:
        for log in (self.path / "attempts").glob("*/*/events.jsonl"):
            n = log.parent.name
            if n.isascii() and n.isdigit():
                yield AttemptFolder(self.path, log.parent.parent.name, int(n))


def run_folders(runs: Path) -> list[RunFolder]:
    """All run folders in `runs`, by name; other folders are passed over."""
    return [RunFolder(path.parent) for path in sorted(runs.glob(f"*/{RUN_FILE}"))]


def dump(value: JSON) -> bytes:
    """JSON for people: indented, sorted, with a last newline."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def _safe(name: str) -> str:
    return _UNSAFE.sub("-", name).strip("-.") or "run"


def _fresh(runs: Path, name: str) -> Path:
    path, k = runs / name, 1
    while True:
        try:
            path.mkdir()
        except FileExistsError:
            k += 1
            path = runs / f"{name}-{k}"
        else:
            return path
