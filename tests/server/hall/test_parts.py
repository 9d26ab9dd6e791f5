"""The hall's pure parts: budgets and leases, replies that fit, outputs as agents see them."""

import base64
import io
import json
import math
import zlib
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from server.attempts import Attempt, Phase, Reason
from server.bench import bounded, check_source
from server.cells import Cell
from server.papers import find
from server.rendering import cell_reply, clean, render
from server.replies import LIMIT, Picture, Text, dump, fit, page
from server.tools import TOOLS
from tasks import AgentFault, Budget


def attempt(**budget: Any) -> Attempt:
    return Attempt(Budget(**budget), lease_s=600, contact=0.0)


class TestAttempt:
    def test_passes_from_opened_to_running_to_finished(self):
        one = attempt()
        assert one.phase is Phase.OPENED
        one.start(1.0)
        assert one.phase is Phase.RUNNING
        assert one.end(Reason.SUBMITTED, 2.0)
        assert one.phase is Phase.FINISHED
        assert one.usage(99.0)["wall_s"] == 1.0

    def test_the_first_reason_stands(self):
        one = attempt()
        assert one.end(Reason.EXPIRED, 1.0)
        assert not one.end(Reason.SUBMITTED, 2.0)
        assert one.phase is Phase.EXPIRED
        with pytest.raises(AgentFault, match="longer than the lease"):
            one.require_open(3.0)

    def test_the_lease_runs_from_the_last_contact(self):
        one = attempt(wall_s=0)
        one.start(0.0)
        one.touch(500.0)
        assert one.overdue(1099.0) is None
        assert one.overdue(1100.0) is Reason.EXPIRED

    def test_a_long_cell_is_not_idleness(self):
        one = attempt(wall_s=0)
        one.start(0.0)
        one.enter()
        assert one.overdue(10_000.0) is None
        one.leave(10_000.0)
        assert one.overdue(10_500.0) is None
        assert one.overdue(10_600.0) is Reason.EXPIRED

    def test_the_wall_budget_runs_from_the_start_even_in_a_cell(self):
        one = attempt(wall_s=100)
        assert one.overdue(500.0) is None
        one.start(500.0)
        one.enter()
        assert one.wall_left(550.0) == 50
        assert one.overdue(600.0) is Reason.BUDGET

    def test_tool_calls_are_counted_and_the_way_out_is_named(self):
        one = attempt(tool_calls=2)
        one.start(0.0)
        one.charge(0.0)
        one.charge(0.0)
        with pytest.raises(AgentFault, match="Only `submit_answer` and `finish`"):
            one.charge(0.0)
        assert one.left(0.0)["tool_calls"] == 0

    def test_answer_checks_are_limited_and_one_malformed_answer_may_be_repaired(self):
        one = attempt(answer_checks=1)
        one.charge_check()
        with pytest.raises(AgentFault, match="answer checks are used"):
            one.charge_check()
        assert one.reject()
        assert not one.reject()


def test_zero_means_without_limit():
    one = attempt(wall_s=0, tool_calls=0, answer_checks=0, calculations=0)
    one.start(0.0)
    for _ in range(1000):
        one.touch(1e6)
        one.charge(1e6)
        one.charge_check()
        one.charge_calculation()
    assert one.left(1e6) == {}


@pytest.mark.parametrize(
    ("asked", "cell_s", "left", "expected"),
    [
        (0, 60, None, 60),
        (5, 60, None, 5),
        (500, 60, None, 60),
        (0, 60, 7, 7),
        (0, 0, None, math.inf),
    ],
)
def test_a_cell_never_outlasts_its_budgets(asked: float, cell_s: float, left: Any, expected: float):
    assert bounded(asked, cell_s, left) == expected


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("x" * 5_000_000, "5,000,000 bytes"),
        ("a\x00b", "binary data"),
        ("\ud800", "lone surrogates"),
    ],
)
def test_what_cannot_be_a_cell_is_refused_in_words(source: str, told: str):
    with pytest.raises(AgentFault, match=told):
        check_source(source, "code")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5000),
    lambda inner: st.lists(inner, max_size=60) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=80,
)


@given(json_values)
@settings(max_examples=60, deadline=None)
def test_whatever_is_cut_stays_json_and_fits(value: Any):
    text, cut = fit({"session_id": "s", "outputs": value}, "outputs")
    assert len(text) <= LIMIT
    loaded = json.loads(text)
    assert loaded["session_id"] == "s"
    if not cut:
        assert loaded["outputs"] == value


@given(st.text(max_size=20_000).filter(lambda text: "\ud800" not in text))
@settings(max_examples=40, deadline=None)
def test_pages_join_to_the_whole(text: str):
    offset: int | None = 0
    parts: list[str] = []
    while offset is not None:
        part, offset = page(text, offset)
        assert len(dump(part)) <= LIMIT
        parts.append(part)
    assert "".join(parts) == text


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": [text]}


def display(**data: Any) -> dict[str, Any]:
    bundle = {name.replace("_", "/"): value for name, value in data.items()}
    return {"output_type": "display_data", "data": bundle, "metadata": {}}


def png(width: int, height: int, form: str = "PNG") -> str:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(out, form)
    return base64.b64encode(out.getvalue()).decode()


def cell(*outputs: dict[str, Any]) -> Cell:
    return Cell("s-1", "code", "", "agent", list(outputs), status="ok", execution_count=1)


class TestRendering:
    def test_colours_and_overwritten_lines_are_taken_out(self):
        assert clean("\x1b[31mred\x1b[0m\r 10%\r 20%\r100%\r\nnext\x07") == "100%\nnext"

    def test_an_image_comes_down_to_512_pixels_and_its_text_is_dropped(self):
        shown = render([display(text_plain="<Figure>", image_png=png(2048, 1024))])
        assert shown.items == []
        assert Image.open(io.BytesIO(shown.pictures[0].data)).size == (512, 256)

    def test_jpeg_stays_jpeg(self):
        shown = render([display(image_jpeg=png(600, 600, "JPEG"))])
        assert shown.pictures[0].mime == "image/jpeg"

    @pytest.mark.parametrize("data", ["not base64!", "aGVsbG8=", 7, png(64, 64)[:60]])
    def test_a_broken_image_never_reaches_a_client(self, data: Any):
        shown = render([display(text_plain="fig", image_png=data)])
        assert shown.pictures == []
        assert shown.items[0]["content"] == "fig"
        assert shown.left_out

    def test_a_bomb_is_refused_unopened(self):
        # A valid header that promises 30,000 by 30,000 pixels.
        size = (30_000).to_bytes(4, "big")
        chunks = b""
        for kind, data in ((b"IHDR", size + size + b"\x01\0\0\0\0"), (b"IDAT", b"x" * 9)):
            check = zlib.crc32(kind + data).to_bytes(4, "big")
            chunks += len(data).to_bytes(4, "big") + kind + data + check
        bomb = base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunks).decode()
        shown = render([display(image_png=bomb)])
        assert shown.pictures == []
        assert "too" in shown.left_out[0]

    def test_what_only_the_notebook_holds_is_named(self):
        shown = render([display(text_plain="x", application_javascript="alert()")])
        assert shown.items == [{"type": "display", "content": "x"}]
        assert shown.left_out == ["application/javascript (in the notebook)"]

    def test_a_long_output_is_cut_in_valid_json_with_the_way_to_the_rest(self):
        reply = cell_reply({"session_id": "s"}, cell(stream('"\\\n' * 50_000)))
        text = reply[0]
        assert isinstance(text, Text)
        assert len(text.text) <= LIMIT
        loaded = json.loads(text.text)
        assert "characters left out" in loaded["outputs"][0]["content"]
        assert "read_output(id='s-1')" in loaded["cut"]

    def test_images_are_limited_in_number_and_the_rest_is_named(self):
        reply = cell_reply({}, cell(*(display(image_png=png(4, 4)) for _ in range(20))))
        assert sum(isinstance(part, Picture) for part in reply) == 8
        assert isinstance(reply[0], Text)
        assert "12 more images" in reply[0].text


class TestPapers:
    def notebook(self, path: Path, **metadata: Any) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1+1")])
        made["metadata"].update(metadata)
        nbformat.write(made, path)
        return path

    def test_a_practice_notebook_is_found_by_name_and_by_path(self, tmp_path: Path):
        here = tmp_path / "practice_me_1"
        path = self.notebook(here / "notebooks" / "a.ipynb")
        for asked in ("a.ipynb", str(path), "notebooks/a.ipynb", "practice_me_1/notebooks/a.ipynb"):
            assert find(tmp_path, asked, here).cells == [("code", "1+1")]

    @pytest.mark.parametrize(
        "asked", ["../../secret.ipynb", "/etc/passwd", "exam/notebooks/a.ipynb", "x" * 300, "\0"]
    )
    def test_nothing_else_is_opened(self, tmp_path: Path, asked: str):
        self.notebook(tmp_path / "exam" / "notebooks" / "a.ipynb")
        with pytest.raises(AgentFault):
            find(tmp_path, asked, tmp_path / "practice_me_1")

    def test_a_link_out_of_the_folder_is_not_followed(self, tmp_path: Path):
        exam = self.notebook(tmp_path / "exam" / "notebooks" / "a.ipynb")
        link = tmp_path / "practice_me_1" / "notebooks" / "b.ipynb"
        link.parent.mkdir(parents=True)
        link.symlink_to(exam)
        with pytest.raises(AgentFault, match="not a notebook of a practice session"):
            find(tmp_path, "b.ipynb", tmp_path / "practice_me_1")

    @pytest.mark.parametrize("content", ["", "{}", '{"cells": 3}', "[" * 5000, "\ud800binary"])
    def test_a_file_that_is_no_notebook_is_told(self, tmp_path: Path, content: str):
        path = tmp_path / "practice_me_1" / "notebooks" / "a.ipynb"
        path.parent.mkdir(parents=True)
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
        with pytest.raises(AgentFault, match="not a notebook that can be opened"):
            find(tmp_path, "a.ipynb", tmp_path / "practice_me_1")


def test_the_tool_list_is_scribes_seven_and_ours():
    scribe = {
        "start_new_session": ["experiment_name"],
        "start_session_resume_notebook": ["notebook_path"],
        "start_session_continue_notebook": ["notebook_path", "experiment_name"],
        "add_markdown": ["session_id", "content"],
        "edit_cell": ["session_id", "code", "cell_index"],
        "shutdown_session": ["session_id"],
    }
    by_name = {tool.name: tool for tool in TOOLS}
    for name, parameters in scribe.items():
        assert list(by_name[name].input_schema["properties"]) == parameters
    assert list(by_name["execute_code"].input_schema["properties"])[:2] == ["session_id", "code"]
    assert len(by_name) == len(TOOLS) == 20


def test_tool_descriptions_are_short():
    schemas = [{"n": t.name, "d": t.description, "s": t.input_schema} for t in TOOLS]
    assert len(json.dumps(schemas)) < 7_000


def test_wrong_arguments_are_told_with_the_right_ones():
    tool = next(tool for tool in TOOLS if tool.name == "edit_cell")
    with pytest.raises(AgentFault, match=r"edit_cell\(session_id, code, cell_index\?\)"):
        tool.parse({"session_id": "s", "source": "x"})
    parsed = tool.parse({"session_id": "s", "code": "x", "cell_index": None})
    assert parsed.cell_index == -1
