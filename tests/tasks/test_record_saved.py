"""Notebooks that others saved load for scoring; bombs and traps do not."""

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks import RecordError
from tasks._record import (
    Event,
    about,
    accepted_answer,
    acts,
    fold,
    load_notebook,
    read_bytes,
    read_json,
    role,
)

SCRIBE = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {"execution_status": "complete"},
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]},
                {
                    "output_type": "display_data",
                    "data": {"image/png": "aGk=", "text/plain": ["<Figure>"]},
                    "metadata": {},
                },
                {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]},
            ],
            "source": ["print('a')\n", "print('b')"],
        },
        {"cell_type": "markdown", "metadata": {}, "source": "words"},
        {"cell_type": "markdown", "id": "same", "metadata": {}, "source": ""},
        {"cell_type": "raw", "id": "same", "metadata": {}, "source": ""},
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 2,
}


def put(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_a_notebook_that_scribe_made_becomes_one_of_ours(tmp_path: Path):
    notebook = load_notebook(put(tmp_path / "s.ipynb", SCRIBE))
    nbformat.validate(notebook)
    first = notebook["cells"][0]
    assert first["source"] == "print('a')\nprint('b')"
    assert first["outputs"][0]["text"] == "a\nb\n"
    assert first["metadata"] == {"execution_status": "complete"}
    assert len({cell["id"] for cell in notebook["cells"]}) == 4
    assert about(notebook) == {}
    assert accepted_answer(notebook) is None
    assert role(first) is None


def test_what_nbformat_writes_is_read(tmp_path: Path):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1"), *[]])
    nbformat.write(made, tmp_path / "n.ipynb")
    assert load_notebook(tmp_path / "n.ipynb")["cells"][0]["source"] == "1"


def test_the_answer_and_the_acts_are_read_from_the_notebook_alone(
    events: list[Event], tmp_path: Path
):
    path = tmp_path / "x.ipynb"
    path.write_bytes(b"".join(fold(events).chunks()))
    notebook = load_notebook(path)
    assert accepted_answer(notebook) == ({"p": [0.5, 0.5]},)
    assert [step["action"] for step in acts(notebook)] == [None]
    assert about(notebook)["attempt"] == "a1"


def test_an_answer_displayed_by_agent_code_is_no_answer(events: list[Event], tmp_path: Path):
    document = fold(events).document()
    for cell in document["cells"]:
        cell["metadata"]["proctor"]["role"] = "agent"
    assert accepted_answer(load_notebook(put(tmp_path / "x.ipynb", document))) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a notebook"),
        ("[]", "no list of cells"),
        ('{"cells": 3}', "no list of cells"),
        ('{"cells": [], "nbformat": 3}', "format 3"),
        ('{"cells": [4], "nbformat": 4}', "Cell 0"),
        ('{"cells": [{"cell_type": "html"}], "nbformat": 4}', "Cell 0"),
        ('{"cells": [], "nbformat": 4, "nbformat": 4}', "twice"),
        ('{"cells": [], "nbformat": 4, "x": NaN}', "NaN"),
        ('{"cells": [], "nbformat": 4, "x": 1e999}', "finite"),
        ('{"cells": [], "nbformat": 4, "x": ' + "9" * 5000 + "}", "integer"),
        ("[" * 100_000, "nested"),
        ('"\ud800"', "not a notebook"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_notebook_is_named(tmp_path: Path, text: str, said: str):
    path = tmp_path / "x.ipynb"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(RecordError, match=said):
        load_notebook(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_any_cell_content_is_brought_into_shape_or_refused(tmp_path: Path, value: Any):
    cell = {"cell_type": "code", "source": value, "outputs": [value], "metadata": value}
    raw = {"cells": [cell], "metadata": value, "nbformat": 4}
    notebook = load_notebook(put(tmp_path / "x.ipynb", raw))
    if about(notebook) == {}:
        notebook["metadata"] = {}
    notebook["cells"][0]["metadata"] = {}
    nbformat.validate(notebook)


def test_caps_come_before_parsing(tmp_path: Path):
    path = put(tmp_path / "x.json", "[" + "{}," * 100 + "{}]")
    assert len(read_json(path)) == 101
    with pytest.raises(RecordError, match="at most 99"):
        read_json(path, 99)
    with pytest.raises(RecordError, match="at most 99"):
        load_notebook(path, 99)


def test_links_pipes_folders_and_missing_files_are_refused(tmp_path: Path):
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", ".", "missing"):
        with pytest.raises(RecordError):
            read_bytes(tmp_path / name, 100)
