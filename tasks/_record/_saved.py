"""Reading saved notebooks, ours and those that others made (Scribe, JupyterLab), for scoring.

A notebook is data: size-capped, parsed strictly, brought to the shape that our own ones have.
Whether it may be believed is the chain's business (`proctor runs verify`), not this file's.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from tasks._answers import MIME as ANSWER_MIME
from tasks._core import JSON
from tasks._errors import RecordError
from tasks._record._json import decode, plain
from tasks._record._notebook import ACT_MIME
from tasks._record._outputs import clean_metadata, clean_output, count, join
from tasks._record._reader import read_bytes

MAX_NOTEBOOK = 128 * 2**20
"""Bytes of one notebook."""
_CELL_TYPES = ("code", "markdown", "raw")
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def load_notebook(path: Path, cap: int = MAX_NOTEBOOK) -> dict[str, JSON]:
    """A notebook as nbformat 4.5: ids where they lack, sources and texts joined, outputs valid.

    Cells keep their order and metadata (Scribe writes `metadata.execution_status`).

    Raises:
        RecordError: not readable (see `read_bytes`), not strict JSON, or not of format 4.
    """
    try:
        raw = decode(read_bytes(path, cap))
    except ValueError as error:
        raise RecordError(f"{path} is not a notebook: {error}.") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise RecordError(f"{path} is not a notebook: it has no list of cells.")
    if raw.get("nbformat") != 4:
        raise RecordError(
            f"{path} has notebook format {raw.get('nbformat')!r}; 4 is read. Open and save it in "
            "JupyterLab to bring it up to date."
        )
    cells: list[dict[str, JSON]] = []
    taken: set[str] = set()
    for index, cell in enumerate(raw["cells"]):
        if not isinstance(cell, dict) or cell.get("cell_type") not in _CELL_TYPES:
            raise RecordError(f"Cell {index} of {path} is not a cell.")
        cells.append(_cell(cell, _name(cell.get("id"), index, taken)))
    return {
        "cells": cells,
        "metadata": clean_metadata(raw.get("metadata")),
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def about(notebook: Mapping[str, JSON]) -> dict[str, JSON]:
    """What Proctor wrote of the attempt (`metadata.proctor`); {} in a notebook of others."""
    found = notebook["metadata"].get("proctor")
    return found if isinstance(found, dict) else {}


def role(cell: Mapping[str, JSON]) -> str | None:
    """The role the daemon gave a cell; None in a notebook of others."""
    found = cell["metadata"].get("proctor")
    return found.get("role") if isinstance(found, dict) else None


def accepted_answer(notebook: Mapping[str, JSON]) -> tuple[JSON] | None:
    """The accepted answer, in a tuple of one since it may be null; None if there is none."""
    found = _typed(notebook, "answer", ANSWER_MIME)
    return (found[-1],) if found else None


def acts(notebook: Mapping[str, JSON]) -> list[dict[str, JSON]]:
    """The steps of an episode in order, each {action, observation}."""
    return [step for step in _typed(notebook, "act", ACT_MIME) if isinstance(step, dict)]


def _typed(notebook: Mapping[str, JSON], wanted: str, mime: str) -> list[JSON]:
    return [
        output["data"][mime]
        for cell in notebook["cells"]
        if role(cell) == wanted
        for output in cell.get("outputs", ())
        if output["output_type"] == "display_data" and mime in output["data"]
    ]


def _cell(raw: Mapping[str, JSON], cell_id: str) -> dict[str, JSON]:
    cell: dict[str, JSON] = {
        "cell_type": raw["cell_type"],
        "id": cell_id,
        "metadata": clean_metadata(raw.get("metadata")),
        "source": join(raw.get("source")),
    }
    if raw["cell_type"] == "code":
        outputs = raw.get("outputs")
        cleaned = [clean_output(item) for item in outputs] if isinstance(outputs, list) else []
        for output in cleaned:
            output.pop("transient", None)
        cell["outputs"] = cleaned
        cell["execution_count"] = count(raw.get("execution_count"))
    elif isinstance(raw.get("attachments"), dict):
        cell["attachments"] = plain(raw["attachments"])
    return cell


def _name(wanted: JSON, index: int, taken: set[str]) -> str:
    fits = isinstance(wanted, str) and _CELL_ID.fullmatch(wanted) and wanted not in taken
    name = wanted if fits else f"cell-{index}"
    while name in taken:
        name += "-"
    taken.add(name)
    return name
