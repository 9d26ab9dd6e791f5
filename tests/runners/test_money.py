"""What a run may spend: shares of the budget, attempts that it cuts short, and going on."""

import json
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from runners._plan import EvalConfig
from runners._purse import LEAST_USD, Purse
from runners._seating import Terms
from runners._sitting import LocalEngine
from runners._suite import RunReport, Stage, run_suite
from tasks import UsageError

FAMILY = "strategic/bayesian_games"
TELLS = """
from runners._core import AgentReport
from tasks._record import AgentSetup, AgentUsage
hall.list_tools(seat.ticket.attempt)
seen.append(seat.usd)
cost, ending = {cost}, {ending!r}
setup = AgentSetup(program="p 1", settings={settings})
seat.tell(AgentReport(setup=setup, usage=AgentUsage(cost_usd=cost), ending=ending))
if not ending:
    await hall.submit(seat.ticket.attempt)
"""


def tells(cost: object, ending: str = "", settings: object = None) -> str:
    return TELLS.format(cost=cost, ending=ending, settings=settings or {})


def play(config: EvalConfig, hall: Any, runs: Path, **stage: Any) -> list[RunReport]:
    stage = {"terms": Terms(allow_real_models=True), "concurrent": 1, **stage}
    return anyio.run(run_suite, config, LocalEngine(hall), Stage(runs=runs, **stage))


def config(agents: str = "one", **fields: Any) -> EvalConfig:
    return EvalConfig(suite=FAMILY, agents=tuple(agents.split(",")), **fields)


def test_a_paid_agent_plays_only_where_that_was_allowed(plugins: Any, tmp_path: Path):
    plugins.install("one", tells(0.1), fields="paid=True")
    plugins.install("two", tells(0.1), fields="paid=True")
    with pytest.raises(UsageError, match=r"one and two would call .*--allow-real-models"):
        play(config("one,two"), plugins.hall, tmp_path / "runs", terms=Terms())
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("budget", [0, -1, float("nan")])
def test_a_budget_that_pays_for_nothing_is_refused(plugins: Any, tmp_path: Path, budget: float):
    plugins.install("one", tells(0.1), fields="paid=True")
    with pytest.raises(UsageError, match="more than 0"):
        play(config(), plugins.hall, tmp_path / "runs", budget_usd=budget)
    assert not (tmp_path / "runs").exists()


def test_no_attempt_is_opened_once_the_budget_is_reached_and_a_higher_one_goes_on(
    plugins: Any, tmp_path: Path
):
    one = plugins.install("one", tells(0.4), fields="paid=True")
    (report,) = play(config(n=5), plugins.hall, tmp_path / "runs", budget_usd=1.0)
    assert one.seen == pytest.approx([1.0, 0.6, 0.2])
    assert (report.played, report.unplayed, report.out_of_money) == (3, 2, True)
    assert report.spent_usd == pytest.approx(1.2)
    (same,) = play(config(n=5), plugins.hall, tmp_path / "runs", budget_usd=1.2)
    assert (same.folder, same.kept, same.played, same.unplayed) == (report.folder, 3, 0, 2)
    (rest,) = play(config(n=5), plugins.hall, tmp_path / "runs", budget_usd=3)
    assert (rest.kept, rest.played, rest.out_of_money) == (3, 2, False)
    assert one.seen[3:] == pytest.approx([1.8, 1.4])
    assert rest.spent_usd == pytest.approx(2.0)


def test_a_free_agent_plays_on_when_the_budget_is_reached(plugins: Any, tmp_path: Path):
    plugins.install("one", tells(1.0), fields="paid=True")
    two = plugins.install("two", tells(0.0))
    paid, free = play(config("one,two", n=3), plugins.hall, tmp_path / "runs", budget_usd=1)
    assert (paid.played, paid.unplayed) == (1, 2)
    assert (free.played, free.unplayed, free.out_of_money) == (3, 0, False)
    assert two.seen == [None] * 3


def test_without_a_budget_there_is_no_share(plugins: Any, tmp_path: Path):
    one = plugins.install("one", tells(9.0), fields="paid=True")
    (report,) = play(config(n=2), plugins.hall, tmp_path / "runs")
    assert one.seen == [None, None]
    assert report.spent_usd == pytest.approx(18)


def test_what_nobody_can_price_counts_as_all_it_might_have_cost(plugins: Any, tmp_path: Path):
    one = plugins.install("one", tells(None), fields="paid=True")
    (report,) = play(config(n=2), plugins.hall, tmp_path / "runs", budget_usd=1)
    assert one.seen == [1.0]
    assert (report.unpriced, report.unplayed) == (1, 1)
    (again,) = play(config(n=2), plugins.hall, tmp_path / "runs", budget_usd=1)
    assert (again.played, again.unplayed) == (0, 1)


def test_an_attempt_that_the_run_cut_short_is_no_zero_and_is_played_again(
    plugins: Any, tmp_path: Path
):
    one = plugins.install("one", tells(0.5, "money"), fields="paid=True")
    (report,) = play(config(), plugins.hall, tmp_path / "runs", budget_usd=0.5)
    assert (report.played, report.broken, report.cut_by_budget, report.retried) == (1, 1, 1, 0)
    assert report.out_of_money
    (note,) = report.folder.glob("attempts/*/*/played.json")
    assert "budget was reached" in json.loads(note.read_text())["failure"]
    (again,) = play(config(), plugins.hall, tmp_path / "runs", budget_usd=2)
    assert again.folder == report.folder
    assert (again.kept, again.played) == (0, 1)
    assert one.seen == [0.5, 1.5]
    assert again.spent_usd == pytest.approx(1.0)
    assert len(list(report.folder.glob("cut/*/*/attempt/played.json"))) == 1


def test_an_agent_at_its_own_limit_has_ended_by_itself(plugins: Any, tmp_path: Path):
    plugins.install("one", tells(0.3, "money", {"usd": 0.3}), fields="paid=True")
    (report,) = play(config(), plugins.hall, tmp_path / "runs", budget_usd=5)
    assert (report.broken, report.out_of_money) == (0, False)
    (note,) = report.folder.glob("attempts/*/*/played.json")
    assert json.loads(note.read_text())["ending"] == "money"


def test_a_second_chance_has_what_the_first_one_left(plugins: Any, tmp_path: Path):
    one = plugins.install("one", tells(0.3, "provider"), fields="paid=True")
    (report,) = play(config(), plugins.hall, tmp_path / "runs", budget_usd=1)
    assert one.seen == pytest.approx([1.0, 0.7])
    assert (report.retried, report.broken) == (1, 1)
    assert report.spent_usd == pytest.approx(0.6)
    first = plugins.install("two", tells(0.995, "provider"), fields="paid=True")
    (report,) = play(config("two"), plugins.hall, tmp_path / "runs", budget_usd=1)
    assert len(first.seen) == 1  # half a cent is too little for another
    assert report.retried == 0


def test_a_killed_attempt_has_cost_what_its_agent_told(plugins: Any, tmp_path: Path):
    dies = "if len(seen) == 1: raise type('Killed', (BaseException,), {})"
    killed = tells(0.7).replace("    await hall.submit", f"    {dies}\n    await hall.submit")
    one = plugins.install("one", killed, fields="paid=True")
    with pytest.raises(BaseExceptionGroup):
        play(config(), plugins.hall, tmp_path / "runs", budget_usd=2)
    (report,) = play(config(), plugins.hall, tmp_path / "runs", budget_usd=2)
    assert one.seen == pytest.approx([2.0, 1.3])
    assert report.spent_usd == pytest.approx(1.4)


def test_what_is_under_way_never_adds_up_to_more_than_the_budget():
    spent: list[float] = []
    held: list[float] = []

    async def one(purse: Purse, cost: float) -> None:
        share = await purse.take()
        if share is None:
            return
        held.append(share)
        assert sum(held) + sum(spent) <= 1 + 1e-9
        await anyio.lowlevel.checkpoint()
        held.remove(share)
        spent.append(min(cost, share))
        await purse.give_back(share, spent[-1])

    async def main() -> None:
        purse, places = Purse(1.0, 3, 9), anyio.CapacityLimiter(3)

        async def worker(cost: float) -> None:
            async with places:
                await one(purse, cost)

        async with anyio.create_task_group() as tasks:
            for cost in (0.05, 0.5, 0.1, 0.01, 0.02, 0.4, 0.3, 0.3, 0.3):
                tasks.start_soon(worker, cost)

    anyio.run(main)
    assert len(spent) >= 6
    assert 1 - LEAST_USD <= sum(spent) <= 1 + 1e-9


def test_one_attempt_alone_has_the_whole_budget(plugins: Any, tmp_path: Path):
    one = plugins.install("one", tells(0.1), fields="paid=True")
    play(config(), plugins.hall, tmp_path / "runs", budget_usd=4, concurrent=8)
    assert one.seen == [4.0]
