"""Runs described in YAML: what the shapes mean, and what is said of a file that does not fit."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from runners._config import described
from runners._plan import sittings
from tasks import Split, UsageError

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "runners" / "configs").glob("*.yaml"))
PROCTOR = Path(sys.executable).parent / "proctor"
RUN = {"name": "x"}
MOCK = {"type": "mock", "behaviour": "random_valid"}
BAYES = [{"name": "bayesian_games", "num_tasks": 2}]


def written(folder: Path, **fields: Any) -> Path:
    path = folder / "config.yaml"
    whole = {"run": RUN, "agent": MOCK, "environments": BAYES, **fields}
    path.write_text(yaml.safe_dump({k: v for k, v in whole.items() if v is not None}))
    return path


def agent(folder: Path, **fields: Any) -> str:
    (name,) = described(written(folder, agent=fields)).config.agents
    return name


def refused(folder: Path, **fields: Any) -> str:
    with pytest.raises(UsageError) as caught:
        described(written(folder, **fields))
    return str(caught.value)


def proctor(*words: str | Path, env: dict[str, str] | None = None) -> Any:
    return subprocess.run(
        [PROCTOR, *words],
        capture_output=True,
        text=True,
        cwd="/",
        env=env,
        check=False,
        timeout=100,
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits_and_says_what_it_would_play(path: Path):
    found = described(path)
    assert sittings(found.config)
    assert str(found.config.name) in path.read_text()


def test_there_is_an_example_of_every_form():
    assert {path.stem for path in EXAMPLES} == {
        "eval", "comparison", "robustness", "leaderboard", "ladder",
    }  # fmt: skip


def test_an_eval_file(tmp_path: Path):
    run = {
        "name": "my run", "seed": 7, "output_dir": "out", "max_workers": 3, "repeat": 2,
        "split": "public", "budget_usd": 1.5, "engine": "ray", "address": "auto",
    }  # fmt: skip
    environments = [
        {"name": "auctions"},
        {"name": "strategic/hidden_regimes", "num_tasks": 1, "seed": 9, "preset": "hard"},
    ]
    found = described(written(tmp_path, run=run, environments=environments))
    assert (found.runs, found.concurrent, found.budget_usd) == (Path("out"), 3, 1.5)
    assert (found.engine, found.address) == ("ray", "auto")
    config = found.config
    assert (config.name, config.repeat, config.split) == ("my run", 2, Split.PUBLIC)
    plan = [sitting.instance for sitting in sittings(config) if sitting.n == 1]
    published = [one for one in plan if one.family == "strategic/v0/auctions"]
    assert [one.seed for one in published] == list(range(7, 27))  # 20, as published
    (ours,) = (one for one in plan if one.family == "strategic/hidden_regimes")
    assert (ours.seed, ours.preset) == (9, "hard")


def test_what_a_file_describes_is_the_same_for_a_resumed_run(tmp_path: Path):
    path = written(tmp_path)
    assert described(path).config == described(path).config


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"type": "solver"}, "solver"),
        ({"type": "reference"}, "reference"),
        ({"type": "mock"}, "mock:random_valid"),
        ({"type": "mock", "behaviour": "always_abstain", "seed": 3}, "mock:always_abstain+seed=3"),
        (
            {"type": "noisy_reference", "posterior_noise": 0.1, "action_error_rate": 0.25},
            "mock:noisy_reference+action_error_rate=0.25+posterior_noise=0.1",
        ),
        ({"type": "tool", "tool_policy": "reference"}, "tool_reference"),
        (
            {"type": "direct", "provider": "gemini", "model": "gemini-2.5-flash", "temperature": 0},
            "direct:google/gemini-2.5-flash+temperature=0",
        ),
        (
            {
                "type": "api", "provider": "openai_compatible", "model": "m", "max_retries": 3,
                "base_url": "http://127.0.0.1:9/v1", "api_key_env": "MY_KEY", "timeout_seconds": 60,
                "pricing": {"input_usd_per_1k": 0.0005, "output_usd_per_1m": 1.5},
            },
            "direct:openai-compatible/m+base_url=http://127.0.0.1:9/v1+key_env=MY_KEY"
            "+price=0.5:1.5+retries=2+timeout=60",
        ),
        (
            {"type": "tool", "provider": "anthropic", "model": "claude-haiku-4-5",
             "tool_max_steps": 3, "max_tokens": 512, "require_tool_first": True},
            "tool:anthropic/claude-haiku-4-5+max_tokens=512+require_tool_first=on+turns=3",
        ),
        ({"type": "cli", "name": "claude", "model": "scripted", "turns": 4},
         "claude:scripted+turns=4"),
        ({"type": "codex", "model": "scripted", "options": {"transport": "http"}},
         "codex:scripted+transport=http"),
        ({"type": "claude:scripted+turns=2"}, "claude:scripted+turns=2"),
    ],
)  # fmt: skip
def test_agents_have_our_names(tmp_path: Path, fields: dict[str, Any], name: str):
    assert agent(tmp_path, **fields) == name


def test_the_runs_word_on_caching_is_every_api_agents(tmp_path: Path):
    entries = [
        {"type": "direct", "provider": "openai", "model": "m"},
        {"type": "reflective", "provider": "openai", "model": "m", "options": {"cache": True}},
        "solver",
    ]
    run = {**RUN, "cache": False}
    found = described(written(tmp_path, run=run, agent=None, agents=entries))
    assert found.config.agents == (
        "direct:openai/m+cache=off", "reflective:openai/m+cache=on", "solver",
    )  # fmt: skip


def test_a_comparison_names_its_baseline(tmp_path: Path):
    entries = [{"type": "random", "name": "floor"}, {"type": "solver"}]
    path = written(tmp_path, agent=None, agents=entries, baseline_agent="floor")
    assert described(path).config.labels == {"baseline_agent": "random"}
    said = refused(tmp_path, agent=None, agents=entries, baseline_agent="flor")
    assert "'flor' names 0 of the agents" in said


def test_a_leaderboard_seats_every_model_in_every_manner(tmp_path: Path):
    models = [{"provider": "openai", "model": "a"}, {"provider": "anthropic", "model": "b"}]
    protocol = {"track": "strict-512", "tasks_per_environment": 2, "task_seeds": [123, 1123]}
    found = described(
        written(
            tmp_path, agent=None, models=models, agents=["direct", "tool"], protocol=protocol,
            environments=["auctions", {"name": "bayesian_games", "num_tasks": 1, "seed": 5}],
        )
    )  # fmt: skip
    assert found.config.agents == (
        "direct:openai/a", "tool:openai/a", "direct:anthropic/b", "tool:anthropic/b",
    )  # fmt: skip
    assert found.config.labels == {"track": "strict-512"}
    seeds = [(one.instance.family[13:], one.instance.seed) for one in sittings(found.config)]
    assert seeds == [
        ("auctions", 123), ("auctions", 124), ("auctions", 1123), ("auctions", 1124),
        ("bayesian_games", 5),
    ]  # fmt: skip


def test_robustness_lays_variants_beside_every_instance(tmp_path: Path):
    asked = {
        "variants_per_task": 3,
        "max_variants_per_task": 2,
        "variant_types": {"bayesian_games": ["paraphrase", "risk_pressure", "distractor_signal"]},
    }
    plan = sittings(described(written(tmp_path, robustness=asked)).config)
    assert [sitting.instance.variant for sitting in plan] == [
        "", "", "paraphrase", "risk_pressure", "paraphrase", "risk_pressure",
    ]  # fmt: skip
    off = {**asked, "enabled": False}
    assert len(sittings(described(written(tmp_path, robustness=off)).config)) == 2


def test_every_problem_is_told_at_once_with_its_path_and_the_nearest(tmp_path: Path):
    said = refused(
        tmp_path,
        run={"nam": "x", "seed": -1, "cache_path": "y"},
        agent={**MOCK, "posterior_nois": 1, "top_p": 0.5},
        environments=[{"name": "auctionz", "num_tasks": 0}, "bayesian_game"],
        robustness={"enable": True, "variant_types": {"auctions": ["parafrase"]}},
        reporting={"write_jsonl": False},
        agentz=1,
    )
    assert "has 13 problems" in said.splitlines()[0]
    for told in (
        "run.name: Field required",
        "run.nam: unknown. Did you mean name",
        "run.seed: Input should be greater than or equal to 0",
        "run.cache_path: not known here: responses are cached",
        "agent.posterior_nois: unknown. Did you mean posterior_noise",
        "agent.top_p: not known here",
        "environments[0].name: there is no environment 'auctionz'. Did you mean auctions",
        "environments[0].num_tasks: ",
        "environments[1].name: there is no environment 'bayesian_game'. Did you mean bayesian_game",
        "robustness.enable: unknown. Did you mean enabled",
        "robustness.variant_types: there is no variant type 'parafrase'. Did you mean paraphrase",
        "reporting.write_jsonl: ",
        "agentz: unknown. Did you mean agent",
    ):
        assert told in said


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"agent": None}, "needs one of `agent`, `agents`, `models`; got none"),
        ({"agents": ["solver"]}, "got agent and agents"),
        ({"agent": None, "agents": []}, "agents: "),
        ({"agent": None, "models": [{"model": "x"}], "agents": ["agentic"]}, "agents[0]: "),
        ({"manners": ["direct"]}, "there is no `manners`"),
        ({"agent": {"type": "solvr"}}, "agent: there is no agent type 'solvr'. Did you mean so"),
        ({"agent": {"type": "mock", "behaviour": "x"}}, "There is no mock agent 'x'"),
        ({"agent": {"type": "solver", "seed": 1}}, "the type solver takes no seed"),
        ({"agent": {"type": "direct", "turns": 2, "model": "m"}}, "direct takes no turns"),
        ({"agent": {"type": "direct"}}, "name it by `model`"),
        ({"agent": {"type": "cli", "model": "m"}}, "named by `name`"),
        ({"agent": {"type": "tool", "tool_policy": "x", "model": "m"}}, "tool_policy is `model`"),
        ({"agent": {"type": "claude:scripted+turn=2"}}, "Did you mean turns"),
        ({"agent": {"type": "codex", "options": {"base_url": "http://a+b"}}}, "no `+`"),
        ({"agent": {"type": "direct", "api_key": "sk-123"}}, "a key never stands in a file"),
        ({"agent": None, "agents": ["solver", "solver"]}, "stands twice"),
        ({"run": {**RUN, "budget_usd": 0}}, "run.budget_usd: "),
        ({"run": {**RUN, "allow_real_models": True}}, "on the command line alone"),
        ({"run": {**RUN, "split": "calibration"}}, "not played"),
        ({"environments": []}, "environments: "),
        ({"environments": [{"name": "circuits", "preset": "eazy"}]}, "no preset 'eazy'"),
        ({"protocol": {"track": "x"}}, "`protocol` belongs to a leaderboard"),
        ({"agent": {"type": "api", "model": "m", "pricing": {"input_usd_per_1k": 1}}}, "prices"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_told(tmp_path: Path, fields: dict[str, Any], told: str):
    said = refused(tmp_path, **fields)
    assert told in said
    assert "sk-123" not in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- run\n", "holds a list"),
        ("run: {name: x\n", "not valid YAML"),
        ("run: {name: x}\nrun: {name: y}\n", "'run' stands twice"),
        ("run: !!python/object/apply:os.system [id]\n", "not valid YAML"),
        ("a: " + "x" * (1 << 20), "longer than"),
    ],
)
def test_what_is_no_description_is_told(tmp_path: Path, text: str, told: str):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=told):
        described(path)


def test_what_cannot_be_read_is_told(tmp_path: Path):
    with pytest.raises(UsageError, match="No such file"):
        described(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"run: {name: \xe9}")
    with pytest.raises(UsageError, match="not UTF-8"):
        described(tmp_path / "latin.yaml")


def test_validate_config_shows_the_plan_and_calls_nobody(tmp_path: Path):
    done = proctor("validate-config", ROOT / "runners/configs/leaderboard.yaml", "--json")
    told = json.loads(done.stdout)
    assert told["attempts"] == 9 * len(told["families"]) * 80
    assert len(told["paid"]) == 9
    assert told["estimate"]["usd"] > 0
    assert (told["budget_usd"], told["labels"]) == (5.0, {"track": "strict-512"})
    wrong = proctor("validate-config", written(tmp_path, agent={"type": "solvr"}))
    assert wrong.returncode == 2
    assert "Did you mean solver" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.timeout(120)
def test_a_file_is_played_and_the_command_line_says_only_how(tmp_path: Path, shared_home: Path):
    env = {**os.environ, "PROCTOR_HOME": str(shared_home), "OMP_NUM_THREADS": "1"}
    path = written(tmp_path, run={**RUN, "output_dir": str(tmp_path / "said")})
    twice = proctor("run", path, "--seed", "3", env=env)
    assert twice.returncode == 2
    assert "--seed would say it again" in twice.stderr
    runs = tmp_path / "elsewhere"
    done = proctor("run", path, "--runs", runs, "--no-sandbox", "--json", env=env)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert (run["agent"], run["played"]) == ("mock:random_valid", 2)
    assert Path(run["folder"]).parent == runs
    assert Path(run["folder"]).name.startswith("x_mock-random-valid_")
    assert not (tmp_path / "said").exists()
