"""The server's text out of what clients wrap around it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.scripted_model._conversation import Result
from runners.scripted_model._results import result_of

PICTURE = {"type": "image", "data": "AA==", "mimeType": "image/png"}
# What our server says: a JSON object on one line.
said = st.dictionaries(
    st.text(min_size=1), st.text() | st.integers() | st.lists(st.text()), min_size=1
).map(lambda body: json.dumps({"session_id": "s", **body}, ensure_ascii=False))
keys = st.sampled_from(["type", "text", "content", "error", "output", "isError"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=8,
)


def wraps(text: str) -> dict[str, Any]:
    """`text` as clients send it."""
    block = {"type": "text", "text": text}
    return {
        "plain": text,
        "blocks": [block],
        "blocks without types": [{"text": text}],
        "blocks as text": json.dumps([block]),
        "input_text": [{"type": "input_text", "text": text}],
        "quoted": json.dumps(text),
        "codex": f"Wall time: 0.0123 seconds\nOutput:\n{text}",
        "codex, the line apart": [
            {"type": "input_text", "text": "Wall time: 1.2 seconds\nOutput:"},
            {"type": "input_text", "text": text},
        ],
        "gemini": {"output": text},
        "gemini, fenced": {"output": f"<untrusted_context>\n{text}\n</untrusted_context>"},
        "google-genai": {"result": text},
        "pydantic-ai": {"return_value": text},
        "mcp": {"content": [block], "isError": False},
        "mcp as text": json.dumps({"content": [block], "structuredContent": None}),
        "mcp in a response": {"result": {"content": [block], "isError": False}},
    }


@given(text=said)
def test_what_is_wrapped_comes_out_as_it_was(text: str):
    for how, value in wraps(text).items():
        assert result_of(value) == Result(text), how


@given(text=said)
def test_a_result_that_was_parsed_on_the_way_is_the_same_object(text: str):
    assert json.loads(result_of(json.loads(text)).text) == json.loads(text)


@pytest.mark.parametrize(
    "value",
    [
        {"error": "No session 'x'."},
        json.dumps({"error": "No session 'x'."}),
        {"call_error": "No session 'x'."},
        {"content": [{"type": "text", "text": "No session 'x'."}], "isError": True},
        {"error": {"content": [{"type": "text", "text": "No session 'x'."}], "isError": True}},
    ],
)
def test_errors_are_seen(value: Any):
    assert result_of(value) == Result("No session 'x'.", 0, error=True)


@pytest.mark.parametrize(
    "picture",
    [
        PICTURE,
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "input_image", "image_url": "data:image/png;base64,AA=="},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
    ],
)
def test_images_among_the_blocks_are_counted(picture: Any):
    assert result_of([{"type": "text", "text": "{}"}, picture, picture]) == Result("{}", 2)
    assert result_of({"content": [picture], "isError": False}) == Result("", 1)


@pytest.mark.parametrize(
    "text",
    [
        '{"content": "a field of ours"}',
        '{"output": "a field of ours"}',
        '{"result": 3}',
        '[{"type": "text"}]',
        "[1, 2]",
        "<untrusted_context> begins and never ends",
        "It took: Wall time: 3 s\nOutput:\n",
        "{broken",
        "",
    ],
)
def test_a_text_of_ours_that_looks_like_a_wrapper_stays(text: str):
    assert result_of(text) == Result(text)


@given(value=anything)
def test_nothing_that_a_client_may_send_breaks_it(value: Any):
    assert isinstance(result_of(value).text, str)
