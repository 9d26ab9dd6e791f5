"""A run as people see it: the yes before it costs, live progress, the closing report, the code."""

import io
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from rich.console import Console

from runners._conduct import OUT_OF_MONEY, bounded, conduct, ended
from runners._evaluation import Options, Results, Scored
from runners._live import progress_bar
from runners._plan import EvalConfig, sittings
from runners._report import show
from runners._suite import RunReport, Step
from tasks import UsageError

FAMILY = "strategic/bayesian_games"
SITS = "hall.list_tools(seat.ticket.attempt)\nawait hall.submit(seat.ticket.attempt)"
PAYS = f"""
from runners._core import AgentReport
from tasks._record import AgentSetup, AgentUsage
seat.tell(AgentReport(setup=AgentSetup(), usage=AgentUsage(cost_usd=0.01)))
{SITS}"""
CAVEAT = "few"


@dataclass
class PaperRooms:
    """The other rooms: a hall without kernels, and a scorer that says what it was told."""

    hall: Any
    status: str = "scored"
    flags: list[str] = field(default_factory=list[str])
    started: list[str] = field(default_factory=list[str])

    def start_daemon(self, runs: Path, sandbox: str) -> bool:
        self.started.append("daemon")
        return False

    def stop_daemon(self) -> None:
        raise AssertionError("it was running before")

    @asynccontextmanager
    async def open_hall(self) -> AsyncGenerator[Any]:
        yield self.hall

    def secret(self) -> str:
        raise AssertionError("no node asks for it")

    def examiner(self, bank: Path, rule: str) -> Any:
        raise AssertionError("nobody asks for an adaptive run")

    def scorer(self) -> Any:
        raise AssertionError("nobody asks for an adaptive run")

    def score(self, run: Path) -> None:
        results = run / "results"
        results.mkdir(exist_ok=True)
        score = {
            "status": self.status, "flags": self.flags, "note": "the provider failed: 529",
            "instance": "i", "n": 1, "notebook": "n.ipynb",
        }  # fmt: skip
        (results / "scores.json").write_text(json.dumps({"scores": [score]}))
        overall = {"mean_score": 0.25, "pass_rate": 0.5}
        summary = {"metrics": {"overall": overall}, "caveats": [CAVEAT]}
        (results / "summary.json").write_text(json.dumps(summary))

    def rows(self, runs: Sequence[Path]) -> Sequence[Mapping[str, Any]]:
        return []

    def versions(self) -> Mapping[str, str]:
        return {"proctor": "x"}

    def brief(self, name: str, preset: str | None, seed: int) -> Any:
        return SimpleNamespace(prompt="x" * 4000)


def config(agents: str = "one", **fields: Any) -> EvalConfig:
    return EvalConfig(suite=FAMILY, agents=tuple(agents.split(",")), **fields)


def options(tmp_path: Path, **more: Any) -> Options:
    return Options(runs=tmp_path / "runs", **more)


@pytest.fixture
def tty(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Somebody at the keyboard, who says this."""

    def says(text: str) -> None:
        keyboard = io.StringIO(text)
        keyboard.isatty = lambda: True
        monkeypatch.setattr("sys.stdin", keyboard)

    return says


def test_what_costs_money_is_told_and_waits_for_a_yes(
    plugins: Any, tmp_path: Path, tty: Any, capsys: pytest.CaptureFixture[str]
):
    fields = "paid=True, model='anthropic:claude-haiku-4-5', calls=4, max_output=100"
    plugins.install("one", PAYS, fields=fields)
    rooms = PaperRooms(plugins.hall)
    asked = options(tmp_path, allow_real_models=True, budget_usd=2)
    tty("n\n")
    with pytest.raises(typer.Exit) as left:
        conduct(config(n=3), asked, rooms)
    assert left.value.exit_code == 1
    said = capsys.readouterr().err
    assert "USD at most: 0.0" in said
    assert "stops at $2.00" in said
    assert rooms.started == []
    assert not (tmp_path / "runs").exists()
    tty("y\n")
    assert conduct(config(n=3), asked, rooms).of("one").report.played == 3


def test_where_nobody_can_say_yes_it_must_be_said_beforehand(
    plugins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plugins.install("one", SITS, fields="paid=True")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    rooms = PaperRooms(plugins.hall)
    asked = options(tmp_path, allow_real_models=True)
    with pytest.raises(UsageError, match="--yes"):
        conduct(config(), asked, rooms)
    assert conduct(config(), asked, rooms, yes=True).mean_score == 0.25


def test_free_agents_ask_nobody(plugins: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plugins.install("one", SITS)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert ended(conduct(config(), options(tmp_path), PaperRooms(plugins.hall))) == 0


def test_a_run_without_a_bound_says_so():
    assert "--budget-usd" in bounded(None)


def test_results_of_one_agent_are_asked_directly_and_of_several_by_name(
    plugins: Any, tmp_path: Path
):
    for name in ("one", "two"):
        plugins.install(name, SITS)
    rooms = PaperRooms(plugins.hall)
    alone = conduct(config(), options(tmp_path), rooms)
    assert (alone.mean_score, alone.pass_rate) == (0.25, 0.5)
    both = conduct(config("one,two"), options(tmp_path), rooms)
    assert [one.report.agent for one in both] == ["one", "two"]
    assert (both.of("two").mean_score, both[0].pass_rate) == (0.25, 0.5)
    with pytest.raises(UsageError, match=r'2 agents played \(one, two\).*of\("one"\).mean_score'):
        _ = both.mean_score
    with pytest.raises(UsageError, match="Did you mean two"):
        both.of("tow")


def scored(report: dict[str, Any], scores: list[dict[str, Any]]) -> Scored:
    facts: dict[str, Any] = {"agent": "one", "folder": Path("runs/x"), "played": 4}
    facts |= {"kept": 0, "failed": 0, "unseen": 0, "broken": 0, **report}
    return Scored(RunReport(**facts), {"caveats": [CAVEAT]}, scores)


def score(status: str = "scored", flags: Sequence[str] = (), note: str = "") -> dict[str, Any]:
    return {
        "status": status,
        "flags": list(flags),
        "note": note,
        "notebook": "n.ipynb",
        "instance": "i",
        "n": 1,
    }


def test_the_closing_report_keeps_cheats_and_invalid_attempts_apart():
    one = scored(
        {"retried": 2, "spent_usd": 1.5, "unplayed": 3, "unpriced": 1, "broken": 1,
         "warnings": ("different tools",)},
        [
            score(), score(), score(flags=["read a key"]),
            score("invalid", note="the provider failed: 529"),
            score("invalid", note="the provider failed: 529"),
            score("error", flags=["ignored"], note="no kernel"),
        ],
    )  # fmt: skip
    assert one.cheat_rate == pytest.approx(1 / 3)
    out = io.StringIO()
    show([one], [], Console(file=out, width=160))
    said = out.getvalue()
    for told in (
        "4 played, 2 retried, 1 not counted, to be played again, 3 not begun: the budget is reach",
        "$1.50 spent, 1 whose cost nobody knows",
        "different tools",
        "3 of 6 tell nothing of it:",
        "2 times: the provider failed: 529",
        "1 times: no kernel",
        "(cheat rate 0.33)",
        "read a key",
        f"note: {CAVEAT}",
    ):
        assert told in said
    told = one.as_json()
    assert (told["invalid"], told["retried"], told["out_of_money"]) == (3, 2, True)


def test_nobody_scored_has_no_cheat_rate():
    assert scored({}, [score("invalid")]).cheat_rate is None


@pytest.mark.parametrize(
    ("report", "code"),
    [
        ({}, 0),
        ({"unseen": 1}, 1),
        ({"unplayed": 1}, OUT_OF_MONEY),
        ({"broken": 1, "cut_by_budget": 1, "unseen": 1}, OUT_OF_MONEY),
    ],
)
def test_how_it_ended_is_the_exit_code(report: dict[str, Any], code: int):
    assert ended(Results([scored(report, [score()])])) == code


def test_live_progress_has_a_line_an_agent():
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system=None)
    first, second = sittings(config(n=2))
    with progress_bar(console) as tell:
        tell(Step("one[2]", "found", None, 0, 2))
        tell(Step("two", "found", None, 1, 2))
        tell(Step("one[2]", "begun", first, 0, 2))
        tell(Step("one[2]", "begun", second, 0, 2))
        tell(Step("one[2]", "ended", first, 1, 2, 0.75, error="provider [529]"))
    said = out.getvalue()
    assert "provider [529]" in said
    last = said[said.rindex("one[2]") :]
    assert "1/2" in last
    assert "$0.75" in last
    assert "1 failed" in last
    assert ":2 #1" in last
    assert ":1 #1" not in last
