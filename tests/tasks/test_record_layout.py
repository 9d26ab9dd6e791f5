"""The run folder: names, places, listing."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tasks import RecordError
from tasks._record import Run, RunFolder, run_folders

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def run(suite: str = "strategic/v0", agent: str = "solver") -> Run:
    return Run(suite=suite, agent=agent, created=NOON.isoformat())


def test_a_run_is_named_by_suite_agent_and_time_and_never_shared(tmp_path: Path):
    runs = tmp_path / "deep" / "runs"
    first = RunFolder.create(runs, run(), NOON.astimezone(timezone(timedelta(hours=5))))
    second = RunFolder.create(runs, run(), NOON)
    assert first.path.name == "strategic-v0_solver_20260101T120000"
    assert second.path.name == "strategic-v0_solver_20260101T120000-2"
    assert first.read() == run()
    assert [folder.path for folder in run_folders(runs)] == [first.path, second.path]
    assert (first.path / "notebooks").is_dir()


def test_long_names_make_a_folder_all_the_same(tmp_path: Path):
    made = RunFolder.create(tmp_path, run(suite="strategic/x," * 50, agent="a" * 300), NOON)
    assert made.read().suite == "strategic/x," * 50


@pytest.mark.parametrize("name", ["../../etc", "/", "..", "", "a\0b", "x" * 20 + "/y z"])
def test_no_name_leads_out_of_the_runs_folder(tmp_path: Path, name: str):
    made = RunFolder.create(tmp_path / "runs", run(suite=name, agent=name), NOON)
    assert made.path.parent == tmp_path / "runs"
    assert made.read().suite == name


def test_attempts_are_listed_in_order_and_other_folders_passed_over(tmp_path: Path):
    made = RunFolder.create(tmp_path, run(), NOON)
    for slug, n in (("b", "10"), ("b", "9"), ("a", "1"), ("a", "1.cut"), ("c", "x")):
        path = made.path / "attempts" / slug / n
        path.mkdir(parents=True)
        (path / "events.jsonl").touch()
    (made.path / "attempts" / "d" / "1").mkdir(parents=True)
    assert [(f.slug, f.n) for f in made.attempts()] == [("a", 1), ("b", 9), ("b", 10)]
    first = made.attempts()[0]
    assert first == made.attempt("a")
    assert first.within(first.notebook) == made.path / "notebooks" / "a__1.ipynb"
    assert first.outputs == made.path / "outputs" / "a" / "1"


@pytest.mark.parametrize("slug", ["", ".", "..", "a/b", "a\0"])
def test_an_attempt_is_one_folder(tmp_path: Path, slug: str):
    with pytest.raises(RecordError):
        RunFolder(tmp_path).attempt(slug)


def test_runs_that_are_not_there_are_no_runs(tmp_path: Path):
    assert run_folders(tmp_path / "nowhere") == []
    with pytest.raises(RecordError, match="cannot be read"):
        RunFolder(tmp_path).read()
    (tmp_path / "run.json").write_text('{"schema": 1, "suite": 3}')
    with pytest.raises(RecordError, match="not a run's description"):
        RunFolder(tmp_path).read()
