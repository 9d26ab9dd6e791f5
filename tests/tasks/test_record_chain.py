"""The chain: any change of a log is found."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import RecordError
from tasks._record import START, Event, read_log, scan_log, unseal

Sealed = Callable[[Iterable[Event]], list[bytes]]
LogOf = Callable[[bytes], Path]


@pytest.fixture
def lines(events: list[Event], sealed: Sealed) -> list[bytes]:
    return sealed(events)


def authentic(lines: list[bytes], key: bytes) -> int:
    mac, count = START, 0
    for line in lines:
        opened = unseal(key, mac, line)
        if opened is None:
            break
        mac, count = opened[1], count + 1
    return count


def test_an_untouched_log_is_read_back(
    lines: list[bytes], events: list[Event], log_of: LogOf, key: bytes
):
    log = read_log(log_of(b"".join(lines)), key)
    assert list(log.events) == events
    assert log.tail == 0
    assert log.closed is not None
    assert log.finished is not None


def test_every_single_changed_byte_is_found(lines: list[bytes], key: bytes):
    whole = b"".join(lines)
    assert authentic(lines, key) == len(lines)
    for position in range(len(whole)):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(whole)
            changed[position] ^= flip
            found = bytes(changed).split(b"\n")
            pieces = [piece + b"\n" for piece in found[:-1]] + ([found[-1]] if found[-1] else [])
            assert authentic(pieces, key) < len(lines), position


def test_removed_repeated_and_swapped_lines_are_found(lines: list[bytes], key: bytes):
    for i in range(len(lines) - 1):
        assert authentic(lines[:i] + lines[i + 1 :], key) == i
        assert authentic([*lines[: i + 1], *lines[i:]], key) == i + 1
        assert authentic([*lines[:i], lines[i + 1], lines[i], *lines[i + 2 :]], key) == i


@settings(max_examples=60)
@given(data=st.data())
def test_inserted_and_deleted_bytes_are_found(
    data: st.DataObject, events: list[Event], sealed: Sealed, key: bytes
):
    lines = sealed(events)
    whole = b"".join(lines)
    at = data.draw(st.integers(0, len(whole) - 1))
    gone = data.draw(st.integers(0, 3))
    more = data.draw(st.binary(max_size=4))
    changed = whole[:at] + more + whole[at + gone :]
    if changed != whole:
        pieces = changed.split(b"\n")
        assert authentic([*(p + b"\n" for p in pieces[:-1]), pieces[-1]], key) < len(lines)


def test_the_lines_of_another_attempt_do_not_fit(events: list[Event], lines: list[bytes]):
    assert authentic(lines, b"another key") == 0


def test_a_changed_line_stops_the_strict_reader(lines: list[bytes], log_of: LogOf, key: bytes):
    lines[4] = lines[4].replace(b"print", b"prin7")
    path = log_of(b"".join(lines))
    with pytest.raises(RecordError, match="line 5"):
        read_log(path, key)
    assert len(scan_log(path, key).events) == 4


def test_every_cut_leaves_the_whole_lines_before_it(
    lines: list[bytes], events: list[Event], log_of: LogOf, key: bytes
):
    whole = b"".join(lines)
    ends = [0]
    for line in lines:
        ends.append(ends[-1] + len(line))
    for size in range(0, len(whole), 7):
        log = scan_log(log_of(whole[:size]), key)
        complete = sum(end <= size for end in ends) - 1
        assert list(log.events) == events[:complete]
        assert log.tail == size - ends[complete]
        assert log.closed is None
        assert log.torn == (log.tail > 0)


def test_a_log_without_any_event_is_named(log_of: LogOf, key: bytes):
    with pytest.raises(RecordError, match="no event"):
        read_log(log_of(b""), key)
