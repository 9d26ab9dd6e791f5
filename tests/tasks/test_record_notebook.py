"""The notebook is a pure fold of the events, valid after every one of them."""

import json
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import RecordError
from tasks._answers import MIME
from tasks._record import ACT_MIME, Event, Notebook, clean_output, fold, make

NOW = "2026-01-01T00:00:00.000Z"
Folded = Callable[..., dict[str, Any]]


@pytest.fixture
def folded(history: list[tuple[str, dict[str, Any]]]) -> Folded:
    """The document after an opened attempt with one code cell `c` and the pairs given."""

    def apply(*pairs: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        code = ("cell.added", {"cell_id": "c", "cell_type": "code", "source": "1"})
        every = [history[0], code, *pairs]
        return fold(make(i, NOW, k, d) for i, (k, d) in enumerate(every)).document()

    return apply


def out(text: str, name: str = "stdout") -> tuple[str, dict[str, Any]]:
    output = {"output_type": "stream", "name": name, "text": text}
    return ("cell.output", {"cell_id": "c", "output": output})


def shown(text: str, ident: str) -> tuple[str, dict[str, Any]]:
    output = {
        "output_type": "display_data",
        "data": {"text/plain": text},
        "metadata": {},
        "transient": {"display_id": ident},
    }
    return ("cell.output", {"cell_id": "c", "output": output})


def texts(document: dict[str, Any], cell: int = 0) -> list[str]:
    return [
        output["text"] if "text" in output else output["data"]["text/plain"]
        for output in document["cells"][cell]["outputs"]
    ]


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_every_prefix_folds_to_a_valid_notebook_and_steps_equal_the_batch(
    data: st.DataObject, attempts: Any
):
    events: list[Event] = data.draw(attempts)
    notebook = Notebook()
    for count, event in enumerate(events, 1):
        notebook.apply(event)
        saved = b"".join(notebook.chunks())
        assert saved == b"".join(fold(events[:count]).chunks())
        nbformat.validate(json.loads(saved))


def test_an_attempt_with_everything_is_valid_and_says_what_it_is(events: list[Event]):
    document = fold(events).document()
    nbformat.validate(document)
    about = document["metadata"]["proctor"]
    assert about["attempt"] == "a1"
    assert about["schema"] == 1
    assert about["reason"] == "submitted"
    assert about["events"] == len(events) - 1  # all but the one that binds it
    assert about["opened"] == events[0].t
    assert [c["metadata"]["proctor"]["role"] for c in document["cells"]] == [
        "brief",
        "agent",
        "act",
        "answer",
    ]
    act, answer = (c["outputs"][0]["data"] for c in document["cells"][2:])
    assert answer[MIME] == {"p": [0.5, 0.5]}
    assert json.loads(answer["text/plain"]) == {"p": [0.5, 0.5]}
    assert act[ACT_MIME] == {
        "action": None,
        "observation": {"view": 1, "reward": 0.0, "done": False},
    }


def test_it_reads_like_a_notebook_that_jupyter_saved(events: list[Event], tmp_path: Any):
    path = tmp_path / "x.ipynb"
    path.write_bytes(b"".join(fold(events).chunks()))
    read = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    assert read.nbformat_minor == 5
    assert read.cells[0].source == "# B"
    assert path.read_text().splitlines()[:3] == ["{", ' "cells": [', "  {"]


@given(st.text())
def test_sources_come_back_letter_by_letter(source: str):
    from tasks._record._cells import split

    assert "".join(split(source)) == source
    assert all(line.endswith("\n") for line in split(source)[:-1])


def test_chunks_of_one_stream_are_merged_and_other_things_are_not(folded: Folded):
    document = folded(out("a"), out("b"), out("E", "stderr"), out("c"), shown("d", "x"), out("e"))
    assert texts(document) == ["ab", "E", "c", "d", "e"]


def test_twenty_thousand_chunks_cost_no_quadratic_time(folded: Folded):
    assert len(texts(folded(*(out("x" * 50) for _ in range(20_000))))[0]) == 1_000_000


def test_an_output_may_be_updated_wherever_it_was_shown(folded: Folded):
    update = ("cell.updated", {"display_id": "d", "data": {"text/plain": "new"}})
    document = folded(shown("a", "d"), shown("b", "e"), shown("c", "d"), update)
    assert texts(document) == ["new", "b", "new"]
    assert "transient" not in document["cells"][0]["outputs"][0]


def test_a_cleared_output_is_not_updated_back_to_life(folded: Folded):
    update = ("cell.updated", {"display_id": "d", "data": {"text/plain": "new"}})
    cleared = ("cell.cleared", {"cell_id": "c"})
    assert texts(folded(shown("a", "d"), cleared, update)) == []
    assert texts(folded(shown("a", "d"), cleared, update, shown("b", "d"), update)) == ["new"]


def test_a_clear_may_wait_for_the_next_output(folded: Folded):
    wait = ("cell.cleared", {"cell_id": "c", "wait": True})
    assert texts(folded(out("a"), wait)) == ["a"]
    assert texts(folded(out("a"), wait, out("b"), out("c"))) == ["bc"]


def test_starting_or_editing_a_cell_forgets_its_outputs(folded: Folded):
    ended = ("cell.finished", {"cell_id": "c", "status": "ok", "execution_count": 3, "ms": 1.0})
    started = ("cell.started", {"cell_id": "c"})
    again = folded(started, out("a"), ended, started)["cells"][0]
    assert (again["outputs"], again["execution_count"]) == ([], None)
    assert again["metadata"]["proctor"]["status"] == "running"
    edited = folded(started, out("a"), ended, ("cell.edited", {"cell_id": "c", "source": "2"}))
    assert (edited["cells"][0]["outputs"], edited["cells"][0]["source"]) == ([], ["2"])
    assert "status" not in edited["cells"][0]["metadata"]["proctor"]


def test_a_cell_may_be_put_between_others(folded: Folded):
    note = {"cell_id": "n", "cell_type": "markdown", "source": "", "role": "note", "index": 0}
    assert [c["id"] for c in folded(("cell.added", note))["cells"]] == ["n", "c"]


def test_an_agent_cannot_take_the_id_of_the_answer(folded: Folded):
    squatter = {"cell_id": "answer-3", "cell_type": "code", "source": ""}
    document = folded(("cell.added", squatter), ("answer.accepted", {"answer": 1}))
    assert len({cell["id"] for cell in document["cells"]}) == 3
    nbformat.validate(document)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("cell.started", {"cell_id": "zz"}),
        ("cell.edited", {"cell_id": "zz", "source": ""}),
        ("cell.added", {"cell_id": "c", "cell_type": "code", "source": ""}),
        ("cell.added", {"cell_id": "d", "cell_type": "code", "source": "", "index": 9}),
        ("cell.output", {"cell_id": "m", "output": {"output_type": "stream", "text": ""}}),
        ("attempt.closed", {"notebook_sha256": ""}),
    ],
)
def test_what_cannot_come_now_is_refused_and_changes_nothing(
    history: Any, kind: str, data: dict[str, Any]
):
    code = ("cell.added", {"cell_id": "c", "cell_type": "code", "source": "1"})
    words = ("cell.added", {"cell_id": "m", "cell_type": "markdown", "source": ""})
    notebook = fold(make(i, NOW, k, d) for i, (k, d) in enumerate([history[0], code, words]))
    before = notebook.document()
    with pytest.raises(RecordError):
        notebook.apply(make(3, NOW, kind, data))
    assert notebook.document() == before


def test_nothing_comes_before_the_opening_or_after_the_end(events: list[Event]):
    with pytest.raises(RecordError):
        fold(events[1:2])
    with pytest.raises(RecordError):
        fold([*events[:2], events[0]])
    with pytest.raises(RecordError):
        fold([*events[:-1], events[4]])
    with pytest.raises(RecordError):
        fold([*events, events[-1]])


WORDS = [
    *("output_type", "data", "text", "metadata", "transient", "display_id", "name", "traceback"),
    *("execution_count", "text/plain", "application/json", "image/png"),
]
_anything: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS) | st.text(max_size=4),
            inner | st.sampled_from(["stream", "error", "display_data", "execute_result"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(_anything)
def test_whatever_a_kernel_sends_becomes_a_valid_output(raw: Any):
    output = clean_output(raw)
    assert clean_output(output) == output
    json.dumps(output, allow_nan=False).encode()
    output.pop("transient", None)
    cell = {
        "cell_type": "code",
        "id": "c",
        "metadata": {},
        "source": "",
        "execution_count": None,
        "outputs": [output],
    }
    nbformat.validate({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
