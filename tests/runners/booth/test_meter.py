"""Tokens are counted in the providers' own answers, in the shapes that they document."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners._booth.account import Account, price, priced
from runners._booth.meter import Meter, Reading
from tasks._record import Tokens


def sse(*events: dict[str, Any], end: str = "\n\n") -> bytes:
    lines = [f"data: {json.dumps(event)}{end}" for event in events]
    named = [f"event: {event['type']}\n" if "type" in event else "" for event in events]
    return "".join(name + line for name, line in zip(named, lines, strict=True)).encode()


ANTHROPIC = sse(
    {
        "type": "message_start",
        "message": {
            "model": "claude-sonnet-4-5-20250929",
            "usage": {
                "input_tokens": 12,
                "cache_creation_input_tokens": 300,
                "cache_read_input_tokens": 4000,
                "cache_creation": {"ephemeral_5m_input_tokens": 300},
                "output_tokens": 1,
                "service_tier": "standard",
            },
        },
    },
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a\nb"}},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use"},
        "usage": {"output_tokens": 89},
    },
    {"type": "message_stop"},
)
RESPONSES = sse(
    {"type": "response.created", "response": {"model": "gpt-5.2", "usage": None}},
    {"type": "response.output_text.delta", "delta": "data: {}"},
    {
        "type": "response.completed",
        "response": {
            "model": "gpt-5.2-2025-12-11",
            "usage": {
                "input_tokens": 900,
                "input_tokens_details": {"cached_tokens": 512},
                "output_tokens": 120,
                "output_tokens_details": {"reasoning_tokens": 64},
                "total_tokens": 1020,
            },
        },
    },
)
GEMINI = sse(
    {
        "candidates": [{"content": {"parts": [{"text": "a"}]}}],
        "usageMetadata": {"promptTokenCount": 50, "totalTokenCount": 50},
        "modelVersion": "gemini-2.5-flash",
    },
    {
        "candidates": [{"content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 50,
            "cachedContentTokenCount": 30,
            "candidatesTokenCount": 7,
            "thoughtsTokenCount": 11,
            "toolUsePromptTokenCount": 5,
            "totalTokenCount": 73,
        },
        "modelVersion": "gemini-2.5-flash",
    },
    end="\r\n\r\n",
)
CHAT = (
    sse(
        {"model": "gpt-4.1-mini", "choices": [{"delta": {"content": "a"}}], "usage": None},
        {
            "model": "gpt-4.1-mini",
            "choices": [],
            "usage": {
                "prompt_tokens": 40,
                "completion_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 16},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
        },
    )
    + b"data: [DONE]\n\n"
)
STREAMS: list[tuple[Any, bytes, Reading]] = [
    (
        "anthropic",
        ANTHROPIC,
        Reading("claude-sonnet-4-5-20250929", Tokens(input=4312, output=89, cached=4000), 300),
    ),
    (
        "responses",
        RESPONSES,
        Reading("gpt-5.2-2025-12-11", Tokens(input=900, output=120, cached=512, reasoning=64)),
    ),
    (
        "gemini",
        GEMINI,
        Reading("gemini-2.5-flash", Tokens(input=55, output=18, cached=30, reasoning=11)),
    ),
    ("chat", CHAT, Reading("gpt-4.1-mini", Tokens(input=40, output=9, cached=16, reasoning=3))),
]


@pytest.mark.parametrize(("wire", "stream", "expected"), STREAMS, ids=lambda v: str(v)[:9])
@given(cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_a_stream_is_read_however_it_is_cut(
    wire: Any, stream: bytes, expected: Reading, cuts: list[int]
):
    meter = Meter(wire, streamed=True)
    marks = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, stop in itertools.pairwise(marks):
        meter.feed(stream[start:stop])
    assert meter.reading() == expected


@pytest.mark.parametrize(("wire", "stream", "expected"), STREAMS, ids=lambda v: str(v)[:9])
def test_an_answer_in_one_piece_is_read_as_well(wire: Any, stream: bytes, expected: Reading):
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith(b"data: {")]
    whole: Any = {
        "anthropic": lambda: {
            **events[0]["message"],
            "usage": {**events[0]["message"]["usage"], "output_tokens": 89},
        },
        "responses": lambda: events[-1]["response"],
        "gemini": lambda: events,
        "chat": lambda: events[-1],
    }[wire]()
    meter = Meter(wire, streamed=False)
    meter.feed(json.dumps(whole, indent=1).encode())
    assert meter.reading() == expected


def test_a_stream_that_breaks_off_has_told_what_it_told():
    meter = Meter("anthropic", streamed=True)
    meter.feed(ANTHROPIC[: ANTHROPIC.index(b"event: message_delta") + 60])
    assert meter.reading().tokens == Tokens(input=4312, output=1, cached=4000)


@pytest.mark.parametrize("junk", [b"", b"data: [1, 2]\n", b"data: {\n", b"\xff\n", b"data: null\n"])
def test_junk_tells_nothing(junk: bytes):
    for wire in ("anthropic", "responses", "gemini", "chat"):
        meter = Meter(wire, streamed=True)
        meter.feed(junk)
        assert meter.reading().tokens is None


def test_cached_input_is_cheaper_and_written_cache_dearer_by_the_list():
    def cost(cached: int, written: int) -> float:
        tokens = Tokens(input=1_000_000, output=0, cached=cached)
        found = price("anthropic", "claude-sonnet-4-5", Reading("", tokens, written))
        assert found is not None
        return found

    # Anthropic's list: a tenth for what is read from the cache, 1.25 for what is written to it.
    assert cost(1_000_000, 0) == pytest.approx(cost(0, 0) / 10)
    assert cost(0, 1_000_000) == pytest.approx(cost(0, 0) * 1.25)
    assert not priced("anthropic", "a-model-that-nobody-made")


def test_an_account_without_a_price_says_unknown_and_never_zero():
    account = Account(provider="anthropic", model="a-model-that-nobody-made", turns=9, usd=1.0)
    assert account.limit() == ""
    account.answered(Reading("", Tokens(input=5, output=5)), 0.1)
    assert account.spent is None
    # What cannot be kept is not promised: an answer without a price ends the attempt.
    assert account.limit() == "money"
