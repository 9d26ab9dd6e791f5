"""The notebook is a pure fold of the events: same log, same bytes.

`Notebook.apply` takes one event after the other; `chunks` gives the file's text in pieces, most of
them cached, so that a save costs what changed. The file is nbformat 4.5 with ids; what Proctor
knows of the attempt stands in `metadata.proctor`, of a cell in its `metadata.proctor`.

Accepted answers and acts are cells of role `answer` and `act` with one typed output each, so that
the notebook and the key alone reproduce the score. Only the daemon gives roles: the same MIME type
in a cell of role `agent` means nothing.
"""

import json
from collections.abc import Callable, Iterable
from typing import cast

from tasks._answers import MIME as ANSWER_MIME
from tasks._core import JSON, Frozen
from tasks._errors import RecordError
from tasks._record import _events as e
from tasks._record._cells import Cell, Shown
from tasks._record._json import decode, encode
from tasks._record._outputs import count

ACT_MIME = "application/vnd.proctor.act+json"
"""MIME type of the output of a cell of role `act`: {action, observation}."""
NO_KERNEL = "died"
"""Status of cells that were running when the daemon was lost."""


class Notebook:
    """A notebook under construction."""

    def __init__(self) -> None:
        self._head: dict[str, JSON] = {}
        self._cells: list[Cell] = []
        self._by_id: dict[str, Cell] = {}
        self._shown: dict[str, list[tuple[Cell, Shown]]] = {}
        self._count = 0
        self._closed = False

    @property
    def running(self) -> list[str]:
        """Ids of the cells that were started and have not finished."""
        return [cell.cell_id for cell in self._cells if cell.status == "running"]

    @property
    def finished(self) -> bool:
        """Whether the attempt has ended."""
        return self._head.get("finished") is not None

    def check(self, event: e.Event) -> None:
        """Say whether `event` may come next; changes nothing.

        Raises:
            RecordError: it names a cell that is not there, or one twice, or comes out of turn.
        """
        if (event.kind is e.Kind.OPENED) != (self._count == 0):
            raise RecordError(f"{event.kind} cannot be event {self._count} of an attempt.")
        if (event.kind is e.Kind.CLOSED) != self.finished or self._closed:
            raise RecordError(f"{event.kind} cannot come here: see attempt.finished.")
        data = event.data
        if isinstance(data, e.CellAdded):
            self._check_added(data)
        elif isinstance(data, e.CellOutput | e.CellStarted | e.CellFinished | e.CellCleared):
            if self._cell(data.cell_id).cell_type != "code":
                raise RecordError(f"Cell {data.cell_id} is not a code cell: no {event.kind}.")
        elif isinstance(data, e.CellEdited):
            self._cell(data.cell_id)

    def apply(self, event: e.Event) -> None:
        """Take in the next event.

        Raises:
            RecordError: see `check`; nothing has changed then.
        """
        self.check(event)
        self.take(event)

    def take(self, event: e.Event) -> None:
        """Take in an event that `check` has let through."""
        if event.kind is e.Kind.CLOSED:  # It binds the notebook, so it is no part of it.
            self._closed = True
            return
        self._count += 1
        handler = _HANDLERS.get(type(event.data))
        if handler is not None:
            handler(self, event, event.data)

    def chunks(self) -> list[bytes]:
        """The file's text, in pieces to be joined."""
        pieces: list[bytes] = [b'{\n "cells": [']
        for index, cell in enumerate(self._cells):
            pieces.append(b",\n" if index else b"\n")
            pieces += cell.render()
        pieces.append(b"\n ],\n" if self._cells else b"],\n")
        head = json.dumps(self._metadata(), sort_keys=True, ensure_ascii=False, indent=1)
        indented = head.replace("\n", "\n ").encode()
        pieces += [b' "metadata": ', indented, b',\n "nbformat": 4,\n "nbformat_minor": 5\n}\n']
        return pieces

    def document(self) -> dict[str, JSON]:
        """The notebook as a value."""
        return decode(b"".join(self.chunks()), unique=False)

    def _metadata(self) -> dict[str, JSON]:
        return {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "proctor": {"schema": e.SCHEMA, **self._head, "events": self._count},
        }

    def _check_added(self, data: e.CellAdded) -> None:
        if data.cell_id in self._by_id:
            raise RecordError(f"Cell {data.cell_id} is in the notebook already.")
        if data.index is not None and data.index > len(self._cells):
            raise RecordError(
                f"Index {data.index} is past the end of a notebook of {len(self._cells)} cells."
            )

    def _cell(self, cell_id: str) -> Cell:
        cell = self._by_id.get(cell_id)
        if cell is None:
            raise RecordError(f"Cell {cell_id} is not in the notebook.")
        return cell

    def _opened(self, event: e.Event, data: e.Opened) -> None:
        self._head = {
            **{name: getattr(data, name) for name in _HEAD},
            "opened": event.t,
            "finished": None,
            "reason": None,
        }

    def _finished(self, event: e.Event, data: e.Finished) -> None:
        self._head.update(finished=event.t, reason=data.reason)

    def _tools_listed(self, event: e.Event, data: e.ToolsListed) -> None:
        self._head["tools_sha256"] = data.sha256

    def _added(self, event: e.Event, data: e.CellAdded) -> None:
        cell = Cell(data.cell_id, data.cell_type, data.source, event.seq, data.role)
        self._insert(cell, data.index)

    def _insert(self, cell: Cell, index: int | None) -> None:
        self._cells.insert(len(self._cells) if index is None else index, cell)
        self._by_id[cell.cell_id] = cell

    def _edited(self, event: e.Event, data: e.CellEdited) -> None:
        cell = self._cell(data.cell_id)
        self._forget(cell)
        cell.reset()
        cell.source = data.source

    def _started(self, event: e.Event, data: e.CellStarted) -> None:
        cell = self._cell(data.cell_id)
        self._forget(cell)
        cell.reset()
        cell.status, cell.started = "running", event.t

    def _output(self, event: e.Event, data: e.CellOutput) -> None:
        cell = self._cell(data.cell_id)
        if cell.clear_next:
            self._clear(cell)
        cell.touch()
        if cell.outputs and cell.outputs[-1].extend(data.output):
            return
        shown = Shown(data.output)
        cell.outputs.append(shown)
        if shown.display_id is not None:
            self._shown.setdefault(shown.display_id, []).append((cell, shown))

    def _cleared(self, event: e.Event, data: e.CellCleared) -> None:
        cell = self._cell(data.cell_id)
        if data.wait:
            cell.clear_next = True
        else:
            self._clear(cell)

    def _updated(self, event: e.Event, data: e.CellUpdated) -> None:
        for cell, shown in self._shown.get(data.display_id, ()):
            shown.update(data.data, data.metadata)
            cell.touch()

    def _ended(self, event: e.Event, data: e.CellFinished) -> None:
        cell = self._cell(data.cell_id)
        cell.status, cell.ms, cell.note = data.status, data.ms, data.note
        cell.execution_count = count(data.execution_count)
        cell.touch()

    def _accepted(self, event: e.Event, data: e.AnswerAccepted) -> None:
        bundle = {ANSWER_MIME: data.answer, "text/plain": _pretty(data.answer)}
        self._spoken(event, "answer", "# The accepted answer", bundle)

    def _acted(self, event: e.Event, data: e.Act) -> None:
        step = {"action": data.action, "observation": data.observation}
        bundle = {ACT_MIME: step, "text/plain": _pretty(data.observation)}
        self._spoken(event, "act", f"# act {encode(data.action).decode()}", bundle)

    def _spoken(self, event: e.Event, role: str, source: str, bundle: dict[str, JSON]) -> None:
        # Code cells, since nbformat gives outputs to no other; their source is a comment.
        cell = Cell(self._free(f"{role}-{event.seq}"), "code", source, event.seq, role)
        cell.outputs.append(Shown({"output_type": "display_data", "data": bundle, "metadata": {}}))
        self._insert(cell, None)

    def _free(self, wanted: str) -> str:
        while wanted in self._by_id:
            wanted += "-"
        return wanted

    def _clear(self, cell: Cell) -> None:
        self._forget(cell)
        cell.outputs = []
        cell.clear_next = False
        cell.touch()

    def _forget(self, cell: Cell) -> None:
        for name in {shown.display_id for shown in cell.outputs if shown.display_id is not None}:
            self._shown[name] = [pair for pair in self._shown[name] if pair[0] is not cell]


def fold(events: Iterable[e.Event]) -> Notebook:
    """The notebook of a log."""
    notebook = Notebook()
    for event in events:
        notebook.apply(event)
    return notebook


_HEAD = (
    "attempt",
    "instance",
    "agent",
    "n",
    "stamp",
    "sandbox",
    "versions",
    "secret_id",
    "diagnostic",
    "graded",
    "title",
)

_Handler = Callable[[Notebook, e.Event, Frozen], None]
_HANDLERS: dict[type[Frozen], _Handler] = {
    model: cast(_Handler, handler)
    for model, handler in (
        (e.Opened, Notebook._opened),
        (e.ToolsListed, Notebook._tools_listed),
        (e.CellAdded, Notebook._added),
        (e.CellEdited, Notebook._edited),
        (e.CellStarted, Notebook._started),
        (e.CellOutput, Notebook._output),
        (e.CellCleared, Notebook._cleared),
        (e.CellUpdated, Notebook._updated),
        (e.CellFinished, Notebook._ended),
        (e.AnswerAccepted, Notebook._accepted),
        (e.Act, Notebook._acted),
        (e.Finished, Notebook._finished),
    )
}


def _pretty(value: JSON) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
