"""check-provider and estimate, by their commands; and what importing us does not load."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from runners._estimate import CHARS, OUTPUT, STEPS, estimate
from runners._plan import EvalConfig
from runners._providers_cli import app
from tasks import Brief, InstanceId, UsageError

PLANTED = "sk-planted-90c3"
BAYES, CONTROL = "strategic/bayesian_games", "strategic/information_control"
PROMPT = "x" * 4_001


def prompt_of(instance: InstanceId) -> str:
    return PROMPT


def config(agents: str, suite: str = BAYES, **fields: Any) -> EvalConfig:
    return EvalConfig(suite=suite, agents=tuple(agents.split(",")), **fields)


def test_an_estimate_is_attempts_by_calls_by_tokens_by_price():
    name = "direct:anthropic/claude-haiku-4-5+max_tokens=1000+repair=off"
    found = estimate(config(name, n=3, repeat=2), prompt_of)
    (row,) = found.rows
    assert (row.attempts, row.calls) == (6, 6)
    assert row.input_tokens == 6 * 1_001
    assert row.output_tokens == 6_000
    assert row.usd == pytest.approx((6 * 1_001 * 1 + 6_000 * 5) / 1_000_000)
    assert (row.basis, found.usd, found.unknown) == ("list", row.usd, [])


def test_calls_differ_by_agent_and_episodes_are_reckoned_by_steps():
    names = "direct:openai/gpt-5.2,reflective:openai/gpt-5.2,tool:openai/gpt-5.2+turns=9,solver"
    rows = estimate(config(names), prompt_of).rows
    assert [row.calls for row in rows] == [2, 4, 10, 0]
    steps = estimate(config(names, CONTROL), prompt_of).rows
    assert [row.calls for row in steps] == [2 * STEPS, 4 * STEPS, 10, 0]
    assert rows[0].output_tokens == 2 * OUTPUT


def test_an_unknown_price_is_unknown_and_a_wish_bounds_it():
    hosted = "openai-compatible/gpt-5.2+base_url=https://host.invalid/v1"
    names = f"direct:openai/nobody,tool:scripted,direct:{hosted}"
    found = estimate(config(names), prompt_of)
    assert [row.usd for row in found.rows] == [None, 0.0, None]
    assert [row.basis for row in found.rows] == ["unknown", "free", "unknown"]
    assert found.usd is None
    assert len(found.unknown) == 2
    bounded = estimate(config("direct:openai/nobody+usd=0.5", n=4), prompt_of)
    assert bounded.usd == 2.0
    told = estimate(config(f"direct:{hosted}+price=1:0+repair=off"), prompt_of)
    assert told.usd == pytest.approx(1_001 / 1_000_000)


def test_a_prompt_is_asked_for_once_a_family_and_preset_and_only_if_a_model_is():
    asked: list[str] = []

    def note(instance: InstanceId) -> str:
        asked.append(f"{instance.family}:{instance.preset}")
        return PROMPT

    estimate(config("solver", n=3), note)
    assert asked == []
    estimate(config("direct:openai/m", f"{BAYES},{CONTROL}", n=3, repeat=2), note)
    assert sorted(asked) == [f"{BAYES}:easy", f"{CONTROL}:easy"]
    assert CHARS == 4


class Rooms:
    def brief(self, name: str, preset: str | None, seed: int) -> Brief:
        class Prompted:
            prompt = PROMPT

        found: Any = Prompted()
        return found


def told(*words: str, env: dict[str, str] | None = None) -> Any:
    return CliRunner().invoke(app, list(words), obj=Rooms(), env=env or {})


def test_the_estimate_is_printed_with_its_sum():
    agents = "direct:anthropic/claude-haiku-4-5,direct:openai/nobody,tool:scripted"
    done = told("estimate", BAYES, "--agents", agents, "--n", "2")
    assert done.exit_code == 0
    text = " ".join(done.stdout.split())
    assert "USD at most: unknown" in text
    assert "no price of direct:openai/nobody" in text
    rows = json.loads(told("estimate", BAYES, "--agents", agents, "--json").stdout)["agents"]
    assert [row["basis"] for row in rows] == ["list", "unknown", "free"]
    assert isinstance(told("estimate", BAYES, "--agents", " , ").exception, UsageError)


NO_KEYS = {
    "OPENAI_API_KEY": "",
    "ANTHROPIC_API_KEY": "",
    "GOOGLE_API_KEY": "",
    "GEMINI_API_KEY": "",
}


def checks(*words: str, env: dict[str, str] | None = None) -> tuple[int, list[dict[str, Any]]]:
    done = told("check-provider", *words, "--json", env={**NO_KEYS, **(env or {})})
    assert PLANTED not in done.output
    return done.exit_code, json.loads(done.stdout)["providers"]


def test_a_provider_is_checked_for_its_library_and_key():
    code, (one, other) = checks("openai", "google")
    assert code == 1
    assert one["installed"]
    assert one["key"] == "missing: set OPENAI_API_KEY"
    assert other["key"] == "missing: set GOOGLE_API_KEY or GEMINI_API_KEY"
    code, (one,) = checks("openai", env={"OPENAI_API_KEY": PLANTED})
    assert (code, one["key"]) == (0, "set")
    assert "name a model" in one["call"]
    with pytest.raises(UsageError, match="Did you mean openai"):
        raise told("check-provider", "opanai").exception or AssertionError


def test_a_paid_model_is_not_called_without_leave():
    code, (one,) = checks("openai/gpt-5.2", env={"OPENAI_API_KEY": PLANTED})
    assert code == 0
    assert one["call"].startswith("not made: it costs money")
    assert one["paid"]
    assert one["seconds"] is None


def test_free_models_are_called(canned: Any, tmp_path: Path):
    code, (good, bad) = checks("scripted", "scripted+api=chat+faults=500x*")
    assert code == 1
    assert good["call"] == "ok"
    assert "500" in bad["call"]
    echo = '{"error": {"message": "bad key {key}"}}'
    provider = canned((401, {}, echo))
    words = ("openai-compatible/m", "--base-url", f"{provider.url}/v1", "--key-env", "MINE")
    code, (one,) = checks(*words, env={"MINE": PLANTED})
    assert code == 1
    assert PLANTED in json.dumps(provider.asked[0]["headers"])
    assert "bad key [key]" in one["call"]
    assert one["key"] == "set"


def imported(code: str, without: str = "") -> subprocess.CompletedProcess[str]:
    block = f"import sys; sys.modules[{without!r}] = None\n" if without else "import sys\n"
    return subprocess.run(
        [sys.executable, "-P", "-c", block + code],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={**os.environ, "OPENAI_API_KEY": "x"},
    )


HEAVY = ("pydantic_ai", "openai", "anthropic", "google.genai", "torch", "transformers", "diskcache")


@pytest.mark.parametrize(
    "code",
    [
        "import proctor, runners, runners._providers_cli",
        "from runners._core import AGENTS, agent_named\n"
        "for name in AGENTS.names(): agent_named(name)\n"
        "agent_named('tool:openai/gpt-5.2').missing(); agent_named('direct:local/a/b')",
    ],
)
def test_naming_an_agent_loads_no_provider_and_no_torch(code: str):
    done = imported(f"{code}\nprint([m for m in {HEAVY!r} if m in sys.modules])")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_without_the_extra_an_agent_says_what_to_install():
    code = "from runners._core import agent_named\nprint(agent_named('tool:openai/m').missing())"
    done = imported(code, without="openai")
    assert done.returncode == 0, done.stderr
    assert "pip install -e '.[models]'" in done.stdout


def test_the_front_door_knows_both_words():
    proctor = Path(sys.executable).parent / "proctor"
    for verb in ("check-provider", "estimate"):
        done = subprocess.run(
            [proctor, verb, "--help"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0
        assert "Examples" in done.stdout
