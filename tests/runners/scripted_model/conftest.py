"""The loop of an API agent, with each provider's own SDK: ask, call the tool, tell the result."""

import base64
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types as gt


@dataclass(frozen=True)
class Spec:
    name: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Back:
    """What a tool gave: text, an image (base64) perhaps, whether it is an error."""

    text: str
    image: str = ""
    error: bool = False


Use = Callable[[str, dict[str, Any]], Awaitable[Back]]


@dataclass(frozen=True)
class Seatless:
    """Where a loop runs."""

    url: str
    prompt: str
    tools: Sequence[Spec]
    use: Use
    stream: bool
    usages: list[tuple[int, int, int]]
    """(input with cached, output, cached) of every reply, as the SDK read it."""


async def by_anthropic(at: Seatless) -> str:
    async with anthropic.AsyncAnthropic(base_url=at.url, api_key="test", max_retries=0) as client:
        tools: Any = [
            {"name": f"mcp__proctor__{t.name}", "input_schema": t.schema} for t in at.tools
        ]
        messages: list[Any] = [{"role": "user", "content": at.prompt}]
        while True:
            asked: Any = {"model": "m", "max_tokens": 99, "messages": messages, "tools": tools}
            if at.stream:
                async with client.messages.stream(**asked) as stream:
                    reply = await stream.get_final_message()
            else:
                reply = await client.messages.create(**asked)
            cached = reply.usage.cache_read_input_tokens or 0
            at.usages.append((reply.usage.input_tokens + cached, reply.usage.output_tokens, cached))
            block: Any = reply.content[0]
            if block.type == "text":
                assert reply.stop_reason == "end_turn"
                return block.text
            assert reply.stop_reason == "tool_use"
            back = await at.use(block.name.removeprefix("mcp__proctor__"), block.input)
            content: list[Any] = [{"type": "text", "text": back.text}]
            if back.image:
                source = {"type": "base64", "media_type": "image/png", "data": back.image}
                content.append({"type": "image", "source": source})
            messages.append({"role": "assistant", "content": reply.content})
            result = {"type": "tool_result", "tool_use_id": block.id, "content": content}
            messages.append({"role": "user", "content": [{**result, "is_error": back.error}]})


async def by_chat(at: Seatless) -> str:
    async with openai.AsyncOpenAI(base_url=f"{at.url}/v1", api_key="test", max_retries=0) as client:
        tools: Any = [
            {"type": "function", "function": {"name": t.name, "parameters": t.schema}}
            for t in at.tools
        ]
        messages: list[Any] = [{"role": "user", "content": at.prompt}]
        while True:
            asked: Any = {"model": "m", "messages": messages}
            asked |= {"tools": tools} if tools else {}
            if at.stream:
                async with client.chat.completions.stream(
                    **asked, stream_options={"include_usage": True}
                ) as stream:
                    reply: Any = await stream.get_final_completion()
            else:
                reply = await client.chat.completions.create(**asked)
            used = reply.usage
            at.usages.append(
                (
                    used.prompt_tokens,
                    used.completion_tokens,
                    used.prompt_tokens_details.cached_tokens,
                )
            )
            message = reply.choices[0].message
            if not message.tool_calls:
                assert reply.choices[0].finish_reason == "stop"
                return message.content
            assert reply.choices[0].finish_reason == "tool_calls"
            (call,) = message.tool_calls
            back = await at.use(call.function.name, json.loads(call.function.arguments))
            messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": back.text})
            if back.image:
                # This protocol has no room for an image in a tool's result.
                link = {"url": f"data:image/png;base64,{back.image}"}
                part = {"type": "image_url", "image_url": link}
                messages.append({"role": "user", "content": [part]})


async def by_responses(at: Seatless) -> str:
    async with openai.AsyncOpenAI(base_url=f"{at.url}/v1", api_key="test", max_retries=0) as client:
        tools: Any = [
            {"type": "function", "name": t.name, "parameters": t.schema, "strict": False}
            for t in at.tools
        ]
        items: list[Any] = [{"role": "user", "content": at.prompt}]
        while True:
            asked: Any = {"model": "m", "input": items, "tools": tools}
            if at.stream:
                async with client.responses.stream(**asked) as stream:
                    reply: Any = await stream.get_final_response()
            else:
                reply = await client.responses.create(**asked)
            used = reply.usage
            at.usages.append(
                (used.input_tokens, used.output_tokens, used.input_tokens_details.cached_tokens)
            )
            item = reply.output[0]
            if item.type == "message":
                return reply.output_text
            back = await at.use(item.name, json.loads(item.arguments))
            content: Any = f"Wall time: 0.1 seconds\nOutput:\n{back.text}"
            if back.image:
                link = f"data:image/png;base64,{back.image}"
                content = [
                    {"type": "input_text", "text": content},
                    {"type": "input_image", "image_url": link, "detail": "auto"},
                ]
            items.append(item.to_dict())
            answer = {"type": "function_call_output", "call_id": item.call_id, "output": content}
            items.append(answer)


async def by_gemini(at: Seatless) -> str:
    # Its other way, over aiohttp, warns of its own doings.
    http = httpx.AsyncClient(timeout=60)
    options = gt.HttpOptions(base_url=at.url, httpx_async_client=http)
    async with http, genai.Client(api_key="test", http_options=options).aio as client:
        declared = [
            gt.FunctionDeclaration(name=t.name, parameters_json_schema=t.schema) for t in at.tools
        ]
        config = gt.GenerateContentConfig(
            tools=[gt.Tool(function_declarations=declared)] if declared else None,
            automatic_function_calling=gt.AutomaticFunctionCallingConfig(disable=True),
        )
        contents: list[Any] = [gt.Content(role="user", parts=[gt.Part(text=at.prompt)])]
        while True:
            asked: Any = {"model": "gemini-x", "contents": contents, "config": config}
            if at.stream:
                chunks = [c async for c in await client.models.generate_content_stream(**asked)]
                (reply,) = chunks
            else:
                reply = await client.models.generate_content(**asked)
            used: Any = reply.usage_metadata
            at.usages.append(
                (
                    used.prompt_token_count,
                    used.candidates_token_count,
                    used.cached_content_token_count,
                )
            )
            said: Any = reply.candidates
            call = said[0].content.parts[0].function_call
            if call is None:
                return str(reply.text)
            back = await at.use(call.name, call.args)
            key = "error" if back.error else "output"
            contents.append(said[0].content)
            result = gt.Part(
                function_response=gt.FunctionResponse(
                    id=call.id, name=call.name, response={key: back.text}
                )
            )
            parts = [result]
            if back.image:
                blob = gt.Blob(mime_type="image/png", data=base64.b64decode(back.image))
                parts.append(gt.Part(inline_data=blob))
            contents.append(gt.Content(role="user", parts=parts))


LOOPS = {
    "anthropic": by_anthropic,
    "chat": by_chat,
    "responses": by_responses,
    "gemini": by_gemini,
}


def _talk(name: str, *, stream: bool) -> Callable[..., Awaitable[str]]:
    async def talk(
        url: str, prompt: str, tools: Sequence[Spec], use: Use, usages: list[Any] | None = None
    ) -> str:
        seen = [] if usages is None else usages
        return await LOOPS[name](Seatless(url, prompt, tools, use, stream, seen))

    return talk


@pytest.fixture(params=list(LOOPS))
def provider(request: pytest.FixtureRequest) -> Callable[..., Awaitable[str]]:
    """`await provider(url, prompt, tools, use, usages)`: the last words of a conversation."""
    return _talk(request.param, stream=True)


@pytest.fixture(params=list(LOOPS))
def plain_provider(request: pytest.FixtureRequest) -> Callable[..., Awaitable[str]]:
    """The same without streaming."""
    return _talk(request.param, stream=False)


@pytest.fixture(scope="session")
def sdk() -> Any:
    """This file: the types and the loops."""
    return sys.modules[__name__]


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose paths are short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="pm") as folder:
        yield Path(folder)
