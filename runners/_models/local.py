"""A local transformers model as pydantic-ai's: a folder, a hub id, or a GGUF file in a folder.

The conversation goes through the tokenizer's own chat template (roles in plain words where it has
none). Tools are told in the system message and called by one JSON object in the text,
`{"tool": NAME, "arguments": {…}}`. Decoding is greedy unless `+temperature` is above 0; draws then
follow the attempt's seed. A model sees no images. A folder is read offline; a hub id is fetched
and cached by huggingface_hub.
"""

import json
import random
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import anyio
from pydantic_ai.exceptions import ModelContextWindowExceededError
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from runners._models.reading import NoAnswerError, read_answer
from tasks import JSON, UsageError

TOOLS = """You can call tools. To call one, answer with nothing but one JSON object \
{"tool": NAME, "arguments": {…}}; its result is shown to you next. The tools, each with the schema \
of its arguments:"""
UNSEEN = "[a picture, which you cannot see]"


@dataclass(frozen=True)
class Weights:
    """A loaded model."""

    tokenizer: Any
    network: Any
    context: int
    """Tokens that it can take in and give out together."""


@dataclass(frozen=True)
class Drawn:
    """What a generation gave."""

    text: str
    taken: int
    """Tokens in."""
    given: int
    """Tokens out."""
    ended: bool
    """The model ended it, not the limit."""


class Store:
    """Loads a model once, and lets one attempt at a time use it."""

    def __init__(self, place: str, gguf: str | None) -> None:
        self.place = place
        self._gguf = gguf
        self._lock = threading.Lock()
        self._weights: Weights | None = None

    def generate(
        self,
        chat: Sequence[Mapping[str, str]],
        settings: Mapping[str, Any],
        seed: int,
        stop: threading.Event,
    ) -> Drawn:
        """Continue a conversation; runs in a worker thread, and ends soon after `stop` is set.

        Raises:
            UsageError: the model cannot be loaded.
            ModelContextWindowExceededError: the conversation fills the model's window.
        """
        with self._lock:
            if self._weights is None:
                self._weights = loaded(self.place, self._gguf)
            return _generated(self.place, self._weights, chat, _Draw(settings, seed, stop))


class LocalModel(Model):
    """One attempt's view of a local model."""

    def __init__(self, place: str, *, gguf: str | None = None, store: Store | None = None) -> None:
        super().__init__()
        prepare()
        self._store = store or Store(place, gguf)
        self._rng = random.Random(0)  # noqa: S311 - draws of tokens, no secrets

    def seeded(self, rng: random.Random) -> "LocalModel":
        """The same weights, drawing from `rng`."""
        other = LocalModel(self._store.place, store=self._store)
        other._rng = rng
        return other

    @property
    def model_name(self) -> str:
        """Its folder or hub id."""
        return self._store.place

    @property
    def system(self) -> str:
        """The provider's name."""
        return "local"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The model's next message."""
        tools = model_request_parameters.function_tools
        chat, stop = chatted(messages, tools), threading.Event()
        settings = dict(cast("Mapping[str, Any]", model_settings or {}))
        seed = self._rng.getrandbits(32)
        try:
            # Abandoned, not awaited, if the attempt is ended: the thread sees `stop` by itself.
            drawn = await anyio.to_thread.run_sync(
                self._store.generate, chat, settings, seed, stop, abandon_on_cancel=True
            )
        finally:
            stop.set()
        call = called(drawn.text, tools)
        ended = "stop" if drawn.ended else "length"
        return ModelResponse(
            parts=[call or TextPart(drawn.text)],
            usage=RequestUsage(input_tokens=drawn.taken, output_tokens=drawn.given),
            model_name=self.model_name,
            provider_name=self.system,
            finish_reason="tool_call" if call else ended,
        )


def prepare() -> None:
    """Import what the worker threads use: transformers' lazy imports are not safe in threads."""
    from transformers import (  # noqa: F401 - for its effect
        AutoModelForCausalLM,  # pyright: ignore[reportUnusedImport]
        AutoTokenizer,  # pyright: ignore[reportUnusedImport]
        GenerationConfig,  # pyright: ignore[reportUnusedImport]
        StoppingCriteria,  # pyright: ignore[reportUnusedImport]
        StoppingCriteriaList,  # pyright: ignore[reportUnusedImport]
    )


def loaded(place: str, gguf: str | None) -> Weights:
    """Load a model and its tokenizer.

    Raises:
        UsageError: it is not there, or cannot be read.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # a bar of many attempts stands on the terminal already
    offline = Path(place).is_dir()
    more: dict[str, Any] = {"local_files_only": offline, **({"gguf_file": gguf} if gguf else {})}
    cuda = torch.cuda.is_available()
    dtype: Any = "auto" if cuda else torch.float32
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(place, **more)
        network: Any = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **more)
    except (OSError, ValueError, ImportError) as error:
        raise UsageError(
            f"The local model {place} cannot be loaded: {error}. Give a folder with config.json, "
            "weights and tokenizer, a hub id that this machine can reach, or +gguf=FILE."
        ) from error
    network = network.to("cuda" if cuda else "cpu").eval()
    context = int(getattr(network.config, "max_position_embeddings", 0) or 2**20)
    return Weights(tokenizer, network, context)


@dataclass(frozen=True)
class _Draw:
    settings: Mapping[str, Any]
    seed: int
    stop: threading.Event


def _generated(
    place: str, weights: Weights, chat: Sequence[Mapping[str, str]], draw: _Draw
) -> Drawn:
    import torch
    from transformers import GenerationConfig, StoppingCriteriaList

    tokenizer, network = weights.tokenizer, weights.network
    ids = torch.tensor([encoded(tokenizer, chat)], device=network.device)
    taken = int(ids.shape[1])
    room = weights.context - taken
    if room < 1:
        raise ModelContextWindowExceededError(
            place, f"The conversation has {taken} tokens; the model takes {weights.context}."
        )
    temperature = float(draw.settings.get("temperature", 0.0))
    warm: dict[str, Any] = {"temperature": temperature, "top_k": 0} if temperature > 0 else {}
    ends = _ends(weights)
    config = GenerationConfig(
        max_new_tokens=min(room, int(draw.settings.get("max_tokens", room))),
        do_sample=temperature > 0,
        eos_token_id=ends or None,
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0,
        **warm,
    )
    halt = StoppingCriteriaList([_halting(draw.stop)])
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(draw.seed)
        out = network.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=config,
            stopping_criteria=halt,
        )[0, taken:]
    ended = bool(len(out)) and int(out[-1]) in ends
    text = tokenizer.decode(out, skip_special_tokens=True).strip()
    return Drawn(text, taken, len(out), ended)


def _halting(stop: threading.Event) -> Any:
    import torch
    from transformers import StoppingCriteria

    class Halt(StoppingCriteria):
        """Ends a generation that nobody waits for any more."""

        def __call__(self, input_ids: Any, scores: Any, **rest: Any) -> Any:
            return torch.full(
                (input_ids.shape[0],), stop.is_set(), dtype=torch.bool, device=input_ids.device
            )

    return Halt()


def _ends(weights: Weights) -> list[int]:
    """Tokens that end a message."""
    told = weights.network.generation_config.eos_token_id
    found: list[Any] = told if isinstance(told, list) else [told]
    found.append(weights.tokenizer.eos_token_id)
    return sorted({int(one) for one in found if one is not None})


def encoded(tokenizer: Any, chat: Sequence[Mapping[str, str]]) -> list[int]:
    """The conversation's token ids, up to where the model's message begins."""
    from jinja2 import TemplateError

    if not tokenizer.chat_template:
        plain = "".join(f"{one['role']}: {one['content']}\n\n" for one in chat)
        return list(tokenizer(f"{plain}assistant:")["input_ids"])
    for form in (list(chat), _without_system(chat)):
        with suppress(TemplateError):
            text = tokenizer.apply_chat_template(form, tokenize=False, add_generation_prompt=True)
            return list(tokenizer(text, add_special_tokens=False)["input_ids"])
    raise UsageError("The model's chat template takes no conversation of user and assistant.")


def _without_system(chat: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    # Some templates refuse a system message; its text then opens the first one.
    if len(chat) < 2 or chat[0]["role"] != "system":
        return list(chat)
    first = {"role": "user", "content": f"{chat[0]['content']}\n\n{chat[1]['content']}"}
    return [first, *chat[2:]]


def chatted(
    messages: Sequence[ModelMessage], tools: Sequence[ToolDefinition]
) -> list[dict[str, str]]:
    """The messages as roles and texts: system first, then user and assistant in turn."""
    system = [_tools_told(tools)] if tools else []
    turns: list[tuple[str, str]] = []
    for message in messages:
        if isinstance(message, ModelRequest):
            if message.instructions and message.instructions not in system:
                system.insert(0, message.instructions)
            for part in message.parts:
                if isinstance(part, SystemPromptPart):
                    system.append(part.content)
                elif isinstance(part, UserPromptPart):
                    turns.append(("user", _texts(part.content)))
                elif isinstance(part, ToolReturnPart):
                    turns.append(("user", f"{part.tool_name} gave:\n{_texts(part.content)}"))
        else:
            turns.extend(("assistant", said) for part in message.parts if (said := _said(part)))
    chat = [{"role": "system", "content": "\n\n".join(system)}] if system else []
    for role, text in turns:
        if chat and chat[-1]["role"] == role:
            chat[-1]["content"] += f"\n\n{text}"
        else:
            chat.append({"role": role, "content": text})
    return chat


def _tools_told(tools: Sequence[ToolDefinition]) -> str:
    lines = [
        f"- {tool.name}: {tool.description} {json.dumps(tool.parameters_json_schema)}"
        for tool in tools
    ]
    return "\n".join([TOOLS, *lines])


def _texts(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list | tuple):
        items = cast("Sequence[object]", content)
        return "\n".join(one if isinstance(one, str) else UNSEEN for one in items)
    return json.dumps(content)


def _said(part: object) -> str:
    if isinstance(part, TextPart):
        return part.content
    if isinstance(part, ToolCallPart):
        return json.dumps({"tool": part.tool_name, "arguments": part.args_as_dict()})
    return ""


def called(text: str, tools: Sequence[ToolDefinition]) -> ToolCallPart | None:
    """The tool call that a text is; None if it is none."""
    names = {tool.name for tool in tools}
    try:
        value: JSON = read_answer(text, ("tool",)) if names else None
    except NoAnswerError:
        return None
    if not isinstance(value, dict):
        return None
    found = cast("dict[str, Any]", value)
    name, arguments = found.get("tool", found.get("name")), found.get("arguments", {})
    if name not in names or not isinstance(arguments, dict):
        return None
    return ToolCallPart(str(name), cast("dict[str, Any]", arguments))
