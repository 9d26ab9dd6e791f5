"""Adaptive runs: what is asked, when it stops, and that the same command goes on."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from evaluators.irt._examiner import BankExaminer
from evaluators.irt._fitting import fit
from evaluators.irt._responses import table_of
from evaluators.irt._saving import write_fit
from proctor import Rooms
from runners import EvalConfig, Options, evaluate
from runners._adaptive import Exam, fingerprint
from runners._cli import from_bank
from runners._plan import Adaptive
from runners._seating import Terms
from runners._sitting import LocalEngine
from runners._suite import RunReport, Stage, run_suite
from tasks import RecordError, UnknownUnitError, UsageError

PROCTOR = Path(sys.executable).parent / "proctor"
FAMILY = "strategic/bayesian_games"
PRESETS = ("easy", "medium", "hard", "expert")
SITS = "hall.list_tools(seat.ticket.attempt)\nawait hall.submit(seat.ticket.attempt)"

GATE = """
import asyncio, os
from pathlib import Path
from runners import Agent
from runners._desk import sit

async def play(seat):
    async with sit(seat.ticket, seat.family) as desk:
        brief = await desk.start()
        ended = list(seat.folder.parents[1].glob("*/*/played.json"))
        if len(ended) == 1 and "GATE" in os.environ:
            with open(os.environ["GATE"], "w") as gate:
                gate.write("here")
            await desk.execute(brief["session_id"], "import time; time.sleep(100)")
        await desk.finish(brief["session_id"])

agent = Agent(summary="stops at a gate in its second attempt", play=play)
"""


def instances(seeds: int) -> list[str]:
    return [f"{FAMILY}@2:{p}:private:{seed}" for p in PRESETS for seed in range(1, seeds + 1)]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 2PL bank of three instances of each preset, harder from preset to preset."""
    rng = np.random.default_rng(1)
    items = instances(3)
    difficulty = np.repeat([-1.5, -0.5, 0.5, 1.5], 3)
    theta = rng.normal(size=(60, 1))
    wide = (rng.random((60, 12)) < 1 / (1 + np.exp(-2 * (theta - difficulty)))).astype(float)
    folder = tmp_path_factory.mktemp("bank")
    fitted = fit(table_of([f"agent {i}" for i in range(60)], items, wide), "2pl")
    write_fit(fitted, folder, asked={"score": "passed"})
    return folder


def asked(bank: Path, **limits: Any) -> Adaptive:
    return Adaptive(bank=str(bank), bank_sha256=fingerprint(bank), **limits)


def config(bank: Path, n: int = 3, agents: tuple[str, ...] = ("one",), **limits: Any) -> EvalConfig:
    return EvalConfig(
        suite=FAMILY, agents=agents, preset="all", n=n, adaptive=asked(bank, **limits)
    )


class Paper:
    """Plays on paper: real records, real bank; a score that was thought up."""

    def __init__(self, hall: Any, runs: Path) -> None:
        self.hall, self.runs, self.status = hall, runs, "scored"
        self.passed: tuple[str, ...] = PRESETS
        """Presets that are passed."""

    def score(self, run: Path, slug: str, n: int) -> Mapping[str, Any]:
        passed = slug.split("%3A")[1] in self.passed
        return {"status": self.status, "passed": passed, "ability": 0.5}

    def play(self, config: EvalConfig, **stage: Any) -> list[RunReport]:
        assert config.adaptive is not None
        examiner = BankExaminer.of(Path(config.adaptive.bank), config.adaptive.rule)
        exam = Exam(config.adaptive, examiner, self.score)
        asked: dict[str, Any] = {"concurrent": 1, **stage}
        found = Stage(runs=self.runs, **asked)
        return anyio.run(run_suite, config, LocalEngine(self.hall), found, exam)


@pytest.fixture
def paper(plugins: Any, tmp_path: Path) -> Paper:
    for name in ("one", "two"):
        plugins.install(name, SITS)
    return Paper(plugins.hall, tmp_path / "runs")


def told(report: RunReport) -> dict[str, Any]:
    return json.loads((report.folder / "adaptive.json").read_text())


def test_an_agent_is_asked_until_its_ability_is_known_well_enough(paper: Paper, bank: Path):
    paper.passed = ("easy", "medium")
    (report,) = paper.play(config(bank, target_se=0.55))
    verdict = report.verdict
    assert verdict is not None
    assert verdict.final
    assert verdict.se <= 0.55
    assert verdict.asked == report.played < 12
    assert "as was asked" in verdict.reason
    history = told(report)["asked"]
    assert [one["se"] for one in history] == sorted([one["se"] for one in history], reverse=True)
    assert history[-2]["se"] > 0.55
    assert len({one["instance"] for one in history}) == len(history)
    assert (report.unplayed, report.out_of_money) == (0, False)


def test_the_strong_are_asked_otherwise_than_the_weak(paper: Paper, bank: Path):
    paper.passed = PRESETS
    (strong,) = paper.play(config(bank, max_items=4))
    paper.passed = ()
    (weak,) = paper.play(config(bank, max_items=4, agents=("two",)))
    assert "expert" in told(strong)["asked"][-1]["instance"]
    assert "easy" in told(weak)["asked"][-1]["instance"]
    assert strong.verdict is not None
    assert weak.verdict is not None
    assert strong.verdict.theta > weak.verdict.theta
    assert "as many as it may be" in strong.verdict.reason


def test_only_what_suite_and_bank_have_in_common_is_asked_and_the_rest_is_told(
    paper: Paper, bank: Path
):
    (report,) = paper.play(config(bank, n=5, target_se=0.01))
    assert report.verdict is not None
    assert (report.verdict.asked, report.verdict.of) == (12, 12)
    assert "Nothing is left" in report.verdict.reason
    assert {one["instance"] for one in told(report)["asked"]} == set(instances(3))
    assert len(told(report)["not_in_bank"]) == 8
    assert any("8 instances of the suite are not in the bank" in w for w in report.warnings)


def test_agents_side_by_side_are_asked_in_batches_without_repeats(paper: Paper, bank: Path):
    reports = paper.play(config(bank, agents=("one", "two"), max_items=5), concurrent=4)
    for report in reports:
        history = told(report)["asked"]
        assert report.verdict is not None
        assert len({one["instance"] for one in history}) == report.verdict.asked == 5
        assert history[0]["se"] == history[1]["se"], "two were asked at once"
        assert history[1]["se"] != history[2]["se"]


def test_what_was_answered_counts_when_the_same_command_goes_on(
    paper: Paper, bank: Path, plugins: Any
):
    plugins.install(
        "three",
        f"""
        {SITS.splitlines()[0]}
        if len(hall.requests) == 3 and not seen:
            seen.append(seat)
            raise type('Killed', (BaseException,), {{}})
        await hall.submit(seat.ticket.attempt)
        """,
    )
    cut = config(bank, agents=("three",), max_items=5)
    with pytest.raises(BaseExceptionGroup):
        paper.play(cut)
    (folder,) = paper.runs.glob("*_three_*")
    before = json.loads((folder / "adaptive.json").read_text())
    assert (before["final"], len(before["asked"])) == (False, 2)
    (again,) = paper.play(cut)
    assert again.folder == folder
    assert (again.kept, again.played) == (2, 3)
    assert told(again)["asked"][:2] == before["asked"]
    (straight,) = paper.play(config(bank, agents=("one",), max_items=5))
    assert [one["instance"] for one in told(again)["asked"]] == [
        one["instance"] for one in told(straight)["asked"]
    ]
    (new,) = paper.play(cut)
    assert new.folder != folder, "that exam was over: the same command begins another"


def test_an_attempt_that_tells_nothing_is_no_answer_and_is_not_asked_again(
    paper: Paper, bank: Path
):
    paper.status = "invalid"
    (report,) = paper.play(config(bank, n=1, target_se=0.3))
    assert report.verdict is not None
    assert (report.verdict.asked, report.played) == (0, 4)
    assert len(told(report)["set_aside"]) == 4


def test_a_reached_budget_leaves_the_exam_open(paper: Paper, bank: Path, plugins: Any):
    costs = "AgentReport(setup=AgentSetup(program='p'), usage=AgentUsage(cost_usd=0.01))"
    imports = (
        "from runners._core import AgentReport\nfrom tasks._record import AgentSetup, AgentUsage"
    )
    plugins.install("rich", f"{imports}\nseat.tell({costs})\n{SITS}", fields="paid=True")
    stage = {"budget_usd": 0.025, "terms": Terms(allow_real_models=True)}
    (report,) = paper.play(config(bank, agents=("rich",), max_items=6), **stage)
    assert report.verdict is not None
    assert (report.verdict.final, report.out_of_money) == (False, True)
    assert "budget" in report.verdict.reason
    assert report.played < 6
    (more,) = paper.play(
        config(bank, agents=("rich",), max_items=6), **{**stage, "budget_usd": 9.0}
    )
    assert more.folder == report.folder
    assert more.verdict is not None
    assert (more.verdict.final, more.verdict.asked) == (True, 6)


def test_run_json_says_what_was_asked_and_promises_no_number(paper: Paper, bank: Path):
    (report,) = paper.play(config(bank, max_items=2))
    run = json.loads((report.folder / "run.json").read_text())
    assert run["asked"]["adaptive"]["bank_sha256"] == fingerprint(bank)
    assert run["asked"]["adaptive"]["max_items"] == 2
    assert run["planned"] is None


def refused(config: EvalConfig, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        evaluate(config, Options(**options), Rooms())
    return str(caught.value)


def test_what_makes_no_sense_is_refused_before_anything_starts(bank: Path, tmp_path: Path):
    solver = config(bank, agents=("ladder:14",), max_items=2)
    assert "--repeat" in refused(solver.model_copy(update={"repeat": 2}), runs=tmp_path)
    assert "--engine ray" in refused(solver, engine="ray", runs=tmp_path)
    rule = solver.model_copy(update={"adaptive": asked(bank, rule="infomation")})
    with pytest.raises(UnknownUnitError, match="Did you mean information"):
        evaluate(rule, Options(runs=tmp_path), Rooms())
    assert list(tmp_path.iterdir()) == []


def test_a_suite_that_the_bank_does_not_know_is_refused(paper: Paper, bank: Path):
    strange = config(bank, max_items=2).model_copy(update={"seed": 100})
    with pytest.raises(UsageError, match="knows none of the 12 instances"):
        paper.play(strange)


def test_a_bank_must_say_its_score(bank: Path, tmp_path: Path):
    saved = json.loads((bank / "fit.json").read_text())
    saved["asked"] = {}
    (tmp_path / "fit.json").write_text(json.dumps(saved))
    with pytest.raises(UsageError, match="does not say to which score"):
        BankExaminer.of(tmp_path, "information")
    (tmp_path / "fit.json").write_text("{}")
    with pytest.raises(RecordError):
        BankExaminer.of(tmp_path, "information")


def test_options_of_an_adaptive_run_ask_for_a_bank(bank: Path, tmp_path: Path):
    plain = EvalConfig(suite=FAMILY, agents=("nop",))
    none = {"target_se": None, "max_items": None, "rule": "information"}
    assert from_bank(plain, None, none) == plain
    with pytest.raises(UsageError, match="--target-se is for an adaptive run"):
        from_bank(plain, None, {**none, "target_se": 0.2})
    with pytest.raises(UsageError, match="above 0"):
        from_bank(plain, bank, {**none, "target_se": -1.0})
    with pytest.raises(UsageError, match="holds no bank"):
        from_bank(plain, tmp_path, none)
    found = from_bank(plain, bank, none).adaptive
    assert found is not None
    assert (found.target_se, found.max_items) == (0.3, None)


def command(folder: Path, home: Path, bank: Path, *words: str, **env: str) -> list[Any]:
    family = ["run", FAMILY, "--preset", "all", "--n", "3", "--adaptive", str(bank)]
    run = [PROCTOR, *family, *words, "--no-sandbox", "--runs", str(folder / "runs"), "--json"]
    return [run, {**os.environ, "PROCTOR_HOME": str(home), "OMP_NUM_THREADS": "1", **env}]


@pytest.mark.timeout(300)
def test_real_agents_at_a_real_daemon_are_told_apart(bank: Path, tmp_path: Path, shared_home: Path):
    words = ("--agents", "ladder:2,ladder:14", "--max-items", "3")
    run, env = command(tmp_path, shared_home, bank, *words)
    done = subprocess.run(
        run, env=env, capture_output=True, text=True, cwd="/", timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    guesser, solver = json.loads(done.stdout)["runs"]
    for one in (guesser, solver):
        assert (one["played"], one["unplayed"]) == (3, 0)
        assert (one["adaptive"]["asked"], one["adaptive"]["final"]) == (3, True)
        assert one["summary"]["metrics"]["overall"]["n"] == 3
    assert solver["adaptive"]["theta"] > guesser["adaptive"]["theta"] + 0.5
    answers = json.loads((Path(solver["folder"]) / "adaptive.json").read_text())["asked"]
    assert [one["mark"] for one in answers] == [1.0, 1.0, 1.0]


@pytest.mark.timeout(300)
def test_a_killed_adaptive_run_goes_on_where_it_was(bank: Path, tmp_path: Path, shared_home: Path):
    plugin = tmp_path / "plugin"
    (plugin / "gate-1.dist-info").mkdir(parents=True)
    (plugin / "gate_agent.py").write_text(GATE)
    (plugin / "gate-1.dist-info" / "METADATA").write_text("Name: gate\nVersion: 1\n")
    (plugin / "gate-1.dist-info" / "entry_points.txt").write_text(
        "[proctor.agents]\ngate = gate_agent:agent\n"
    )
    words = ("--agents", "gate", "--max-items", "2", "--concurrent", "1")
    run, env = command(tmp_path, shared_home, bank, *words, PYTHONPATH=str(plugin))
    os.mkfifo(tmp_path / "gate")
    reader = os.open(tmp_path / "gate", os.O_RDONLY | os.O_NONBLOCK)
    runner = subprocess.Popen(
        run,
        env={**env, "GATE": str(tmp_path / "gate")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    try:
        assert select.select([reader], [], [], 200)[0], "the agent never came to the gate"
    finally:
        runner.kill()
        runner.communicate()
        os.close(reader)
    (note,) = tmp_path.glob("runs/*/adaptive.json")
    before = json.loads(note.read_text())
    assert (len(before["asked"]), before["final"]) == (1, False)
    done = subprocess.run(
        run, env=env, capture_output=True, text=True, cwd="/", timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    (again,) = json.loads(done.stdout)["runs"]
    assert (again["kept"], again["played"], again["adaptive"]["asked"]) == (1, 1, 2)
    assert json.loads(note.read_text())["asked"][0] == before["asked"][0]
