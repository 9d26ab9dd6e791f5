"""Run folders at a URL: a copy on this machine is played, scored and verified; both are kept alike.

An attempt is at the URL once its `played.json` is, which is sent last; what lies there without one
is half an attempt and counts for nobody. The copy lies below the state folder and is taken up again
by the same command, here or, fetched anew, on another machine. One runner at a time: a URL knows no
lock.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
from pydantic import ValidationError

from runners._ledger import mirrored
from runners._publish import Depot
from runners._sitting import Engine, Order
from tasks import RecordError
from tasks._record import PLAYED_FILE, RUN_FILE, AttemptFolder, Played, Run, RunFolder, run_folders


@dataclass(frozen=True)
class Mirror:
    """Run folders at a URL and their copy here."""

    depot: Depot
    runs: Path
    """Holds the copies."""

    @classmethod
    def at(cls, url: str, home: Path) -> "Mirror":
        """The run folders at `url`; the copy lies below the state folder `home`.

        Raises:
            UsageError: the URL cannot be reached.
        """
        return cls(Depot.at(url), mirrored(url, home))

    def pull(self, suite: str, agents: Collection[str]) -> None:
        """Make both sides alike for the runs of a suite and these agents: what one has, both have.

        Raises:
            RecordError: a run.json there is not one.
            OSError: the URL could not be read or written.
        """
        for name in self.depot.folders():
            there = self.depot.below(name)
            run = _described(there)
            if run is not None and run.suite == suite and run.agent in agents:
                self._fetch(there, self.runs / name)
        for folder in run_folders(self.runs):
            run = folder.read()
            if run.suite == suite and run.agent in agents:
                self._send_missing(folder)

    def push(self, order: Order) -> None:
        """Send a sitting that was seen to its end, its `played.json` last."""
        sitting = order.sitting
        self._send(RunFolder(order.run).attempt(sitting.instance.slug, sitting.n))

    def around(self, engine: Engine) -> "Publishing":
        """The engine, every finished sitting of which is sent to the URL at its close."""
        return Publishing(engine, self)

    def finish(self, run: Path) -> None:
        """Send run.json and the results."""
        there = self.depot.below(run.name)
        for path in [run / RUN_FILE, *_files(run / "results")]:
            there.put(path, path.relative_to(run).as_posix())

    def _fetch(self, there: Depot, folder: Path) -> None:
        names = there.names()
        there.fetch(RUN_FILE, folder / RUN_FILE)
        for place in _played(names, folder):
            if (place.path / PLAYED_FILE).exists():
                continue
            for name in _of(place, names):
                there.fetch(name, folder / name)

    def _send_missing(self, folder: RunFolder) -> None:
        names = set(self.depot.below(folder.path.name).names())
        for place in folder.attempts():
            note = place.path / PLAYED_FILE
            if note.exists() and _name(place, note) not in names:
                self._send(place)

    def _send(self, place: AttemptFolder) -> None:
        there = self.depot.below(place.run.name)
        there.put(place.run / RUN_FILE, RUN_FILE)
        known = set(there.names())
        for old in (place.path, place.outputs):
            # Of an attempt that was set aside here since.
            there.below(_name(place, old)).remove()
        cut = place.run / "cut" / place.slug
        for path in (p for aside in cut.glob(f"{place.n}-*") for p in _files(aside)):
            if _name(place, path) not in known:
                there.put(path, _name(place, path))
        here = [_name(place, p) for p in _files(place.run) if _belongs(place, p)]
        for name in _of(place, here):
            there.put(place.run / name, name)


@dataclass(frozen=True)
class Publishing:
    """An engine whose every finished sitting is sent to the URL at its close."""

    inner: Engine
    mirror: Mirror

    async def sit(self, order: Order) -> tuple[Played, ...]:
        """See `runners._sitting.Engine`."""
        tries = await self.inner.sit(order)
        await anyio.to_thread.run_sync(self.mirror.push, order)
        return tries


def _described(there: Depot) -> Run | None:
    try:
        return Run.model_validate_json(there.read(RUN_FILE))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise RecordError(f"{there.root}/{RUN_FILE} is not a run's description: {error}") from error


def _played(names: list[str], folder: Path) -> Iterator[AttemptFolder]:
    for name in names:
        parts = name.split("/")
        if parts[0] == "attempts" and parts[-1] == PLAYED_FILE and parts[2].isdecimal():
            yield RunFolder(folder).attempt(parts[1], int(parts[2]))


def _of(place: AttemptFolder, names: Collection[str]) -> list[str]:
    """The names that belong to an attempt, `played.json` last."""
    own = [name for name in names if _belongs(place, place.run / name)]
    return sorted(own, key=lambda name: (name.endswith(f"/{PLAYED_FILE}"), name))


def _belongs(place: AttemptFolder, path: Path) -> bool:
    return path == place.run / place.notebook or any(
        path.is_relative_to(folder) for folder in (place.path, place.outputs)
    )


def _name(place: AttemptFolder, path: Path) -> str:
    return path.relative_to(place.run).as_posix()


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
