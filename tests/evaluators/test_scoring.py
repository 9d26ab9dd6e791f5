import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluators import read_results, score_run
from evaluators._process import ProcessLimits, ScoreProcess
from evaluators._scoring import score_one
from ground_truth import TRUTHS
from tasks import EvaluatorError, RecordError, brief_sha256, briefed, family
from tasks._record import MAX_SMALL, KernelChange, Kind

SOLVER = ("print('posterior')", "0.5")
FILES = ("scores.json", "summary.json")


def scored(rig: Any) -> dict[tuple[str, int], Any]:
    return {(s.instance, s.n): s for s in score_run(rig.run.path, rig.home).scores}


def only(rig: Any) -> Any:
    (score,) = score_run(rig.run.path, rig.home).scores
    return score


def test_an_oracle_gets_the_ceiling_and_its_evidence_is_apart(rig: Any) -> None:
    script = rig.script(stamp="diagnostic")
    script.answer = rig.oracle(script)
    rig.play(script)
    score = only(rig)
    assert (score.status, score.validity, score.ability, score.passed) == ("scored", 1, 1, True)
    assert score.stamp == "diagnostic"
    assert score.evidence == 0.0
    assert score.sandbox == "-"
    assert score.metrics["posterior_tv_error"] == 0.0


def test_honest_work_has_full_evidence_and_no_flag(rig: Any) -> None:
    script = rig.script()
    script.answer = rig.oracle(script)
    script.cells = [("import numpy as np", ""), ("print(p)", json.dumps(script.answer))]
    rig.play(script)
    score = only(rig)
    assert score.checks == {"ran_code": True, "in_order": True, "answer_backed": True}
    assert score.evidence == 1.0
    assert score.flags == ()
    assert score.sandbox == "none"
    assert score.usage == {"tool_calls": 3}
    assert score.reason == "submitted"


def test_an_attempt_without_an_answer_is_a_zero(rig: Any) -> None:
    rig.play(rig.script(cells=[SOLVER]))
    score = only(rig)
    assert (score.status, score.validity, score.ability, score.passed) == ("scored", 0, 0, False)


def test_an_agent_that_the_server_never_saw_is_invalid_not_zero(rig: Any) -> None:
    rig.play(rig.script(listed=False))
    result = score_run(rig.run.path, rig.home)
    assert result.scores[0].status == "invalid"
    assert "never saw" in result.scores[0].note
    assert result.summary["metrics"]["overall"]["n"] == 0
    assert result.summary["metrics"]["overall"]["mean_score"] is None


def test_a_changed_notebook_and_a_changed_log_are_invalid(rig: Any) -> None:
    for seed in (1, 2, 3):
        script = rig.script(seed=seed)
        script.answer = rig.oracle(script)
        folder = rig.play(script)
        if seed == 1:
            path = folder.within(folder.notebook)
            path.write_bytes(path.read_bytes().replace(b"Brief", b"Grief"))
        if seed == 2:
            log = folder.events.read_bytes()
            folder.events.write_bytes(log.replace(b"tool_calls", b"tool_falls"))
    status = {s.instance.split(":")[-1]: (s.status, s.note) for s in scored(rig).values()}
    assert status["1"][0] == "invalid"
    assert "was changed after" in status["1"][1]
    assert status["2"][0] == "invalid"
    assert status["3"][0] == "scored"


def test_an_attempt_is_not_scored_against_the_key_of_another_brief(rig: Any) -> None:
    script = rig.script()
    script.answer = rig.oracle(script)
    public = rig.drawn(script).public
    unit = family(script.kind)
    text = briefed(unit, public, script.instance)
    schema = unit.answer(public).model_json_schema()
    script.brief_sha256 = brief_sha256(text.prompt, schema, text.files)
    rig.play(script)
    other = rig.script(n=2, answer=script.answer, brief_sha256="0" * 64)
    rig.play(other)
    scores = scored(rig)
    assert scores[str(script.instance), 1].ability == 1.0
    assert (scores[str(script.instance), 2].status) == "error"
    assert "another instance" in scores[str(script.instance), 2].note


def test_another_machines_secret_is_an_error_that_says_what_to_do(rig: Any) -> None:
    rig.play(rig.script())
    (rig.home / "secret.json").unlink()
    score = only(rig)
    assert (score.status, score.ability) == ("error", None)
    assert "proctor secret restore" in score.note


def test_an_answer_of_another_shape_in_the_notebook_is_no_answer(rig: Any) -> None:
    for seed, answer in enumerate([{"posterior": [0.5]}, "nonsense", [], {"posterior": None}]):
        rig.play(rig.script(seed=seed, answer=answer))
    for score in scored(rig).values():
        assert (score.status, score.validity, score.ability) == ("scored", 0, 0)


def test_scoring_twice_gives_the_same_bytes(rig: Any) -> None:
    for seed in range(3):
        script = rig.script(seed=seed, cells=[SOLVER])
        script.answer = rig.oracle(script) if seed else None
        rig.play(script)
    score_run(rig.run.path, rig.home)
    before = {name: (rig.run.path / "results" / name).read_bytes() for name in FILES}
    score_run(rig.run.path, rig.home)
    assert before == {name: (rig.run.path / "results" / name).read_bytes() for name in FILES}
    scores, summary = read_results(rig.run.path)
    assert len(scores) == summary["metrics"]["overall"]["n"] == 3


def test_an_open_attempt_of_a_dead_daemon_is_ended_and_in_error_not_zero(rig: Any) -> None:
    rig.play(rig.script(closed=False, cells=[SOLVER]))
    score = only(rig)
    assert (score.status, score.reason, score.ability) == ("error", "daemon_lost", None)
    assert "daemon was lost" in score.note


def test_an_open_attempt_that_had_answered_is_ended_and_scored(rig: Any) -> None:
    script = rig.script(closed=False, cells=[SOLVER])
    script.answer = rig.oracle(script)
    rig.play(script)
    score = only(rig)
    assert (score.status, score.reason, score.ability) == ("scored", "submitted", 1)


def test_a_kernel_that_could_not_be_started_is_an_error_not_a_zero(rig: Any) -> None:
    failed = (Kind.KERNEL_FAILED, KernelChange(reason="No memory is left for a kernel."))
    rig.play(rig.script(extra=[failed, failed]))
    result = score_run(rig.run.path, rig.home)
    (score,) = result.scores
    assert (score.status, score.ability, score.reason) == ("error", None, "finished")
    assert score.note.count("No memory is left") == 1
    assert result.summary["metrics"]["overall"]["n"] == 0
    assert result.summary["not_scored"][0]["note"] == score.note


def test_an_answer_given_in_spite_of_our_failure_counts(rig: Any) -> None:
    failed = (Kind.KERNEL_FAILED, KernelChange(reason="No memory is left for a kernel."))
    script = rig.script(extra=[failed])
    script.answer = rig.oracle(script)
    rig.play(script)
    score = only(rig)
    assert (score.status, score.ability) == ("scored", 1)


def test_results_of_a_big_run_are_read(rig: Any) -> None:
    rig.play(rig.script())
    score_run(rig.run.path, rig.home)
    path = rig.run.path / "results" / "scores.json"
    (score,) = json.loads(path.read_text())["scores"]
    score["flags"] = ["x" * 1000]
    path.write_text(json.dumps({"schema": 1, "scores": [score] * 5000}))
    assert path.stat().st_size > MAX_SMALL
    scores, _ = read_results(rig.run.path)
    assert len(scores) == 5000


def test_an_attempt_that_still_runs_is_left_alone(rig: Any) -> None:
    folder = rig.play(rig.script(closed=False))
    before = folder.events.read_bytes()
    with folder.events.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        result = score_run(rig.run.path, rig.home)
    assert result.scores == ()
    assert len(result.open) == 1
    assert folder.events.read_bytes() == before


def test_the_summary_has_every_promised_key(rig: Any) -> None:
    for seed in range(4):
        script = rig.script(seed=seed)
        script.answer = rig.oracle(script)
        rig.play(script)
    summary = score_run(rig.run.path, rig.home).summary
    family = summary["metrics"]["families"]["strategic/bayesian_games"]
    for group in (summary["metrics"]["overall"], family, family["presets"]["easy"]):
        assert group["n"] == 4
        for name in ("mean_score", "normalised_score", "pass_rate", "validity_rate"):
            assert group[name] == 1.0
            low, high = group["intervals"][name]
            assert low <= 1.0 <= high
    scale = family["presets"]["easy"]
    assert 0.4 < scale["floor"] < 0.9
    assert scale["ceiling"] == 1.0
    assert scale["floor_policy"] in TRUTHS.find("strategic/bayesian_games").policies
    assert summary["ranked"] is True
    assert summary["stamps"] == {"exam": 4}


def test_a_floor_that_is_not_shipped_is_estimated_once_and_kept(
    rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluators._floors.shipped", dict)
    rig.play(rig.script())
    score_run(rig.run.path, rig.home)
    (kept,) = (rig.home / "cache" / "floors").iterdir()
    changed = json.loads(kept.read_text()) | {"floor": 0.25}
    kept.write_text(json.dumps(changed))
    summary = score_run(rig.run.path, rig.home).summary
    assert summary["metrics"]["overall"]["normalised_score"] == pytest.approx(-1 / 3)
    kept.write_text("damaged")
    summary = score_run(rig.run.path, rig.home).summary
    assert summary["metrics"]["overall"]["normalised_score"] < -1 / 3


def test_files_planted_for_the_grader_change_nothing(
    rig: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = rig.script()
    script.answer = {"posterior": [1.0, 0.0, 0.0]}
    folder = rig.play(script)
    honest = only(rig)
    names = ("sitecustomize", "usercustomize", "conftest", "json", "numpy", "evaluators", "tasks")
    for place in (tmp_path, rig.run.path, folder.outputs, folder.path, rig.run.path / "notebooks"):
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            (place / f"{name}.py").write_text("raise SystemExit('graded by the cheater')")
    for name in ("score.json", "scores.json", "results/forged.json"):
        (rig.run.path / name).write_text('{"ability": 1.0}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "sitecustomize.py"))
    assert only(rig) == honest


def test_a_run_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError):
        score_run(tmp_path, tmp_path)
    with pytest.raises(RecordError, match="proctor score"):
        read_results(tmp_path)


def test_a_killed_scorer_leaves_a_run_that_can_be_scored(rig: Any) -> None:
    for seed in range(6):
        script = rig.script(seed=seed, cells=[SOLVER])
        script.answer = rig.oracle(script)
        rig.play(script)
    whole = score_run(rig.run.path, rig.home).summary
    results = rig.run.path / "results"
    code = (
        "import sys; from pathlib import Path; from evaluators import score_run\n"
        "tell = lambda done, total: print(done, flush=True)\n"
        "score_run(Path(sys.argv[1]), Path(sys.argv[2]), progress=tell)"
    )
    for stop_at in (0, 2, 5, 6):
        for path in results.iterdir():
            path.unlink()
        command = [sys.executable, "-c", code, str(rig.run.path), str(rig.home)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as scorer:
            assert scorer.stdout is not None
            while int(scorer.stdout.readline()) < stop_at:
                pass
            scorer.kill()
        for path in results.iterdir():
            if path.suffix == ".json" and not path.name.startswith("."):
                json.loads(path.read_text())
        assert score_run(rig.run.path, rig.home).summary == whole


def test_a_score_process_that_dies_or_hangs_costs_no_zero(rig: Any) -> None:
    script = rig.script()
    script.answer = rig.oracle(script)
    folder = rig.play(script)
    for limits in (ProcessLimits(wall_s=0.0), ProcessLimits(memory_mb=8), ProcessLimits(cpu_s=0)):
        with ScoreProcess(limits) as process:
            score = score_one(folder, rig.home, process)
        assert (score.status, score.ability, score.passed) == ("error", None, False)
        assert "The score process" in score.note
    with ScoreProcess() as process:
        assert score_one(folder, rig.home, process).ability == 1.0
        pid = process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        # The next request gets a fresh process.
        assert score_one(folder, rig.home, process).ability == 1.0


def test_the_score_process_can_write_no_file_and_inherits_nothing(
    rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROCTOR_TOKEN", "canary")
    with ScoreProcess() as process:
        with pytest.raises(EvaluatorError, match="KeyError"):
            process.ask({"what": "score"})
        about = Path(f"/proc/{process.pid}")
        assert b"canary" not in (about / "environ").read_bytes()
        assert (about / "cwd").readlink() == Path("/")
        limits = (about / "limits").read_text()
    (size,) = [line for line in limits.splitlines() if line.startswith("Max file size")]
    assert size.split()[3:5] == ["0", "0"]


@pytest.mark.parametrize("failure", ["the provider failed: 529", "the run's budget was reached"])
def test_what_another_than_the_agent_cut_short_is_invalid_with_the_reason_not_a_zero(
    rig: Any, failure: str
) -> None:
    place = rig.play(rig.script(cells=[SOLVER]))
    note = place.path / "played.json"
    note.write_text(json.dumps({"failure": ""}))
    assert only(rig).status == "scored"
    note.write_text(json.dumps({"failure": failure}))
    result = score_run(rig.run.path, rig.home)
    (score,) = result.scores
    assert (score.status, score.ability) == ("invalid", None)
    assert failure in score.note
    assert result.summary["metrics"]["overall"]["n"] == 0
    assert result.summary["not_scored"][0]["note"] == score.note
    note.write_text("[")
    assert only(rig).status == "invalid"


def test_an_answer_given_before_the_provider_failed_counts(rig: Any) -> None:
    script = rig.script()
    script.answer = rig.oracle(script)
    place = rig.play(script)
    (place.path / "played.json").write_text(json.dumps({"failure": "the provider failed: 529"}))
    score = only(rig)
    assert (score.status, score.ability) == ("scored", 1)
