"""API agents sit real attempts: through the shim, at a real daemon, scored from the record."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks._record import AnswerAccepted, RunFolder, ToolsListed, read_unverified

FAMILY = "strategic/bayesian_games"
EPISODE = "strategic/information_control"
PLANTED = "sk-planted-77aa"

Play = Callable[..., dict[str, Any]]
Read = Callable[[dict[str, Any]], dict[str, Any]]

ONE_SHOT = (
    "tool:scripted",
    "tool:scripted+api=chat+require_tool_first=on+forced=on",
    "tool:scripted+api=messages+script=image",
    "tool:scripted+api=gemini+script=words",
    "tool:scripted+script=turns+turns=3",
    "tool:scripted+script=turns+price=1000:1000+usd=5",
    "direct:scripted+script=words",
    "direct:scripted+script=nop",
    "reflective:scripted+api=messages",
    "direct:scripted+faults=500x*+retries=0",
)


@pytest.fixture(scope="module")
def runs(play: Play) -> dict[str, Any]:
    return play(FAMILY, *ONE_SHOT)


def events(run: dict[str, Any]) -> list[Any]:
    (attempt,) = RunFolder(Path(run["folder"])).attempts()
    return [event.data for event in read_unverified(attempt.events)]


def score(run: dict[str, Any]) -> float:
    return run["summary"]["metrics"]["overall"]["mean_score"]


def said(run: dict[str, Any]) -> list[dict[str, Any]]:
    (transcript,) = Path(run["folder"]).glob("attempts/*/*/transcript.jsonl")
    return [json.loads(line) for line in transcript.read_text().splitlines()]


@pytest.mark.timeout(400)
def test_a_model_with_tools_solves_the_task(runs: dict[str, Any], played: Read):
    for name in ONE_SHOT[:2]:
        run = runs[name]
        assert score(run) == pytest.approx(1.0), name
        assert any(isinstance(data, ToolsListed) for data in events(run))
        note = played(run)
        assert note["ending"] == note["error"] == note["failure"] == ""
        assert note["setup"]["mode"] == "tool"
        assert note["setup"]["program"].startswith("pydantic-ai 2.")
        assert note["usage"]["tool_calls"] >= 3
        assert note["usage"]["cost_basis"] == "free"
        assert note["usage"]["tokens"]["input"] > 1000
        assert note["transcript"] == "transcript.jsonl"


def test_a_picture_reaches_the_model(runs: dict[str, Any]):
    run = runs["tool:scripted+api=messages+script=image"]
    (attempt,) = RunFolder(Path(run["folder"])).attempts()
    assert "1 image reached me." in attempt.events.read_text()
    assert run["summary"]["reasons"] == {"finished": 1}


def test_a_model_that_answers_in_words_alone_is_led_back_and_then_left(
    runs: dict[str, Any], played: Read
):
    run = runs["tool:scripted+api=gemini+script=words"]
    assert played(run)["usage"]["requests"] == 3
    assert any("You have not handed in yet" in json.dumps(one) for one in said(run))


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("tool:scripted+script=turns+turns=3", "turns"),
        ("tool:scripted+script=turns+price=1000:1000+usd=5", "money"),
    ],
)
def test_limits_end_an_attempt_as_the_agents_own(
    name: str, ending: str, runs: dict[str, Any], played: Read
):
    run, note = runs[name], played(runs[name])
    assert (note["ending"], note["failure"], note["error"]) == (ending, "", "")
    assert run["summary"]["reasons"] == {"finished": 1}
    assert run["broken"] == 0
    if ending == "turns":
        assert note["usage"]["requests"] == 4  # and the last one, which may only hand in
    else:
        assert note["usage"]["cost_usd"] >= 5
        assert note["usage"]["cost_basis"] == "list"


def test_one_call_gives_a_valid_answer(runs: dict[str, Any], played: Read):
    run = runs["direct:scripted+script=words"]
    assert any(isinstance(data, AnswerAccepted) for data in events(run))
    assert 0 < score(run) < 1
    assert played(run)["usage"]["requests"] == 1
    assert played(run)["setup"]["settings"]["script"] == "words"


def test_an_answer_without_json_costs_the_repair_and_one_more_call(
    runs: dict[str, Any], played: Read
):
    run = runs["direct:scripted+script=nop"]  # without tools it only says that it has none
    assert played(run)["usage"]["requests"] == 2
    assert run["summary"]["reasons"] == {"rejected": 1}
    assert any("That was not accepted" in json.dumps(one) for one in said(run))


def test_reflection_takes_three_calls_and_hands_in_the_last(runs: dict[str, Any], played: Read):
    run = runs["reflective:scripted+api=messages"]
    note = played(run)
    assert note["usage"]["requests"] == 3
    assert note["usage"]["tokens"]["output"] > 0
    assert note["setup"]["mode"] == "reflective"
    kinds = [one["kind"] for one in said(run)]
    assert kinds == ["request", "response"] * 3
    (answer,) = [data.answer for data in events(run) if isinstance(data, AnswerAccepted)]
    assert answer == json.loads(said(run)[-1]["parts"][0]["content"])


def test_a_provider_that_fails_tells_nothing_of_the_agent(runs: dict[str, Any], played: Read):
    run = runs["direct:scripted+faults=500x*+retries=0"]
    note = played(run)
    assert note["ending"] == "provider"
    assert note["failure"].startswith("the provider failed")
    assert "answered 500" in note["error"]
    assert note["usage"]["provider_errors"] == 1
    assert run["broken"] == 1


@pytest.mark.timeout(300)
def test_episodes_are_played_a_call_a_step(play: Play, played: Read):
    names = ("direct:scripted", "reflective:scripted", "tool:scripted")
    runs = play(EPISODE, *names)
    assert score(runs["tool:scripted"]) == pytest.approx(1.0)
    for name in names[:2]:
        run = runs[name]
        assert run["summary"]["reasons"] == {"finished": 1}, name
        assert run["failed"] == 0
    steps = played(runs["direct:scripted"])["usage"]["requests"]
    assert steps >= 3  # one a step, and one more for each action that was refused
    assert played(runs["reflective:scripted"])["usage"]["requests"] % 3 == 0


def test_a_long_brief_reaches_a_model_without_tools_whole(play: Play):
    name = "direct:scripted+script=nop"
    run = play("strategic/auctions", name, "--preset", "expert")[name]
    prompt = said(run)[0]["parts"][0]["content"]
    assert len(prompt) > 9_000
    assert "characters left out" not in prompt
    assert "PROCTOR CANARY" in prompt  # stands at its end
    assert '"view"' in prompt


@pytest.mark.timeout(300)
def test_a_key_is_nowhere_to_be_found(play: Play, canned: Any, shared_home: Path):
    """Not in the run folder, the state folder, or what is printed; the provider echoes it."""
    echo = '{"error": {"message": "bad key {key}"}}'
    provider = canned((401, {"x-request-id": "{key}"}, echo))
    name = f"direct:openai-compatible/m+base_url={provider.url}/v1+key_env=PLANTED_KEY+cache=on"
    run = play(FAMILY, name, env={"PLANTED_KEY": PLANTED})[name]
    assert provider.asked
    assert all(PLANTED in json.dumps(one["headers"]) for one in provider.asked)
    note = next(Path(run["folder"]).glob("attempts/*/*/played.json")).read_text()
    assert "bad key [key]" in note
    assert PLANTED not in json.dumps(run)
    for folder in (Path(run["folder"]), shared_home):
        for path in folder.rglob("*"):
            if path.is_file():
                assert PLANTED.encode() not in path.read_bytes(), path
