"""Which model a name asks for, what goes together, and what is missing; keys are never shown."""

import pytest

from runners._core import agent_named
from runners._models.choice import MAX_TOKENS, Choice, chosen
from runners._models.prices import cost, priced
from tasks import UsageError
from tasks._record import Tokens

PLANTED = "sk-planted-5e1f"


def choice(text: str) -> Choice:
    return chosen(text, {}, "words")[0]


@pytest.mark.parametrize(
    ("text", "provider", "model", "api", "paid"),
    [
        ("", "scripted", "scripted", "responses", False),
        ("scripted+api=gemini", "scripted", "scripted", "gemini", False),
        ("anthropic/claude-sonnet-4-5", "anthropic", "claude-sonnet-4-5", "messages", True),
        ("openai/gpt-5.2", "openai", "gpt-5.2", "responses", True),
        ("openai/gpt-5.2+api=chat", "openai", "gpt-5.2", "chat", True),
        ("google/gemini-2.5-pro", "google", "gemini-2.5-pro", "gemini", True),
        (
            "openai-compatible/qwen/qwen3:free+base_url=https://host/v1+key_env=K",
            "openai-compatible",
            "qwen/qwen3:free",
            "chat",
            True,
        ),
        (
            "openai-compatible/m+base_url=http://localhost:1/v1",
            "openai-compatible",
            "m",
            "chat",
            False,
        ),
        ("openai/m+base_url=http://127.0.0.1:1/v1", "openai", "m", "responses", False),
        ("local//some/folder", "local", "/some/folder", None, False),
        ("local/HuggingFaceTB/SmolLM2-135M", "local", "HuggingFaceTB/SmolLM2-135M", None, False),
    ],
)
def test_a_model_is_chosen(text: str, provider: str, model: str, api: str | None, paid: bool):
    found = choice(text)
    assert (found.provider, found.model, found.api, found.paid) == (provider, model, api, paid)
    assert found.cached == paid


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("anthropc/claude", "no model provider 'anthropc'. Did you mean anthropic"),
        ("claude-sonnet-4-5", "Write PROVIDER/MODEL"),
        ("openai", "needs a model: openai/MODEL"),
        ("scripted/x", "write it alone"),
        ("openai/m+script=words", r"\+script belongs to scripted models alone"),
        ("openai/m+faults=500", r"\+faults belongs to scripted models alone"),
        ("openai/m+gguf=x", r"\+gguf belongs to local models alone"),
        ("openai-compatible/m", r"needs its address: \+base_url="),
        ("openai/m+base_url=https://elsewhere/v1", "Another host would get your openai key"),
        ("anthropic/m+api=chat", "anthropic models have no"),
        ("local/m+api=chat", "none to choose"),
        ("local/m+thinking=low", r"takes no \+thinking"),
        ("local/m+key_env=K", r"takes no \+key_env"),
        ("openai/m+thinking=2000", "think by level, not by tokens"),
        ("anthropic/m+thinking=9000", r"raise it above the thinking budget"),
        ("anthropic/m+thinking=deep", "low, medium, high, off, or a number of tokens"),
        ("anthropic/m+temperature=3", "at most 2"),
        ("anthropic/m+price=1", "INPUT:OUTPUT"),
        ("scripted+script=slover", "one of .*solver"),
        ("scripted+faults=boom", "429x2/500"),
        ("anthropic/m+rpm=0", "at least 1"),
        ("anthropic/m+max_token=5", "Did you mean max_tokens"),
    ],
)
def test_what_does_not_go_together_is_refused(text: str, says: str):
    with pytest.raises(UsageError, match=says):
        choice(text)


def test_every_setting_that_was_asked_for_is_told():
    text = "anthropic/m+temperature=0+thinking=2048+max_tokens=4096+usd=0.5+rpm=10+cache=off"
    told = choice(text).settings()
    assert told == {
        "api": "messages",
        "temperature": 0.0,
        "thinking": 2048,
        "max_tokens": 4096,
        "usd": 0.5,
        "rpm": 10,
        "cache": False,
    }
    assert choice("openai/m").settings()["max_tokens"] == MAX_TOKENS


def test_agents_say_what_an_estimate_needs_to_know():
    agent = agent_named("tool:anthropic/claude-sonnet-4-5+turns=9+usd=0.5")
    assert (agent.model, agent.paid, agent.calls) == ("anthropic:claude-sonnet-4-5", True, 10)
    assert (agent.usd, agent.max_output) == (0.5, MAX_TOKENS)
    assert agent_named("direct:openai/m").calls == 2
    assert agent_named("direct:openai/m+repair=off").calls == 1
    assert agent_named("reflective:openai/m+repair=off").calls == 3
    for name in ("direct", "tool:scripted", "direct:openai-compatible/m+base_url=http://[::1]:1"):
        assert not agent_named(name).paid
    assert agent_named("tool:scripted") is agent_named("tool:scripted")


def test_a_missing_key_is_said_by_its_variable(monkeypatch: pytest.MonkeyPatch):
    for name in ("OPENAI_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "MINE"):
        monkeypatch.delenv(name, raising=False)
    assert "set the environment variable OPENAI_API_KEY" in agent_named("direct:openai/m").missing()
    assert "GOOGLE_API_KEY or GEMINI_API_KEY" in agent_named("tool:google/m").missing()
    named = agent_named("tool:openai/m+key_env=MINE")
    assert "MINE" in named.missing()
    monkeypatch.setenv("MINE", PLANTED)
    assert named.missing() == ""
    assert agent_named("tool:scripted").missing() == ""
    assert agent_named("direct:openai/m+base_url=http://127.0.0.1:1/v1").missing() == ""
    assert "no model in the folder" in agent_named("direct:local//nowhere").missing()


@pytest.mark.parametrize("value", [f"{PLANTED}\nx", f"{PLANTED} x", f"{PLANTED}\u00e9"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(value: str):
    with pytest.raises(UsageError, match="What OPENAI_API_KEY holds is no key") as caught:
        choice("openai/m").key({"OPENAI_API_KEY": value})
    assert PLANTED not in str(caught.value)
    assert choice("openai/m").key({"OPENAI_API_KEY": f" {PLANTED}\n"}) == PLANTED


def test_prices_come_from_the_table_or_are_unknown():
    tokens = Tokens(input=1_000_000, output=1_000_000)
    listed = cost(choice("anthropic/claude-haiku-4-5"), tokens)
    assert listed is not None
    assert listed == 6  # dollars 1 in, 5 out for a million
    less = cost(
        choice("anthropic/claude-haiku-4-5"), tokens.model_copy(update={"cached": 1_000_000})
    )
    assert less is not None
    assert less < listed
    assert cost(choice("anthropic/nobody-knows"), tokens) is None
    hosted = "openai-compatible/gpt-5.2+base_url=https://host.invalid/v1"
    assert cost(choice(hosted), tokens) is None
    assert cost(choice(f"{hosted}+price=0.5:1.5"), tokens) == 2
    assert not priced(choice(hosted))
    assert priced(choice(f"{hosted}+price=0.5:1.5"))
    assert priced(choice("scripted"))
