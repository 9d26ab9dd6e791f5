"""Kernel messages are hostile data: whatever comes, outputs stay valid, bounded and named."""

import json
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook

from server.kernels import Clear, KernelOutput, Output, Update
from server.kernels.outputs import (
    CELL_KEPT,
    MEDIA_KEPT,
    OUTPUTS_KEPT,
    TAIL_KEPT,
    TEXT_KEPT,
    Message,
    Outputs,
    content_of,
    opened,
)
from server.kit._caps import MESSAGE_CHARS, clipped, slim

texts = st.text(max_size=30) | st.just("\ud800")
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)
kinds = st.sampled_from(
    ["stream", "display_data", "execute_result", "update_display_data", "error", "clear_output"]
)
fields = st.sampled_from(
    ["name", "text", "data", "metadata", "transient", "execution_count", "ename", "traceback"]
)
bundles = st.dictionaries(
    st.sampled_from(["text/plain", "image/png", "application/json", "text/html", "image/svg+xml"]),
    jsons,
    max_size=3,
)


def collected(*messages: tuple[str, Any]) -> tuple[list[KernelOutput], Outputs]:
    heard: list[KernelOutput] = []
    outputs = Outputs(heard.append)
    for kind, content in messages:
        outputs.take(kind, content)
    outputs.finish()
    return heard, outputs


def stream(text: str, name: str = "stdout") -> tuple[str, dict[str, str]]:
    return "stream", {"name": name, "text": text}


def dicts(heard: list[KernelOutput]) -> list[Any]:
    return [item.output for item in heard if isinstance(item, Output)]


@given(st.lists(st.binary(max_size=40) | st.just(b"<IDS|MSG>"), max_size=9))
def test_frames_of_any_kind_are_a_message_or_none(frames: list[bytes]) -> None:
    message = opened(frames)
    assert message is None or isinstance(message.parent, str)


@pytest.mark.parametrize(
    "content", [b"[1]", b"\xff", b"[" * 100_000, b"1" * 5000, b'{"a": ' + b"1" * 5000 + b"}", b""]
)
def test_content_that_is_no_object_is_empty(content: bytes) -> None:
    assert content_of(Message("stream", "", content)) == {}


def test_numbers_that_are_none_become_null() -> None:
    assert content_of(Message("x", "", b'{"a": NaN, "b": -Infinity}')) == {"a": None, "b": None}


@given(st.lists(st.tuples(kinds, st.dictionaries(fields, jsons | bundles, max_size=5)), max_size=5))
def test_whatever_a_kernel_sends_gives_a_valid_notebook(messages: list[tuple[str, Any]]) -> None:
    heard, _ = collected(*messages)
    shown = dicts(heard)
    for output in shown:
        output.pop("transient", None)
        json.dumps(output, ensure_ascii=False).encode()
    nbformat.validate(new_notebook(cells=[new_code_cell("", outputs=shown)]))


def test_chunks_of_one_stream_are_merged_and_two_streams_kept_apart() -> None:
    heard, _ = collected(stream("a"), stream("b"), stream("c", "stderr"), stream("d"))
    assert [(o["name"], o["text"]) for o in dicts(heard)] == [
        ("stdout", "ab"),
        ("stderr", "c"),
        ("stdout", "d"),
    ]


def test_too_much_text_keeps_head_and_tail_with_the_count_between() -> None:
    heard, _ = collected(*[stream("h" * 500_000)] * 6, stream("the end"))
    text = "".join(o["text"] for o in dicts(heard))
    assert text.startswith("h" * 500_000)
    assert text.endswith("the end")
    assert "characters left out" in text
    assert len(text) < TEXT_KEPT + 3 * TAIL_KEPT + 500_000


@pytest.mark.parametrize(
    "mime", ["text/html", "application/javascript", "application/vnd.jupyter.widget-view+json"]
)
def test_what_only_a_browser_shows_is_left_out_by_name(mime: str) -> None:
    heard, outputs = collected(("display_data", {"data": {mime: "x"}}))
    assert list(dicts(heard)[0]["data"]) == ["text/plain"]
    assert mime in outputs.remark()


def test_a_kernel_cannot_write_an_answer() -> None:
    heard, _ = collected(
        ("display_data", {"data": {"application/vnd.proctor.answer+json": {"a": 1}}})
    )
    assert list(dicts(heard)[0]["data"]) == ["text/plain"]


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg", "image/svg+xml", "application/json"])
def test_media_are_kept_up_to_1_mb(mime: str) -> None:
    for size, kept in ((MEDIA_KEPT // 2, True), (MEDIA_KEPT * 2, False)):
        heard, outputs = collected(("display_data", {"data": {mime: "A" * size}}))
        assert (mime in dicts(heard)[0]["data"]) is kept
        assert bool(outputs.remark()) is not kept


def test_a_cell_keeps_so_much_rich_output_and_says_how_much_it_dropped() -> None:
    one = ("display_data", {"data": {"text/plain": "x"}})
    heard, outputs = collected(*[one] * (OUTPUTS_KEPT + 7))
    assert len(heard) == OUTPUTS_KEPT
    assert "(7x)" in outputs.remark()
    big = ("display_data", {"data": {"image/png": "A" * 1_000_000}})
    heard, _ = collected(*[big] * 20)
    assert sum(len(o["data"]["image/png"]) for o in dicts(heard)) <= CELL_KEPT


def test_clear_and_update_come_in_order_with_what_was_printed() -> None:
    heard, _ = collected(
        stream("a"),
        ("clear_output", {"wait": True}),
        ("display_data", {"data": {"text/plain": "1"}, "transient": {"display_id": "d"}}),
        ("update_display_data", {"data": {"text/plain": "2"}, "transient": {"display_id": "d"}}),
    )
    assert [type(item) for item in heard] == [Output, Clear, Output, Update]
    assert heard[3] == Update("d", {"text/plain": "2"}, {})


def test_nesting_and_infinite_numbers_in_json_are_tamed() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    heard, _ = collected(("display_data", {"data": {"application/json": deep}}))
    assert "application/json" not in dicts(heard)[0]["data"]
    heard, _ = collected(("display_data", {"data": {"application/json": {"x": float("inf")}}}))
    assert dicts(heard)[0]["data"]["application/json"] == {"x": None}


def test_the_kernels_own_caps_bound_every_message() -> None:
    assert len(clipped("x" * 10_000, 100)) < 200
    bundle = {f"image/{n}": "A" * 1_000_000 for n in range(9)}
    kept = slim({**bundle, "text/plain": "t" * 5_000_000})
    assert sum(len(value) for value in kept.values()) <= MESSAGE_CHARS
    assert "left out" in kept["text/plain"]
