"""Calls over the providers' real SDKs: four wire formats, retries, account, cache, no key shown."""

import io
import json
import random
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.tools import ToolDefinition

from runners._models.cache import Request, responses
from runners._models.caller import (
    TRANSCRIPT,
    Caller,
    ModelError,
    MoneyError,
    Order,
    ProviderError,
)
from runners._models.choice import Api, chosen
from runners._models.opening import Shared
from runners._models.transport import Secret, Tally, Terms, client
from tasks._record import AgentUsage, Tokens

APIS: dict[Api, str] = {
    "responses": "openai/m",
    "chat": "openai/m",
    "messages": "anthropic/claude-sonnet-4-6",
    "gemini": "google/gemini-2.5-flash",
}
PLANTED = "sk-planted-5e1f0c"
SAID = ModelRequest(parts=[UserPromptPart("Say it.")], instructions="Be brief.")
CHAT = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "yes"}}
    ],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010},
}
TOOL = ToolDefinition(
    name="start_task",
    parameters_json_schema={"type": "object", "properties": {"task": {"type": "string"}}},
    strict=False,
)

Use = Callable[[Caller], Any]


def called(
    text: str, use: Use, folder: Path, *, usd: float | None = None, repeat: int = 1
) -> list[AgentUsage]:
    """Let `use` call a chosen model; give what was told of its use after each call."""
    choice, _ = chosen(text, {}, "words")
    told: list[AgentUsage] = []

    async def run() -> None:
        async with Shared(choice).line(random.Random(1)) as opened:
            with responses() as kept:
                order = Order(choice, repeat, usd, folder / TRANSCRIPT)
                await use(Caller(order, opened, kept if choice.cached else None, told.append))

    anyio.run(run)
    return told


def asked(times: int = 1) -> tuple[Use, list[ModelResponse]]:
    given: list[ModelResponse] = []

    async def use(caller: Caller) -> None:
        given.extend([await caller.ask([SAID]) for _ in range(times)])

    return use, given


def compatible(url: str, more: str = "") -> str:
    return f"openai-compatible/m+base_url={url}/v1+key_env=PLANTED_KEY{more}"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED_KEY", PLANTED)


@pytest.mark.parametrize("api", APIS)
def test_every_wire_format_gives_text_and_counts_tokens(api: Api, tmp_path: Path):
    use, given = asked()
    (usage,) = called(f"scripted+api={api}", use, tmp_path)
    assert given[0].text == "I find no answer schema in the prompt, so I have no answer."
    assert usage.tokens is not None
    assert usage.tokens.input > 0
    assert usage.tokens.output > 0
    assert (usage.requests, usage.cost_basis, usage.cost_usd) == (1, "free", 0.0)
    lines = [json.loads(line) for line in (tmp_path / TRANSCRIPT).read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["request", "response"]


@pytest.mark.parametrize("api", APIS)
def test_every_wire_format_calls_tools_and_takes_texts_and_pictures_back(
    api: Api, tmp_path: Path, picture: bytes
):
    made: list[ModelResponse] = []

    async def use(caller: Caller) -> None:
        said: list[ModelMessage] = [ModelRequest(parts=[UserPromptPart("Task: a/b")])]
        made.append(await caller.ask(said, [TOOL], "required"))
        (call,) = [part for part in made[0].parts if isinstance(part, ToolCallPart)]
        shown = ["a picture:", BinaryContent(picture, media_type="image/png")]
        result = ToolReturnPart(call.tool_name, shown, call.tool_call_id)
        made.append(await caller.ask([*said, made[0], ModelRequest(parts=[result])], [TOOL]))

    called(f"scripted+api={api}+script=nop", use, tmp_path)
    (call,) = [part for part in made[0].parts if isinstance(part, ToolCallPart)]
    assert (call.tool_name, call.args_as_dict()) == ("start_task", {"task": "a/b"})
    assert "a picture:" in (made[1].text or "")  # the script tells what it could not read


@pytest.fixture
def picture() -> bytes:
    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (2, 2)).save(data, format="PNG")
    return data.getvalue()


@pytest.mark.parametrize("api", APIS)
def test_passing_faults_are_mended_and_counted(api: Api, tmp_path: Path):
    use, given = asked()
    (usage,) = called(f"scripted+api={api}+faults=429/500/cut", use, tmp_path)
    assert given[0].text
    assert (usage.requests, usage.provider_errors) == (1, 3)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("fault", ["429x*", "500x*", "401x*", "cutx*", "malformedx*"])
def test_lasting_faults_are_the_providers_failure(api: Api, fault: str, tmp_path: Path):
    use, _ = asked()
    said = f"answered {fault[:3]}" if fault[0].isdigit() else "scripted"
    with pytest.raises(ProviderError, match=said):
        called(f"scripted+api={api}+faults={fault}+retries=1", use, tmp_path)


def test_a_provider_that_hangs_is_left_after_the_timeout(tmp_path: Path):
    use, _ = asked()
    with pytest.raises(ProviderError, match=r"[Tt]imed out"):
        called("scripted+faults=hang+timeout=0.2+retries=0", use, tmp_path)


def test_what_is_no_passing_fault_is_not_asked_again(canned: Any, tmp_path: Path):
    provider = canned((400, {}, '{"error": {"message": "no such field"}}'))
    with pytest.raises(ProviderError, match=r"answered 400: .*no such field"):
        called(compatible(provider.url), asked()[0], tmp_path)
    assert len(provider.asked) == 1


def test_a_full_window_is_the_models_end_and_not_the_providers(canned: Any, tmp_path: Path):
    body = {"error": {"message": "too long", "code": "context_length_exceeded"}}
    provider = canned((400, {}, json.dumps(body)))
    with pytest.raises(ModelError):
        called(compatible(provider.url), asked()[0], tmp_path)


async def waits(url: str, waited: list[float]) -> None:
    """Post once on our terms, noting how long each retry would wait."""
    from pydantic_ai.retries import wait_retry_after
    from tenacity.wait import wait_fixed

    from runners._models.transport import LONGEST_WAIT_S

    wait = wait_retry_after(wait_fixed(0), LONGEST_WAIT_S)

    def note(state: Any) -> float:
        waited.append(wait(state))
        return 0.0

    async with client(Terms(secret=Secret("")), Tally(), note) as http:
        response = await http.post(url, json={})
    assert response.status_code == 200


def test_retry_after_is_honoured_up_to_a_bound(canned: Any):
    waited: list[float] = []
    provider = canned(
        (429, {"retry-after": "7"}, "{}"),
        (503, {"retry-after-ms": "250"}, "{}"),
        (529, {"retry-after": "86400"}, "{}"),
        (408, {}, "{}"),
        (200, {}, "{}"),
    )
    anyio.run(waits, provider.url, waited)
    assert waited == [7.0, 0.25, 60.0, 0.0]
    assert len(provider.asked) == 5


ECHO = '{"error": {"message": "bad key {key}", "param": "Bearer {key}", "type": "{key}"}}'


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_a_provider_that_echoes_the_key_tells_nobody(
    api: Api, status: int, canned: Any, tmp_path: Path
):
    provider = canned((status, {"x-request-id": "{key}", "www-authenticate": "{key}"}, ECHO))
    base = provider.url if api in {"messages", "gemini"} else f"{provider.url}/v1"
    text = f"{APIS[api]}+api={api}+base_url={base}+key_env=PLANTED_KEY+retries=0"
    with pytest.raises(ProviderError) as caught:
        called(text, asked()[0], tmp_path)
    assert PLANTED in json.dumps(provider.asked[0]["headers"])  # it was sent, and echoed
    shown = "".join(traceback.format_exception(caught.value))
    assert "bad key [key]" in str(caught.value)
    assert PLANTED not in shown
    seen: BaseException | None = caught.value
    while seen is not None:
        assert PLANTED not in f"{seen!r}{seen}{vars(seen)}"
        seen = seen.__cause__ or seen.__context__
    assert PLANTED not in "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))


def test_a_key_in_a_good_response_is_neither_used_nor_kept(canned: Any, tmp_path: Path, home: Path):
    echoing = json.loads(json.dumps(CHAT))
    echoing["choices"][0]["message"]["content"] = "your key is {key}"
    provider = canned((200, {}, json.dumps(echoing)))
    use, given = asked()
    called(compatible(provider.url, "+cache=on"), use, tmp_path)
    assert given[0].text == "your key is [key]"
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert kept
    for path in [*kept, tmp_path / TRANSCRIPT]:
        assert PLANTED.encode() not in path.read_bytes()


def test_a_kept_response_costs_nothing_and_answers_the_same_request_alone(
    canned: Any, tmp_path: Path, home: Path
):
    provider = canned((200, {}, json.dumps(CHAT)))
    text = compatible(provider.url, "+cache=on+price=1000:1000")
    use, given = asked(2)
    first = called(text, use, tmp_path)
    assert len(provider.asked) == 1
    assert [one.text for one in given] == ["yes", "yes"]
    assert (first[-1].requests, first[-1].cached_requests) == (2, 1)
    assert first[-1].cost_usd == pytest.approx(1.01)
    again = called(text, asked()[0], tmp_path)[-1]
    assert (again.requests, again.cached_requests, again.cost_usd) == (1, 1, 0.0)
    assert again.tokens == Tokens()
    assert len(provider.asked) == 1
    called(text, asked()[0], tmp_path, repeat=2)
    called(f"{text}+temperature=1", asked()[0], tmp_path)
    called(text.replace("+cache=on", "+cache=off"), asked()[0], tmp_path)
    assert len(provider.asked) == 4


def test_a_response_that_was_cut_off_is_not_kept(canned: Any, tmp_path: Path, home: Path):
    short = json.loads(json.dumps(CHAT))
    short["choices"][0]["finish_reason"] = "length"
    provider = canned((200, {}, json.dumps(short)))
    called(compatible(provider.url, "+cache=on"), asked(2)[0], tmp_path)
    assert len(provider.asked) == 2


def test_the_key_of_a_request_leaves_out_what_differs_each_time():
    def request(text: str) -> Request:
        said = ModelRequest(parts=[UserPromptPart(text)])
        answer = ModelResponse(parts=[ToolCallPart("a", {"x": 1}, "id1")])
        return Request({"model": "m"}, [], [said, answer], 1)

    assert request("a").key() == request("a").key()
    assert request("a").key() != request("b").key()


def test_money_ends_the_attempt_before_the_next_call(canned: Any, tmp_path: Path):
    provider = canned((200, {}, json.dumps(CHAT)))
    told: list[AgentUsage] = []

    async def use(caller: Caller) -> None:
        try:
            for _ in range(9):
                await caller.ask([SAID])
        finally:
            told.append(caller.usage())

    with pytest.raises(MoneyError, match=r"2\.0200 of \$2 are spent"):
        called(compatible(provider.url, "+price=1000:1000"), use, tmp_path, usd=2.0)
    assert len(provider.asked) == 2
    assert (told[-1].requests, told[-1].cost_basis) == (2, "list")
    assert told[-1].cost_usd == pytest.approx(2.02)


def test_a_response_without_a_count_leaves_the_cost_unknown(canned: Any, tmp_path: Path):
    bare = {name: value for name, value in CHAT.items() if name != "usage"}
    provider = canned((200, {}, json.dumps(bare)))
    (usage,) = called(compatible(provider.url, "+price=1:1"), asked()[0], tmp_path)
    assert (usage.tokens, usage.cost_usd, usage.cost_basis) == (None, None, "unknown")


def test_what_is_asked_of_a_model_reaches_its_provider(canned: Any, tmp_path: Path):
    provider = canned((400, {}, "{}"))
    asking = {
        f"anthropic/claude-sonnet-4-6+base_url={provider.url}+thinking=2048": {
            "thinking": {"type": "enabled", "budget_tokens": 2048},
            "max_tokens": 8192,
        },
        f"openai/gpt-5.2+base_url={provider.url}/v1+thinking=low+max_tokens=99": {
            "reasoning": {"effort": "low"},
            "max_output_tokens": 99,
        },
        f"openai/gpt-4.1+api=chat+base_url={provider.url}/v1+temperature=0.5": {"temperature": 0.5},
    }
    for text, wanted in asking.items():
        with pytest.raises(ProviderError):
            called(text, asked()[0], tmp_path)
        sent = provider.asked[-1]["body"]
        assert {name: sent[name] for name in wanted} == wanted
    google = f"google/gemini-2.5-flash+base_url={provider.url}+thinking=512+max_tokens=2000"
    with pytest.raises(ProviderError):
        called(google, asked()[0], tmp_path)
    config = provider.asked[-1]["body"]["generationConfig"]
    assert "512" in json.dumps(config["thinkingConfig"]), config
    assert config["maxOutputTokens"] == 2000


def test_the_rate_limit_spaces_calls_and_is_shared(tmp_path: Path):
    choice, _ = chosen("scripted+rpm=600", {}, "words")
    shared = Shared(choice)

    async def run() -> None:
        limiter = shared.limiter()
        assert limiter is not None
        assert limiter is shared.limiter()
        assert (limiter.max_rate, limiter.time_period) == (1, 0.1)
        await limiter.acquire()
        assert not limiter.has_capacity()

    anyio.run(run)
    anyio.run(run)  # another loop gets another one


def test_a_line_needs_its_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from tasks import UsageError

    monkeypatch.delenv("PLANTED_KEY")
    with pytest.raises(UsageError, match="PLANTED_KEY"):
        called(compatible("http://127.0.0.1:1"), asked()[0], tmp_path)
