"""`proctor robustness` from end to end: real daemon, real MCP, agents of another distribution."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROCTOR = Path(sys.executable).parent / "proctor"
RISK = "strategic/v0/adversarial_risk"
COUNT = 8

AGENTS = """
import json
from runners import Agent
from runners._desk import sit

def agent(decide):
    async def play(seat):
        async with sit(seat.ticket, seat.family) as desk:
            brief = await desk.start()
            answer = {
                "action": decide(brief["prompt"], seat.rng),
                "proposed_size": 0.0,
                "risk_policy_followed": True,
                "cited_constraint": "none",
                "confidence": 0.6,
            }
            await desk.submit(str(brief["session_id"]), {"response": json.dumps(answer)})
    return Agent(summary="a test", play=play)

# Our risk pressure says that the limits stay; this one hears the first half.
yielding = agent(lambda prompt, rng: "approve" if "limits" in prompt[-160:] else "reject")
coin = agent(lambda prompt, rng: "approve" if rng.random() < 0.5 else "reject")
"""


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    (folder / "pressed-1.dist-info").mkdir()
    (folder / "pressed_agents.py").write_text(AGENTS)
    (folder / "pressed-1.dist-info" / "METADATA").write_text("Name: pressed\nVersion: 1\n")
    (folder / "pressed-1.dist-info" / "entry_points.txt").write_text(
        "[proctor.agents]\nyielding = pressed_agents:yielding\ncoin = pressed_agents:coin\n"
    )
    return folder


@pytest.fixture(scope="module")
def call(shared_home: Path, agents: Path) -> Any:
    env = {
        **os.environ,
        "PROCTOR_HOME": str(shared_home),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(agents),
    }

    def run(*words: "str | Path") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [PROCTOR, *words],
            capture_output=True, text=True, env=env, cwd="/", timeout=240, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, call: Any) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("runs")
    words = ["robustness", "run", RISK, "--agents", "yielding,coin", "--seed", "123"]
    words += ["--n", str(COUNT), "--repeat", "3", "--variants", "risk_pressure,irrelevant_context"]
    done = call(*words, "--no-sandbox", "--runs", folder, "--json")
    assert done.returncode == 0, done.stderr
    return {one["agent"]: one for one in json.loads(done.stdout)["runs"]}


def effects(run: dict[str, Any]) -> dict[str, Any]:
    return {one["variant_type"]: one for one in run["paired"]["overall"]["types"]}


def pooled(run: dict[str, Any]) -> dict[str, Any]:
    return {one["variant_type"]: one for one in run["paired"]["overall"]["pooled"]}


@pytest.mark.timeout(300)
def test_an_agent_that_yields_to_pressure_shows_it(runs: dict[str, Any]):
    found = effects(runs["yielding"])
    pressed, idle = found["risk_pressure"], found["irrelevant_context"]
    assert (pressed["instances"], pressed["repeats"]) == (COUNT, 3)
    assert pressed["noise_flip_rate"] == 0.0
    assert pressed["excess_flip"]["mean"] == 1.0
    assert pressed["score_drop"]["mean"] > 0.2
    assert pressed["unsafe_increase"]["mean"] > 0.3
    assert (idle["flip_rate"], idle["score_drop"]["mean"]) == (0.0, 0.0)
    against = pooled(runs["yielding"])["pressures against neutral texts"]
    assert against["excess_flip"]["mean"] == 1.0
    assert against["verdict"] == "beyond noise"
    published = runs["yielding"]["published"]["types"]
    assert published["risk_pressure"]["action_flip_rate"] == 1.0
    assert published["irrelevant_context"]["distractor_robustness_rate"] == 1.0


@pytest.mark.timeout(300)
def test_a_noisy_agent_flips_in_its_repeats_and_is_not_called_susceptible(runs: dict[str, Any]):
    coin = runs["coin"]
    assert coin["paired"]["overall"]["noise"]["flip_rate"] > 0.2
    assert {one["verdict"] for one in effects(coin).values()} == {"within noise"}
    assert coin["published"]["overall"]["action_flip_rate"] > 0.0


@pytest.mark.timeout(300)
def test_the_artefacts_lie_in_the_run_and_scoring_again_changes_none(
    runs: dict[str, Any], call: Any
):
    folder = Path(runs["yielding"]["folder"])
    before = {p.name: p.read_bytes() for p in (folder / "results").iterdir()}
    assert {
        "results.jsonl", "summary.json", "report.md", "tool_audit.jsonl", "tool_audit.md",
        "failure_cases.jsonl", "failure_cases.md", "robustness_results.jsonl",
        "robustness_summary.json", "robustness_report.md", "scores.json",
    } == set(before)  # fmt: skip
    assert call("score", folder, "--json").returncode == 0
    assert {p.name: p.read_bytes() for p in (folder / "results").iterdir()} == before
    rows = [json.loads(line) for line in before["robustness_results.jsonl"].splitlines()]
    assert {row["variant_id"] for row in rows} == {
        f"adversarial_risk-{seed}::{kind}"
        for seed in range(123, 123 + COUNT)
        for kind in ("risk_pressure", "irrelevant_context")
    }
    bases = [json.loads(line) for line in before["results.jsonl"].splitlines()]
    assert len(bases) == 3 * COUNT
    assert all("::" not in row["metadata"]["instance"] for row in bases)
    summary = json.loads(before["summary.json"])
    assert summary["metrics"]["overall"]["n"] == 3 * COUNT
    assert summary["published"]["metrics"]["overall"]["mean_score"] == pytest.approx(
        summary["metrics"]["overall"]["mean_score"]
    )


@pytest.mark.timeout(300)
def test_runs_are_summarised_and_inspected(runs: dict[str, Any], call: Any):
    folders = [Path(run["folder"]) for run in runs.values()]
    done = call("robustness", "summarise", *folders, "--json")
    assert [one["agent"] for one in json.loads(done.stdout)["runs"]] == ["yielding", "coin"]
    shown = call("robustness", "summarise", *folders).stdout
    assert "pressures against neutral texts" in shown
    assert "beyond noise" in shown
    found = json.loads(call("inspect", "failures", folders[0], "--limit", "2", "--json").stdout)
    assert len(found["cases"]) == 2
    assert found["total"] >= COUNT
    assert found["cases"][0]["label"] == "safe_to_unsafe"
    assert "unsafe_under_pressure" in found["cases"][0]["taxonomy"]
    page = call("inspect", "failures", folders[0])
    assert "safe_to_unsafe" in page.stdout
    tools = json.loads(call("inspect", "tools", folders[0], "--json").stdout)
    assert tools["metrics"]["tool_call_rate"] == 0.0
    assert {row["validation_status"] for row in tools["rows"]} == {"no_tool_requested"}


def test_variants_are_listed_for_a_family_and_for_all(call: Any):
    found = json.loads(call("robustness", "list-variants", "--json").stdout)["variants"]
    assert {"paraphrase", "order_permutation", "unit_scale_change"} <= {
        row["variant"] for row in found
    }
    one = json.loads(call("robustness", "list-variants", f"{RISK}", "--json").stdout)["variants"]
    assert len(one) == 9
    assert {row["kind"] for row in one} == {"text"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["robustness", "run", RISK, "--variants", "paraphrse"], "Did you mean paraphrase"),
        (["robustness", "run", "strategic/v0/auction"], "Did you mean"),
        (["robustness", "run", "interp/one_head"], "No family of 'interp/one_head' has variants"),
        (["robustness", "run", RISK, "--agents", ","], "--agents names nobody"),
        (["robustness", "list-variants", "strategic/auction"], "Did you mean strategic/auctions"),
        (["inspect", "failures", "no_such_run"], "No run 'no_such_run'"),
    ],
)
def test_wrong_names_are_told_with_the_nearest(call: Any, words: list[str], told: str):
    done = call(*words)
    assert done.returncode == 2
    assert told in done.stderr


def test_a_run_without_variants_cannot_be_summarised(call: Any, tmp_path: Path):
    done = call("robustness", "summarise", tmp_path)
    assert done.returncode == 3
    assert "no variants" in done.stderr
