"""pydantic-ai's models, which API agents are built on, against the endpoint."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ModelRetry, NativeOutput, Tool
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

from runners._desk import RefusedError
from runners.scripted_model import Call, Script, endpoint

Make = Callable[[str, Any], Model]
MODELS: dict[str, Make] = {
    "anthropic": lambda url, http: AnthropicModel(
        "m", provider=AnthropicProvider(api_key="test", base_url=url, http_client=http)
    ),
    "chat": lambda url, http: OpenAIChatModel(
        "m", provider=OpenAIProvider(api_key="test", base_url=f"{url}/v1", http_client=http)
    ),
    "responses": lambda url, http: OpenAIResponsesModel(
        "m", provider=OpenAIProvider(api_key="test", base_url=f"{url}/v1", http_client=http)
    ),
    "gemini": lambda url, http: GoogleModel(
        "gemini-2.5-flash",
        provider=GoogleProvider(api_key="test", base_url=url, http_client=http),
    ),
}


async def echo(text: str) -> dict[str, Any]:
    """Say it back; an MCP client that parses a server's JSON gives an object as well."""
    if text == "refuse":
        raise ModelRetry("No session 'x'.")
    return {"said": text}


async def draw() -> list[Any]:
    return [{"status": "ok"}, BinaryContent(b"\x89PNG", media_type="image/png")]


async def play(call: Call) -> str:
    said = json.loads(await call("echo", {"text": 'an "odd" text'}))["said"]
    try:
        await call("echo", {"text": "refuse"})
    except RefusedError as error:
        said += f" | {error}"
    return f"{said} | {(await call.result('draw', {})).images} image"


class Answer(BaseModel):
    number: float
    word: str


@asynccontextmanager
async def modelled(name: str, script: Script | str) -> AsyncGenerator[Any]:
    async with httpx2.AsyncClient(timeout=60) as http, endpoint(script) as served:
        yield MODELS[name](served.url, http), served


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_an_agent_of_pydantic_ai_plays_a_script(name: str, stream: bool):
    async def main() -> None:
        async with modelled(name, Script(summary="a test", play=play)) as (model, served):
            agent = Agent(model, tools=[Tool(echo, name="proctor_echo"), draw], retries=3)
            if stream:
                async with agent.run_stream("Hello.") as streamed:
                    words, used = await streamed.get_output(), streamed.usage
            else:
                result = await agent.run("Hello.")
                words, used = result.output, result.usage
            said, refused, seen = words.split(" | ")
            assert said == 'an "odd" text'
            assert refused.startswith("No session 'x'.")
            assert seen == "1 image"
            total = served.totals[""]
            assert total.requests == used.requests == 4
            assert (total.input, total.output) == (used.input_tokens, used.output_tokens)
            assert total.cached == used.cache_read_tokens > 0

    anyio.run(main)


@pytest.mark.parametrize("name", MODELS)
def test_words_fit_the_schema_in_the_prompt_or_in_the_protocol(name: str):
    schema = json.dumps(Answer.model_json_schema(), indent=1)

    async def main() -> None:
        async with modelled(name, "words") as (model, _):
            asked = f"Some {{braces}} first.\nTask: a/b\nAnswer as JSON of this schema:\n{schema}"
            said = [(await Agent(model).run(f"{asked} {n}")).output for n in (1, 1, 2)]
            first, again, other = (Answer.model_validate_json(text) for text in said)
            assert first == again != other
            assert "no answer schema" in (await Agent(model).run("Hello.")).output
            if name != "anthropic":
                # The name of no model of this provider that has it.
                structured: Any = Agent(model, output_type=NativeOutput(Answer))
                assert isinstance((await structured.run("Hello.")).output, Answer)

    anyio.run(main)


@pytest.mark.parametrize("name", ["chat", "responses", "gemini"])
def test_a_side_question_gets_a_value_that_decides_nothing(name: str):
    class Circles(BaseModel):
        in_circles: bool
        confidence: float

    async def main() -> None:
        async with modelled(name, "solver") as (model, _):
            structured: Any = Agent(model, output_type=NativeOutput(Circles))
            said = (await structured.run("Does the model go in circles?")).output
            assert (said.in_circles, said.confidence) == (False, 0.0)

    anyio.run(main)
