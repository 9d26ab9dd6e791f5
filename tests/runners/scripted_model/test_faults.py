"""Things go wrong on purpose, in the plan's order, and clients see what a provider would do."""

from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import anyio
import httpx
import openai
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types as gt

from runners.scripted_model import Call, Endpoint, Exchange, Faults, Script, endpoint
from runners.scripted_model._faults import Course, Fault
from tasks import UsageError


async def words(call: Call) -> str:
    return "all is well"


SCRIPT = Script(summary="a test", play=words)
HELLO: Any = [{"role": "user", "content": "Hello."}]


def test_a_plan_is_read():
    plan = Faults.parse("errors=429x2, 500/ok,cutx*, delay=0.25")
    assert plan.delay_s == 0.25
    assert plan.sequence == (Fault("429", 2), Fault("500"), Fault("ok"), Fault("cut", None))
    assert Faults.parse("") == Faults()
    course = Course(plan)
    assert [course.next() for _ in range(6)] == ["429", "429", "500", "ok", "cut", "cut"]
    assert [Course(Faults()).next() for _ in range(2)] == ["ok", "ok"]


@pytest.mark.parametrize("text", ["cutt", "42", "600", "cutx", "cut x2", "delay", "delay=-1"])
def test_what_is_no_fault_is_refused(text: str):
    with pytest.raises(UsageError, match="There is no fault"):
        Faults.parse(text)


def test_a_near_miss_is_named():
    with pytest.raises(UsageError, match="Did you mean cut"):
        Faults.parse("429,cutt")


def with_faults(plan: str, use: Callable[[Endpoint], Awaitable[Any]], **how: Any) -> list[Exchange]:
    """What the endpoint saw while `use` was at work; it must end, whatever still hangs."""
    seen: list[Exchange] = []

    async def main() -> None:
        with anyio.fail_after(60):
            async with endpoint(SCRIPT, plan, listen=seen.append, **how) as model:
                await use(model)

    anyio.run(main)
    return seen


async def by_anthropic(model: Endpoint, retries: int = 3) -> str:
    async with (
        anthropic.AsyncAnthropic(base_url=model.url, api_key="test", max_retries=retries) as client,
        client.messages.stream(model="m", max_tokens=9, messages=HELLO) as stream,
    ):
        return await stream.get_final_text()


async def by_chat(model: Endpoint, retries: int = 3) -> str:
    async with openai.AsyncOpenAI(
        base_url=f"{model.url}/v1", api_key="test", max_retries=retries
    ) as client:
        reply = await client.chat.completions.create(model="m", messages=HELLO)
        return str(reply.choices[0].message.content)


async def by_responses(model: Endpoint, retries: int = 3) -> str:
    async with openai.AsyncOpenAI(
        base_url=f"{model.url}/v1", api_key="test", max_retries=retries
    ) as client:
        return (await client.responses.create(model="m", input="Hello.")).output_text


async def by_gemini(model: Endpoint, retries: int = 3) -> str:
    tries = gt.HttpRetryOptions(attempts=retries + 1, initial_delay=0.01, jitter=0)
    http = httpx.AsyncClient()
    options = gt.HttpOptions(base_url=model.url, httpx_async_client=http, retry_options=tries)
    async with http, genai.Client(api_key="test", http_options=options).aio as client:
        reply = await client.models.generate_content(model="m", contents="Hello.")
        return str(reply.text)


SDKS: dict[str, Any] = {
    "anthropic": by_anthropic,
    "chat": by_chat,
    "responses": by_responses,
    "gemini": by_gemini,
}


@pytest.mark.parametrize("name", SDKS)
def test_each_sdk_gets_over_errors_that_pass(name: str):
    async def use(model: Endpoint) -> None:
        assert await SDKS[name](model) == "all is well"
        total = model.totals[""]
        assert (total.requests, total.failed) == (4, 3)

    plan = "429,500,503" if name == "gemini" else "429,500,529"
    seen = with_faults(plan, use)
    assert [one.status for one in seen] == [*map(int, plan.split(",")), 200]
    assert [one.usage is None for one in seen] == [True, True, True, False]


@pytest.mark.parametrize("name", SDKS)
def test_errors_that_stay_are_each_sdks_own(name: str):
    kinds = {
        429: (anthropic.RateLimitError, openai.RateLimitError, google_errors.ClientError),
        500: (anthropic.InternalServerError, openai.InternalServerError, google_errors.ServerError),
        401: (anthropic.AuthenticationError, openai.AuthenticationError, google_errors.ClientError),
    }

    async def use(model: Endpoint) -> None:
        for status, errors in kinds.items():
            with pytest.raises(errors, match=f"on purpose: {status}"):
                await SDKS[name](model, retries=0)

    with_faults("429,500,401", use)


@pytest.mark.parametrize("name", SDKS)
def test_a_key_can_be_asked_for(name: str):
    async def use(model: Endpoint) -> None:
        with pytest.raises(Exception, match="missing or wrong"):
            await SDKS[name](model, retries=0)

    async def well(model: Endpoint) -> None:
        assert await SDKS[name](model, retries=0) == "all is well"

    (refused,) = with_faults("", use, key="another")
    assert refused.status == 401
    with_faults("", well, key="test")


async def post(model: Endpoint, *, stream: bool, timeout: float = 60) -> bytes:
    body = {"model": "m", "messages": HELLO, "stream": stream}
    got = b""
    async with (
        httpx.AsyncClient(timeout=timeout) as client,
        client.stream("POST", f"{model.url}/v1/messages", json=body) as reply,
    ):
        assert reply.status_code == 200
        async for chunk in reply.aiter_bytes():
            got += chunk
    return got


@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_closes_the_connection_in_the_middle(stream: bool):
    async def use(model: Endpoint) -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            await post(model, stream=stream)
        assert b"all is well" in await post(model, stream=stream)

    assert [one.fault for one in with_faults("cut", use)] == ["cut", "ok"]


@pytest.mark.parametrize("stream", [True, False])
def test_malformed_json_is_a_whole_response_that_cannot_be_read(stream: bool):
    async def use(model: Endpoint) -> None:
        assert (await post(model, stream=stream)).count(b"{") == 1

    with_faults("malformed", use)


@pytest.mark.parametrize("fault", ["hang", "stall"])
def test_who_waits_in_vain_may_leave_and_holds_up_nobody(fault: str):
    async def use(model: Endpoint) -> None:
        # One leaves by itself, one is still there when the endpoint ends.
        with pytest.raises(httpx.ReadTimeout):
            await post(model, stream=True, timeout=0.2)
        async with anyio.create_task_group() as waiting:
            waiting.start_soon(post_in_vain, model)
            with anyio.fail_after(30):
                while model.totals[""].requests < 2:  # noqa: ASYNC110 - it tells nobody
                    await anyio.sleep(0.01)
            waiting.cancel_scope.cancel()

    async def post_in_vain(model: Endpoint) -> None:
        await post(model, stream=True)

    seen = with_faults(f"{fault}x2", use)
    assert [one.fault for one in seen] == [fault, fault]


def test_a_request_that_hangs_ends_with_the_endpoint():
    ended: list[Exception] = []

    async def main() -> None:
        async with anyio.create_task_group() as clients, endpoint(SCRIPT, "hang") as model:
            clients.start_soon(ask, model)
            with anyio.fail_after(30):
                while not model.totals:  # noqa: ASYNC110
                    await anyio.sleep(0.01)

    async def ask(model: Endpoint) -> None:
        try:
            await post(model, stream=True)
        except httpx.TransportError as error:
            ended.append(error)

    anyio.run(main)
    assert len(ended) == 1
