"""Parcels: whole or not at all, checked, counted once. And run folders at a URL."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import fsspec
import pytest
import tenacity

from runners._ledger import Ledger
from runners._mirror import Mirror
from runners._plan import EvalConfig, Sitting, sittings
from runners._publish import MANIFEST, TRIES, Depot, commit, receive, send
from runners._sitting import LocalEngine
from runners._suite import RunReport, Stage, run_suite
from tasks import RecordError, UsageError
from tasks._record import PLAYED_FILE, RunFolder

FAMILY = "strategic/bayesian_games"
SITS = "hall.list_tools(seat.ticket.attempt)\nawait hall.submit(seat.ticket.attempt)"
ONE = EvalConfig(suite=FAMILY, agents=("one",))


@pytest.fixture
def memory() -> Iterator[str]:
    fs: Any = fsspec.filesystem("memory")
    yield "memory://published"
    if fs.exists("/published"):
        fs.rm("/published", recursive=True)


def sitting() -> Sitting:
    return sittings(ONE)[0]


def parcel(folder: Path, *, aside: bool = False) -> Path:
    """The run folder of one sitting, as a node leaves it."""
    place = RunFolder(folder).attempt(sitting().instance.slug)
    for path, text in {
        place.events: "events",
        place.usage: json.dumps({"reason": "submitted"}),
        place.path / PLAYED_FILE: json.dumps({"tools_listed": True, "wall_s": 1.0}),
        folder / place.notebook: "notebook",
        place.outputs / "deep" / "file.bin": "x" * 3000,
        **(
            {folder / "cut" / place.slug / "1-1" / "attempt" / "events.jsonl": "cut"}
            if aside
            else {}
        ),
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "run.json").write_text("{}")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_parcel_arrives_as_it_was_sent(where: str, memory: str, tmp_path: Path):
    sent = parcel(tmp_path / "node", aside=True)
    depot = Depot.at(memory if where == "memory" else str(tmp_path / "shared"))
    manifest = send(sent, depot)
    assert set(depot.names()) == {*manifest.files, MANIFEST}
    assert receive(depot, tmp_path / "home")
    whole = files(sent)
    del whole["run.json"]
    assert files(tmp_path / "home") == whole


def test_half_a_parcel_is_no_parcel(memory: str, tmp_path: Path):
    depot = Depot.at(memory)
    send(parcel(tmp_path / "node"), depot)
    depot.drop(MANIFEST)
    assert not receive(depot, tmp_path / "home")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("change", [b"evil", b"events!", b""])
def test_a_parcel_that_was_changed_on_the_way_is_refused(
    change: bytes, memory: str, tmp_path: Path
):
    depot = Depot.at(memory)
    send(parcel(tmp_path / "node"), depot)
    name = next(name for name in depot.names() if name.endswith("events.jsonl"))
    depot.write(change, name)
    with pytest.raises(RecordError, match="changed on the way"):
        receive(depot, tmp_path / "home")


def test_a_list_that_leads_out_of_the_parcel_is_refused(memory: str, tmp_path: Path):
    depot = Depot.at(memory)
    entry = {"size": 1, "sha256": "0" * 64}
    depot.write(json.dumps({"files": {"../../evil": entry}}).encode(), MANIFEST)
    with pytest.raises(RecordError, match="not a parcel's list"):
        receive(depot, tmp_path / "home")


class Shaky:
    """A file system whose first sends fail."""

    def __init__(self, fails: int, error: type[OSError]) -> None:
        self.inner: Any = fsspec.filesystem("memory")
        self.left, self.error, self.asked = fails, error, 0

    def put_file(self, source: str, target: str) -> None:
        self.asked += 1
        if self.left:
            self.left -= 1
            raise self.error("the line went dead")
        self.inner.put_file(source, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def shaky(fails: int, error: type[OSError] = ConnectionResetError) -> tuple[Shaky, Depot]:
    fs = Shaky(fails, error)
    return fs, Depot(fs, "/published", tenacity.wait_none())


def test_a_line_that_goes_dead_is_tried_again(memory: str, tmp_path: Path):
    fs, depot = shaky(TRIES - 1)
    sent = send(parcel(tmp_path / "node"), depot)
    assert fs.asked == len(sent.files) + TRIES - 1
    assert receive(depot, tmp_path / "home")


def test_what_cannot_be_sent_is_told_and_leaves_no_parcel(memory: str, tmp_path: Path):
    _, depot = shaky(TRIES)
    with pytest.raises(ConnectionResetError):
        send(parcel(tmp_path / "node"), depot)
    assert not depot.holds(MANIFEST)


def test_what_is_forbidden_is_not_tried_again(memory: str, tmp_path: Path):
    fs, depot = shaky(TRIES, PermissionError)
    with pytest.raises(PermissionError):
        send(parcel(tmp_path / "node"), depot)
    assert fs.asked == 1


def test_an_unknown_file_system_is_told():
    with pytest.raises(UsageError, match="pigeon"):
        Depot.at("pigeon://coop")


def test_a_parcel_is_put_into_the_run_folder_in_one_step(tmp_path: Path):
    run = tmp_path / "run"
    ledger = Ledger(RunFolder(run))
    place = ledger.place(sitting())
    # What a commit that was cut short leaves: all but the attempt's own folder.
    half = parcel(tmp_path / "half")
    shutil.rmtree(half / "attempts")
    shutil.copytree(half, run)
    (run / place.notebook).write_text("of before")
    (place.outputs / "old").write_text("of before")
    assert not ledger.done(sitting())
    commit(parcel(tmp_path / "whole", aside=True), ledger, sitting())
    assert ledger.done(sitting())
    assert (run / place.notebook).read_text() == "notebook"
    assert [p.name for p in place.outputs.iterdir()] == ["deep"]
    assert (run / "cut" / place.slug / "1-1" / "attempt" / "events.jsonl").exists()
    assert not (tmp_path / "whole").exists()


def play(config: EvalConfig, hall: Any, mirror: Mirror) -> list[RunReport]:
    mirror.pull(config.suite, config.agents)
    engine = mirror.around(LocalEngine(hall))
    # One at a time: what is done when the third dies is not a matter of chance.
    return anyio.run(run_suite, config, engine, Stage(runs=mirror.runs, concurrent=1))


def test_a_run_at_a_url_goes_on_from_another_machine(plugins: Any, memory: str, tmp_path: Path):
    plugins.install(
        "one",
        """
        hall.list_tools(seat.ticket.attempt)
        if len(hall.requests) == 3:
            raise type('Killed', (BaseException,), {})
        await hall.submit(seat.ticket.attempt)
        """,
    )
    config = ONE.model_copy(update={"n": 4})
    here = Mirror.at(memory, tmp_path / "here")
    with pytest.raises(BaseExceptionGroup):
        play(config, plugins.hall, here)
    there = Mirror.at(memory, tmp_path / "there")
    (report,) = play(config, plugins.hall, there)
    assert (report.kept, report.played) == (2, 2)
    there.finish(report.folder)
    (name,) = there.depot.folders()
    published = there.depot.below(name).names()
    assert sum(one.endswith(f"/{PLAYED_FILE}") for one in published) == 4
    local = {n for n in files(report.folder) if not n.endswith(".lock")}
    assert set(published) == local


def test_half_an_attempt_at_a_url_counts_for_nobody(plugins: Any, memory: str, tmp_path: Path):
    plugins.install("one", SITS)
    config = ONE.model_copy(update={"n": 2})
    here = Mirror.at(memory, tmp_path / "here")
    (first,) = play(config, plugins.hall, here)
    there = here.depot.below(first.folder.name)
    note = next(name for name in there.names() if name.endswith(PLAYED_FILE))
    there.drop(note)
    other = Mirror.at(memory, tmp_path / "other")
    (report,) = play(config, plugins.hall, other)
    assert (report.kept, report.played) == (1, 1)
    assert report.folder.name == first.folder.name
    assert there.holds(note)


def test_what_was_not_sent_any_more_is_sent_by_the_next_command(
    plugins: Any, memory: str, tmp_path: Path
):
    plugins.install("one", SITS)
    here = Mirror.at(memory, tmp_path / "here")
    (report,) = play(ONE, plugins.hall, here)
    there = here.depot.below(report.folder.name)
    there.remove()
    here.pull(ONE.suite, ONE.agents)
    assert any(name.endswith(PLAYED_FILE) for name in there.names())
