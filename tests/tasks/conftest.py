"""Logs to test the record with."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tasks._record import START, Event, body, make, seal

KEY = b"k" * 32
OPENED: dict[str, Any] = {
    "attempt": "a1",
    "agent": "solver",
    "sandbox": {"tier": "none"},
    "versions": {"proctor": "0.1.0"},
    "secret_id": "s1",
    "notebook": "notebooks/x__1.ipynb",
    "title": "A title",
}
Pairs = list[tuple[str, dict[str, Any]]]

_json: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def display(text: str, ident: str) -> dict[str, Any]:
    bundle = {"data": {"text/plain": text}, "metadata": {}}
    return {"output_type": "display_data", **bundle, "transient": {"display_id": ident}}


def error(value: Any) -> dict[str, Any]:
    return {"output_type": "error", "ename": "E", "evalue": value}


_output: Any = st.one_of(
    st.builds(stream, st.text(max_size=20), st.sampled_from(["stdout", "stderr"])),
    st.builds(display, st.text(max_size=10), st.sampled_from(["d1", "d2"])),
    st.builds(error, _json),
    _json,
)


@st.composite
def histories(draw: st.DrawFn) -> Pairs:
    """Kinds and data of an attempt that could have happened."""
    pairs: Pairs = [("attempt.opened", OPENED)]
    cells: list[str] = []
    for step in range(draw(st.integers(0, 14))):
        name = draw(st.sampled_from(["add", "note", "cell", "cell", "cell", "other"]))
        if name == "add" or (name == "cell" and not cells):
            index = draw(st.none() | st.integers(0, len(cells)))
            source = draw(st.text(max_size=20))
            cell = {"cell_id": f"c{step}", "cell_type": "code", "source": source, "index": index}
            pairs.append(("cell.added", cell))
            cells.append(f"c{step}")
        elif name == "note":
            cell = {
                "cell_id": f"m{step}",
                "cell_type": "markdown",
                "source": "# hi",
                "role": "note",
            }
            pairs.append(("cell.added", cell))
        elif name == "cell":
            pairs.append(draw(_cell_events(draw(st.sampled_from(cells)))))
        else:
            pairs.append(draw(_others))
    return pairs


def _cell_events(cell: str) -> Any:
    def event(kind: str, **fields: Any) -> Any:
        def build(**drawn: Any) -> tuple[str, dict[str, Any]]:
            return kind, {"cell_id": cell, **drawn}

        return st.builds(build, **fields)

    status = st.sampled_from(["ok", "error", "timeout"])
    return st.one_of(
        event("cell.started"),
        event("cell.output", output=_output),
        event("cell.output", output=_output),
        event("cell.cleared", wait=st.booleans()),
        event("cell.edited", source=st.text(max_size=10)),
        event("cell.finished", status=status, execution_count=st.none() | st.integers(0, 99)),
    )


def updated(display_id: str, data: Any) -> tuple[str, dict[str, Any]]:
    return "cell.updated", {"display_id": display_id, "data": data}


def accepted(answer: Any) -> tuple[str, dict[str, Any]]:
    return "answer.accepted", {"answer": answer}


def act(action: Any, observation: Any) -> tuple[str, dict[str, Any]]:
    return "act", {"action": action, "observation": observation}


_others: Any = st.one_of(
    st.builds(updated, st.sampled_from(["d1", "d2", "d3"]), _json),
    st.builds(accepted, _json),
    st.builds(act, _json, _json),
    st.just(("kernel.started", {"tier": "none", "ms": 3.0})),
    st.just(("kernel.failed", {"reason": "no memory"})),
    st.just(("call.refused", {"tool": "start_task", "why": "Your attempt fixes it."})),
    st.just(("tools.listed", {"sha256": "f" * 64, "count": 9})),
    st.just(("answer.rejected", {"raw": "{", "problems": ["not JSON"], "repair_left": 1})),
)


def as_events(pairs: Iterable[tuple[str, dict[str, Any]]]) -> list[Event]:
    return [
        make(seq, f"2026-01-01T00:00:{seq % 60:02}.000Z", kind, data)
        for seq, (kind, data) in enumerate(pairs)
    ]


def as_lines(events: Iterable[Event], key: bytes = KEY) -> list[bytes]:
    lines: list[bytes] = []
    mac = START
    for event in events:
        line, mac = seal(key, mac, body(event))
        lines.append(line)
    return lines


@pytest.fixture(scope="session")
def history() -> Pairs:
    """An attempt with one of everything, closed."""
    return [
        ("attempt.opened", OPENED),
        ("tools.listed", {"sha256": "f" * 64, "count": 9}),
        ("kernel.started", {"tier": "none", "ms": 3.0}),
        ("cell.added", {"cell_id": "b", "cell_type": "markdown", "source": "# B", "role": "brief"}),
        ("cell.added", {"cell_id": "c", "cell_type": "code", "source": "print(1)\nx"}),
        ("cell.started", {"cell_id": "c"}),
        ("cell.output", {"cell_id": "c", "output": stream("1\n")}),
        ("cell.output", {"cell_id": "c", "output": stream("2\n")}),
        ("cell.finished", {"cell_id": "c", "status": "error", "execution_count": 1, "ms": 2.5}),
        ("cell.edited", {"cell_id": "c", "source": "2"}),
        ("cell.cleared", {"cell_id": "c"}),
        ("cell.updated", {"display_id": "d", "data": {"text/plain": "x"}}),
        ("kernel.interrupted", {"reason": "timeout"}),
        ("kernel.died", {"reason": "memory"}),
        ("kernel.restarted", {"tier": "none"}),
        ("kernel.failed", {"reason": "no memory"}),
        ("call.refused", {"tool": "start_task", "why": "Your attempt fixes it."}),
        ("answer.checked", {"ok": False, "problems": ["p"]}),
        ("answer.rejected", {"raw": "{", "problems": ["p"], "repair_left": 1}),
        ("act", {"action": None, "observation": {"view": 1, "reward": 0.0, "done": False}}),
        ("act.refused", {"raw": "{}", "why": "number: Field required"}),
        (
            "calculation",
            {"tool": "ev_calculator", "arguments": {"payoffs": [1]}, "status": "not_allowed"},
        ),
        ("answer.accepted", {"answer": {"p": [0.5, 0.5]}}),
        ("attempt.finished", {"reason": "submitted", "usage": {"tool_calls": 3}}),
        ("attempt.closed", {"notebook_sha256": "0" * 64}),
    ]


@pytest.fixture(scope="session")
def attempts() -> Any:
    """Strategy of event lists, for `@given(data())`."""
    return histories().map(as_events)


@pytest.fixture(scope="session")
def sealed() -> Callable[[Iterable[Event]], list[bytes]]:
    return as_lines


@pytest.fixture
def log_of(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes a log file."""

    def write(data: bytes) -> Path:
        path = tmp_path / "events.jsonl"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture(scope="session")
def key() -> bytes:
    return KEY


@pytest.fixture(scope="session")
def events(history: Pairs) -> list[Event]:
    return as_events(history)


@pytest.fixture(scope="session")
def plain_json() -> Callable[[Any], Any]:
    """A value as JSON gives it back."""
    return lambda value: json.loads(json.dumps(value))
