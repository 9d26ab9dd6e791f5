"""Events: typed, canonical, versioned."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks import RecordError
from tasks._record import (
    SCHEMA,
    START,
    Event,
    Kind,
    Opened,
    Run,
    RunFolder,
    body,
    encode,
    make,
    read_log,
    read_unverified,
    seal,
    tidy,
)
from tasks._record._events import DATA, parse

NOW = "2026-01-01T00:00:00.000Z"


def test_every_kind_survives_the_way_through_its_line(events: list[Event]):
    assert {event.kind for event in events} == set(Kind) == set(DATA)
    for event in events:
        assert parse(json.loads(body(event))) == event


def test_a_null_answer_is_an_answer_and_is_kept():
    event = make(0, NOW, "answer.accepted", {"answer": None})
    assert parse(json.loads(body(event))) == event
    assert json.loads(body(event))["data"] == {"answer": None}


def test_a_line_is_utf8_for_people_and_sorted():
    line = body(make(0, NOW, "answer.accepted", {"answer": {"b": "é", "a": 1}}))
    assert line == (
        b'{"v":1,"seq":0,"t":"2026-01-01T00:00:00.000Z","kind":"answer.accepted",'
        b'"data":{"answer":{"a":1,"b":"\xc3\xa9"}}}'
    )


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("cell.eaten", {}),
        ("cell.started", {}),
        ("cell.started", {"cell_id": "a b"}),
        ("cell.started", {"cell_id": "c", "extra": 1}),
        ("cell.added", {"cell_id": "c", "cell_type": "html", "source": ""}),
        ("cell.added", {"cell_id": "c", "cell_type": "code", "source": "", "role": "answer"}),
        ("cell.finished", {"cell_id": "c", "status": "fine"}),
        ("attempt.finished", {"reason": "bored"}),
    ],
)
def test_data_that_do_not_fit_their_kind_are_refused(kind: str, data: dict[str, Any]):
    with pytest.raises(RecordError):
        make(0, NOW, kind, data)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "\ud800", 10**5000, {1, 2}],
    ids=["nan", "inf", "surrogate", "endless", "set"],
)
def test_what_is_not_json_is_not_encoded(value: Any):
    with pytest.raises(RecordError):
        encode({"x": value})


@pytest.mark.parametrize("depth", [65, 900, 5000])
def test_bottomless_nesting_is_not_encoded(depth: int):
    value: Any = 0
    for _ in range(depth):
        value = [value]
    with pytest.raises(RecordError, match=r"nested|recursion|depth"):
        encode(value)


def test_many_brackets_in_a_shallow_value_are_no_nesting():
    assert json.loads(encode(["[" * 200, [[]] * 100])) == ["[" * 200, [[]] * 100]


_wild: Any = st.recursive(
    st.floats() | st.text(st.characters()) | st.integers() | st.none() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(_wild)
def test_tidied_data_can_always_be_recorded(value: Any):
    event = make(0, NOW, "act", tidy({"action": value, "observation": 0}))
    assert parse(json.loads(body(event))) == event


def test_tidying_joins_surrogate_pairs_and_replaces_lone_ones():
    assert tidy({"x": "\ud83d\ude00 \ud800"}) == {"x": "\U0001f600 \ufffd"}


def test_tidying_stops_bottomless_nesting():
    value: Any = 0
    for _ in range(900):
        value = {"x": [value]}
    encode(tidy({"x": value}))


def version_0(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """A made-up older schema: `type` for `kind`, seconds for `t`, `text` for an output."""
    data = dict(raw["data"])
    if raw["type"] == "cell.output":
        output = {"output_type": "stream", "name": "stdout", "text": data.pop("text")}
        data["output"] = output
    t = f"2026-01-01T00:00:{raw['at']:02}.000Z"
    return {"v": 0, "seq": raw["seq"], "t": t, "kind": raw["type"], "data": data}


def agent_for_who(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**{name: value for name, value in raw.items() if name != "who"}, "agent": raw["who"]}


@pytest.fixture
def old_log(history: Any, log_of: Callable[[bytes], Path], key: bytes) -> Path:
    lines = [
        {"v": 0, "seq": 0, "at": 0, "type": "attempt.opened", "data": history[0][1]},
        {"v": 0, "seq": 1, "at": 1, "type": "cell.added", "data": history[4][1]},
        {"v": 0, "seq": 2, "at": 2, "type": "cell.output", "data": {"cell_id": "c", "text": "hi"}},
    ]
    mac, data = START, b""
    for line in lines:
        text, mac = seal(key, mac, json.dumps(line).encode())
        data += text
    return log_of(data)


def test_an_older_log_is_read_through_the_upgraders(old_log: Path, key: bytes):
    log = read_log(old_log, key, {0: version_0})
    assert [event.kind.value for event in log.events] == [
        "attempt.opened",
        "cell.added",
        "cell.output",
    ]
    assert isinstance(log.opened, Opened)
    assert log.events[2] == make(
        2,
        "2026-01-01T00:00:02.000Z",
        "cell.output",
        {"cell_id": "c", "output": {"output_type": "stream", "name": "stdout", "text": "hi"}},
    )
    assert read_unverified(old_log, {0: version_0}) == list(log.events)


def test_an_older_log_without_a_way_up_is_refused_by_name(old_log: Path, key: bytes):
    with pytest.raises(RecordError, match="version 0 to 1"):
        read_log(old_log, key, {})


def test_a_newer_log_is_refused_and_never_guessed_at(
    events: list[Event], sealed: Callable[[Iterable[Event]], list[bytes]]
):
    raw = json.loads(body(events[0]))
    with pytest.raises(RecordError, match="update"):
        parse({**raw, "v": SCHEMA + 1})


def test_run_json_has_the_same_upgrade_path(tmp_path: Path):
    run = RunFolder(tmp_path)
    new = Run(suite="strategic", agent="solver", created=NOW)
    run.write(new)
    assert run.read() == new
    assert json.loads((tmp_path / "run.json").read_text())["schema"] == 1
    old = {"schema": 0, "suite": "strategic", "who": "solver", "created": NOW}
    (tmp_path / "run.json").write_text(json.dumps(old))
    with pytest.raises(RecordError):
        run.read({})
    assert run.read({0: agent_for_who}) == new
    (tmp_path / "run.json").write_text(json.dumps({**old, "schema": 2}))
    with pytest.raises(RecordError, match="update"):
        run.read()
