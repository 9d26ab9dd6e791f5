"""Run folders: found, summed up, verified, archived, deleted, replayed."""

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from evaluators._archives import MANIFEST, open_archive, write_archive
from evaluators._replay import clean, cut, steps
from evaluators._runs import delete, find_attempt, find_run
from evaluators._runs_cli import app
from evaluators._verify import State, finish_orphans, keys, verify_attempt, verify_run
from ground_truth import SecretStore, record_key
from server.journal import Journal
from tasks import RecordError, UsageError
from tasks._record import AttemptFolder, Run, RunFolder, read_log, save
from tasks._record import LocalDisk as Disk

INSTANCE = "strategic/x@1:easy:private:7"
SLUG = "strategic%2Fx%401%3Aeasy%3Aprivate%3A7"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretStore:
    monkeypatch.setenv("PROCTOR_HOME", str(tmp_path / "home"))
    return SecretStore(tmp_path / "home")


@pytest.fixture
def run(tmp_path: Path, store: SecretStore) -> RunFolder:
    """A run with two closed attempts."""
    described = Run(suite="strategic/x", agent="solver", created="2026-01-01T00:00:00Z")
    made = RunFolder.create(tmp_path / "runs", described, datetime(2026, 1, 1, tzinfo=UTC))
    for n in (1, 2):
        anyio.run(sit, made.attempt(SLUG, n), store, True)
    (made.path / "results").mkdir()
    (made.path / "results" / "summary.json").write_text("{}")
    return made


async def sit(folder: AttemptFolder, store: SecretStore, close: bool) -> None:
    attempt = f"attempt{folder.n}"
    facts = {
        "attempt": attempt,
        "n": folder.n,
        "instance": INSTANCE,
        "agent": "solver",
        "graded": True,
    }
    facts |= {"graded": True, "sandbox": {"tier": "bwrap"}, "versions": {}}
    key = record_key(store.get(), attempt)
    opened = {**facts, "secret_id": store.current(), "notebook": folder.notebook}
    journal = Journal.open(folder, key, opened, lambda: 1.5 * folder.n)
    journal.record(
        "cell.added",
        {"cell_id": "b", "cell_type": "markdown", "source": "# The brief", "role": "brief"},
    )
    journal.record("cell.added", {"cell_id": "c", "cell_type": "code", "source": "print(6*7)"})
    journal.record("cell.started", {"cell_id": "c"})
    for text in ("4", "2\n", "\x1b]0;owned\x07\x1b[31mred\n"):
        output = {"output_type": "stream", "name": "stdout", "text": text}
        journal.record("cell.output", {"cell_id": "c", "output": output})
    journal.record("cell.finished", {"cell_id": "c", "status": "ok", "execution_count": 1})
    journal.record("answer.accepted", {"answer": {"p": [0.5, 0.5]}})
    await journal.sync()
    if close:
        await journal.close("submitted", {"tool_calls": 3, "wall_s": 1.5})
    journal.abandon()


def states(run: RunFolder, store: SecretStore) -> list[State]:
    return [item.state for item in verify_run(run, keys(store)).attempts]


def change(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def test_an_untouched_run_is_whole(run: RunFolder, store: SecretStore):
    verdict = verify_run(run, keys(store))
    assert verdict.holds
    assert [item.attempt for item in verdict.attempts] == ["attempt1", "attempt2"]
    assert states(run, store) == [State.WHOLE, State.WHOLE]


def test_an_old_secret_still_verifies(run: RunFolder, store: SecretStore):
    store.rotate()
    assert verify_run(run, keys(store)).holds


def _edit_event(f: AttemptFolder) -> None:
    change(f.events, b"print(6*7)", b"print(6*8)")


def _edit_notebook(f: AttemptFolder) -> None:
    change(f.run / f.notebook, b"0.5", b"0.9")


def _edit_usage(f: AttemptFolder) -> None:
    change(f.usage, b"3", b"2")


def _cut(f: AttemptFolder) -> None:
    lines = f.events.read_bytes().splitlines(keepends=True)
    f.events.write_bytes(b"".join(lines[:-1]))


def _cut_more(f: AttemptFolder) -> None:
    lines = f.events.read_bytes().splitlines(keepends=True)
    f.events.write_bytes(b"".join(lines[:-4]))
    f.usage.unlink()


def _add(f: AttemptFolder) -> None:
    with f.events.open("ab") as file:
        file.write(b'{"torn')


def _swap(f: AttemptFolder) -> None:
    other = AttemptFolder(f.run, f.slug, 1)
    shutil.copy(other.events, f.events)
    shutil.copy(other.usage, f.usage)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_edit_event, "line 3"),
        (_edit_notebook, "not the notebook that was closed"),
        (_edit_usage, "usage.json"),
        (_cut, "cut off"),
        (_cut_more, "it was cut"),
        (_add, "does not follow"),
        (_swap, "does not belong in this folder"),
    ],
)
def test_every_kind_of_tampering_is_found(
    run: RunFolder, store: SecretStore, tamper: Callable[[AttemptFolder], None], said: str
):
    folder = run.attempt(SLUG, 2)
    tamper(folder)
    verdict = verify_attempt(folder, keys(store))
    assert verdict.state is State.CHANGED
    assert said in " ".join(verdict.problems)
    assert states(run, store)[0] is State.WHOLE
    assert not verify_run(run, keys(store)).holds


def test_missing_and_stray_files_are_found(run: RunFolder, store: SecretStore):
    (run.path / "notebooks" / "stray.ipynb").write_text("{}")
    shutil.rmtree(run.attempt(SLUG, 1).path)
    said = " ".join(verify_run(run, keys(store)).problems)
    assert "stray.ipynb belongs to no attempt" in said
    assert "lacks the repeats 1" in said
    run.attempt(SLUG, 2).events.unlink()
    assert "no events.jsonl" in " ".join(verify_run(run, keys(store)).problems)


def test_a_lost_notebook_a_lost_secret_and_another_agents_run_are_found(
    run: RunFolder, store: SecretStore, tmp_path: Path
):
    folder = run.attempt(SLUG, 1)
    run.write(run.read().model_copy(update={"agent": "other"}))
    assert states(run, store) == [State.CHANGED] * 2
    (run.path / folder.notebook).unlink()
    assert verify_attempt(folder, keys(store)).state is State.CHANGED
    stranger = keys(SecretStore(tmp_path / "elsewhere"))
    verdict = verify_attempt(folder, stranger)
    assert verdict.state is State.UNREADABLE
    assert "secret restore" in verdict.problems[0]


def test_an_open_attempt_is_ended_by_the_next_who_cares(run: RunFolder, store: SecretStore):
    folder = run.attempt(SLUG, 3)
    anyio.run(sit, folder, store, False)
    begun = run.attempt(SLUG, 4)
    begun.path.mkdir()
    begun.events.write_bytes(b'{"v":1,')
    assert states(run, store)[2:] == [State.OPEN, State.OPEN]
    assert verify_run(run, keys(store)).holds
    assert finish_orphans(run, keys(store), lambda: 9.0) == []
    assert states(run, store)[2:] == [State.WHOLE, State.OPEN]
    log = read_log(folder.events, record_key(store.get(), "attempt3"))
    assert log.finished is not None
    # The answer had been accepted: the exam was over before the daemon died.
    assert log.finished.reason == "submitted"


@pytest.mark.parametrize("closed", [True, False])
def test_a_free_session_may_go_on_in_the_notebook_of_an_earlier_one(
    tmp_path: Path, store: SecretStore, closed: bool
):
    described = Run(suite="practice", agent="a-client", created="2026-01-01T00:00:00Z")
    run = RunFolder.create(tmp_path, described, datetime(2026, 1, 1, tzinfo=UTC))

    async def session(name: str, cells: int, close: bool) -> None:
        folder = run.attempt(f"session-{name}")
        facts = {"attempt": name, "agent": "a client", "sandbox": {}, "versions": {}}
        facts |= {"secret_id": store.current(), "notebook": "notebooks/one.ipynb"}
        journal = Journal.open(folder, record_key(store.get(), name), facts, lambda: 1.0)
        for cell in range(cells):
            added = {"cell_id": f"c{cell}", "cell_type": "markdown", "source": name}
            journal.record("cell.added", added)
        await journal.sync()
        if close:
            await journal.close("finished", {})
        journal.abandon()

    anyio.run(session, "first", 1, closed)
    anyio.run(session, "second", 5, True)
    later = (run.path / "notebooks" / "one.ipynb").read_bytes()
    assert finish_orphans(run, keys(store), lambda: 9.0) == []
    assert (run.path / "notebooks" / "one.ipynb").read_bytes() == later
    assert states(run, store) == [State.WHOLE, State.WHOLE]
    assert verify_run(run, keys(store)).holds
    change(run.path / "notebooks" / "one.ipynb", b'"second"', b'"other"')
    assert states(run, store) == [State.CHANGED, State.CHANGED]


def test_an_archive_is_the_same_bytes_each_time_and_opens_to_the_same_run(
    run: RunFolder, store: SecretStore, tmp_path: Path
):
    (run.path / "outputs").mkdir()
    (run.path / "outputs" / "trap").symlink_to("/etc/passwd")
    first = write_archive(run, tmp_path / "a.tar.gz")
    for path in run.path.rglob("*.json"):
        path.touch()
    second = write_archive(run, tmp_path / "b.tar.gz")
    assert first.sha256 == second.sha256
    assert first.skipped == ("outputs/trap",)
    with open_archive(first.path) as (unpacked, manifest):
        assert verify_run(unpacked, keys(store)).holds
        assert unpacked.path.name == run.path.name
        assert len(manifest) == first.files
    with pytest.raises(UsageError, match="never overwrites"):
        write_archive(run, first.path)


def _pack(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_archives_of_strangers_are_refused(tmp_path: Path):
    manifest = (tarfile.TarInfo(f"run/{MANIFEST}"), b'{"x": "00"}')
    link = tarfile.TarInfo("run/x")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for number, members in enumerate(
        [
            (),
            ((tarfile.TarInfo("run/x"), b""),),
            (manifest,),
            (manifest, (tarfile.TarInfo("run/x"), b"other")),
            (manifest, (tarfile.TarInfo("run/../../x"), b"")),
            (manifest, (tarfile.TarInfo("/x"), b"")),
            (manifest, (link, b"")),
            ((tarfile.TarInfo(f"../{MANIFEST}"), b"{}"),),
        ]
    ):
        with pytest.raises(RecordError), open_archive(_pack(tmp_path / f"{number}.gz", *members)):
            pass
    (tmp_path / "no.gz").write_bytes(gzip.compress(b"words"))
    with pytest.raises(RecordError), open_archive(tmp_path / "no.gz"):
        pass


def test_runs_and_attempts_are_found_by_name_path_and_id(run: RunFolder):
    runs = run.path.parent
    assert find_run(run.path.name, runs).path == run.path
    assert find_run(str(run.path), Path("nowhere")).path == run.path
    with pytest.raises(UsageError, match=run.path.name):
        find_run(run.path.name[:-2], runs)
    folder = run.attempt(SLUG, 2)
    for asked in ("attempt2", folder.path, folder.events, run.path / folder.notebook):
        assert find_attempt(str(asked), runs) == folder
    with pytest.raises(UsageError, match="attempt2"):
        find_attempt("attempt22", runs)
    with pytest.raises(UsageError, match="is not an attempt"):
        find_attempt(str(run.path), runs)


def test_deleting_takes_a_run_but_never_a_running_one(run: RunFolder, store: SecretStore):
    folder = run.attempt(SLUG, 5)
    opened: dict[str, Any] = {"attempt": "x", "agent": "solver", "sandbox": {}, "versions": {}}
    opened |= {"secret_id": store.current(), "notebook": folder.notebook}
    journal = Journal.open(folder, b"k", opened, lambda: 1.0)
    with pytest.raises(UsageError, match="running"):
        delete(run)
    journal.abandon()
    delete(run)
    assert list(run.path.parent.iterdir()) == []


def test_a_replay_shows_every_step_and_obeys_no_control_sequence(
    run: RunFolder, store: SecretStore
):
    folder = run.attempt(SLUG, 1)
    events = read_log(folder.events, record_key(store.get(), "attempt1")).events
    shown = list(steps(events))
    assert [step.title for step in shown] == [
        "attempt attempt1",
        "markdown cell b (brief)",
        "code cell c (agent)",
        "output",
        "cell c",
        "answer accepted",
        "finished: submitted",
        "closed",
    ]
    console = Console(file=io.StringIO(), width=80, color_system=None)
    for step in shown:
        console.print(step.content)
    text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue] - it is ours
    assert "The brief" in text
    assert "42\nred\n" in text
    assert "\x1b" not in text
    assert "owned" not in text


def test_texts_are_cleaned_and_cut():
    assert clean("a\x1b[2J\x9b31mb\x00\x07\r\nc\td") == "a31mb\nc\td"
    text = "\n".join(str(i) for i in range(100))
    assert cut(text, None) == text
    assert cut(text, 8).split("\n") == ["0", "1", "2", "3", "4", "5", "… 92 lines …", "98", "99"]


@pytest.fixture
def say(run: RunFolder) -> Callable[..., Result]:
    def invoke(*words: str, **kwargs: Any) -> Result:
        place = ["--runs", str(run.path.parent)]
        return CliRunner().invoke(app, [*words, *place], **kwargs)

    return invoke


def test_the_commands_print_one_json_object(say: Callable[..., Result], run: RunFolder):
    name = run.path.name
    listed = json.loads(say("runs", "list", "--json").stdout)["runs"]
    assert [(r["run"], r["attempts"], r["scored"]) for r in listed] == [(name, 2, True)]
    shown = json.loads(say("runs", "show", name, "--json").stdout)
    assert [a["state"] for a in shown["attempts"]] == ["submitted", "submitted"]
    assert shown["suite"] == "strategic/x"
    assert json.loads(say("runs", "verify", name, "--json").stdout)["holds"] is True
    replayed = json.loads(say("replay", "attempt1", "--json").stdout)
    assert (replayed["verified"], len(replayed["events"])) == (True, 11)
    archived = json.loads(say("runs", "archive", name, "--json").stdout)
    done = say("runs", "verify", archived["path"], "--json")
    assert (done.exit_code, json.loads(done.stdout)["holds"]) == (0, True)
    gone = json.loads(say("runs", "delete", name, "--yes", "--json").stdout)
    assert gone == {"deleted": str(run.path)}


def test_the_commands_talk_to_people(say: Callable[..., Result], run: RunFolder):
    name = run.path.name
    for words in (["runs", "list"], ["runs", "show", name], ["runs", "verify", name]):
        done = say(*words)
        assert done.exit_code == 0, done.output
        assert "solver" in done.output
    assert "print(6*7)" in say("replay", "attempt1", "--full").output
    assert "The brief" in say("replay", "attempt1", "--pause", input="\n" * 9).output


def test_a_changed_record_makes_exit_code_3(say: Callable[..., Result], run: RunFolder):
    _edit_notebook(run.attempt(SLUG, 1))
    done = say("runs", "verify", run.path.name)
    assert done.exit_code == 3
    assert "does not hold" in done.output
    _edit_event(run.attempt(SLUG, 1))
    assert isinstance(say("replay", "attempt1").exception, RecordError)


def test_deleting_asks_first(say: Callable[..., Result], run: RunFolder):
    done = say("runs", "delete", run.path.name, input="n\n")
    assert done.exit_code == 1
    assert run.path.exists()
    assert say("runs", "delete", run.path.name, input="y\n").exit_code == 0
    assert not run.path.exists()


def test_a_replay_without_the_secret_says_that_it_is_not_verified(
    say: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PROCTOR_HOME", str(tmp_path / "elsewhere"))
    replayed = json.loads(say("replay", "attempt1", "--json").stdout)
    assert replayed["verified"] is False
    assert "secret restore" in replayed["doubt"]
    assert "Not verified" in say("replay", "attempt1").output


def test_verify_can_first_end_what_a_dead_daemon_left(
    say: Callable[..., Result], run: RunFolder, store: SecretStore
):
    anyio.run(sit, run.attempt(SLUG, 3), store, False)
    before = json.loads(say("runs", "verify", run.path.name, "--json").stdout)
    assert [a["state"] for a in before["attempts"]] == ["whole", "whole", "open"]
    assert json.loads(say("runs", "list", "--json").stdout)["runs"][0]["states"]["lost"] == 1
    after = json.loads(say("runs", "verify", run.path.name, "--finish", "--json").stdout)
    assert [a["state"] for a in after["attempts"]] == ["whole"] * 3


def test_a_run_without_a_readable_run_json_is_still_listed(
    say: Callable[..., Result], run: RunFolder
):
    save(Disk(), run.path / "run.json", b"{")
    done = say("runs", "list", "--json")
    assert "cannot be read" in json.loads(done.stdout)["runs"][0]["suite"]
    assert say("runs", "verify", run.path.name).exit_code == 3
