"""Mock and tool-reference agents: their names, and a run of each through the real server."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runners._core import agent_named
from runners._published_draws import generator, random_valid
from tasks import InstanceId, UsageError
from tasks._record import AnswerAccepted, Calculation, RunFolder, ToolsListed, read_unverified

PROCTOR = Path(sys.executable).parent / "proctor"


def test_plain_mock_is_random_valid_and_all_are_diagnostic():
    for name in ("mock", "mock:random_valid", "mock:always_abstain", "mock:noisy_reference"):
        assert agent_named(name).diagnostic
    assert agent_named("mock").summary == agent_named("mock:random_valid").summary
    assert agent_named("mock:noisy_reference+posterior_noise=0.1+action_error_rate=0.2+seed=7")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mock:random_vaild", "Did you mean random_valid"),
        ("mock:noisy_reference+noise=1", "posterior_noise=…"),
        ("mock:noisy_reference+action_error_rate=2", "less than or equal to 1"),
        ("mock:random_valid+posterior_noise=1", "It takes seed=…"),
        ("mock:random_valid+seed", "seed"),
        ("mock:", "mock:always_abstain"),
    ],
)
def test_a_wrong_name_says_what_there_is(name: str, says: str):
    with pytest.raises(UsageError, match=says):
        agent_named(name)


def test_the_tool_reference_plays_the_published_form_alone():
    ready = agent_named("tool_reference").ready
    ready(["strategic/v0/auctions", "strategic/v0/market_making"])
    with pytest.raises(UsageError, match="not strategic/auctions"):
        ready(["strategic/v0/auctions", "strategic/auctions"])


AGENTS = (
    "mock:random_valid",
    "mock:always_abstain",
    "mock:noisy_reference+posterior_noise=0.3+seed=5",
    "tool_reference",
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, shared_home: Path) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("runs")
    words = ["run", "strategic/v0", "--agents", ",".join(AGENTS), "--seed", "123", "--n", "1"]
    done = subprocess.run(
        [PROCTOR, *words, "--no-sandbox", "--runs", str(folder), "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "PROCTOR_HOME": str(shared_home), "OMP_NUM_THREADS": "1"},
        cwd="/",
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {run["agent"]: run for run in json.loads(done.stdout)["runs"]}


def logs(run: dict[str, Any]) -> dict[str, list[Any]]:
    """The events' data of every attempt, by environment."""
    found: dict[str, list[Any]] = {}
    for attempt in RunFolder(Path(run["folder"])).attempts():
        events = read_unverified(attempt.events)
        opened: Any = events[0].data
        found[opened.family.rpartition("/")[2]] = [event.data for event in events]
    return found


def answers(run: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.loads(next(d.answer["response"] for d in data if isinstance(d, AnswerAccepted)))
        for name, data in logs(run).items()
    }


@pytest.mark.timeout(300)
def test_every_mock_agent_answers_every_task_and_is_never_ranked(runs: dict[str, Any]):
    for run in runs.values():
        assert (run["played"], run["failed"], run["unseen"]) == (6, 0, 0)
        assert run["summary"]["stamps"] == {"diagnostic": 6}
        assert len(answers(run)) == 6


def test_random_valid_answers_as_drawn(runs: dict[str, Any]):
    auction = InstanceId.parse("strategic/v0/auctions@1:published:public:223")
    drawn = random_valid("auctions", {"v_max": 1.0}, generator(auction))["expected_surplus"]
    answered = answers(runs["mock:random_valid"])["auctions"]["expected_surplus"]
    assert any(answered == pytest.approx(drawn * top, rel=1e-12) for top in (1, 10, 100))


def test_to_abstain_is_an_answer_in_one_environment_only(runs: dict[str, Any]):
    families = runs["mock:always_abstain"]["summary"]["metrics"]["families"]
    ability = {name.rpartition("/")[2]: part["mean_score"] for name, part in families.items()}
    assert {name for name, mean in ability.items() if mean > 0} == {"market_making"}


def test_a_noisy_reference_lands_below_the_reference(runs: dict[str, Any]):
    noisy = next(run for name, run in runs.items() if name.startswith("mock:noisy"))
    families = noisy["summary"]["metrics"]["families"]
    assert 0.3 < families["strategic/v0/bayesian_games"]["mean_score"] < 0.999


def test_the_tool_reference_calls_one_calculator_and_scores_as_the_reference(runs: dict[str, Any]):
    run = runs["tool_reference"]
    assert run["summary"]["metrics"]["overall"]["mean_score"] > 0.99
    for name, data in logs(run).items():
        (row,) = [one for one in data if isinstance(one, Calculation)]
        assert (row.status, row.error) == ("allowed", None), name
        (listed,) = [one for one in data if isinstance(one, ToolsListed)]
        assert listed.count == 25
    told = logs(run)
    for name, field in (("bayesian_games", "posterior"), ("auctions", "expected_surplus")):
        output = next(one.output for one in told[name] if isinstance(one, Calculation))
        assert output is not None
        assert answers(run)[name] == {field: output[field]}
