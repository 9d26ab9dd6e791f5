"""Reading records without trust: size caps before anything is parsed, no links, regular files only.

A log's MACs are checked line by line before JSON is parsed, so that only what a daemon wrote ever
reaches the parser.
"""

import fcntl
import os
import re
import stat
from collections.abc import Generator, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tasks._core import JSON
from tasks._errors import RecordError
from tasks._record._chain import START, strip, unseal
from tasks._record._events import UPGRADERS, Closed, Event, Finished, Kind, Opened, Upgrader, parse
from tasks._record._json import decode

MAX_LOG = 512 * 2**20
"""Bytes of one event log."""
MAX_LINE = 64 * 2**20
"""Bytes of one event."""
MAX_HEAD = 2**20
"""Bytes of the first line, which is read before its MAC can be checked."""
MAX_SMALL = 4 * 2**20
"""Bytes of run.json and usage.json."""
MAX_RESULTS = 64 * 2**20
"""Bytes of one file of results."""
_KIND = re.compile(rb'\{"v":\d+,"seq":\d+,"t":"[^"]*","kind":"([a-z._]+)"')


class NotBegunError(RecordError):
    """A log without one whole line: its daemon died while it opened the attempt."""


@dataclass(frozen=True)
class Log:
    """What could be read of an event log."""

    events: tuple[Event, ...]
    size: int
    """Bytes up to the end of the last authentic line."""
    mac: bytes
    """MAC of that line."""
    tail: int
    """Bytes after it: 0 in a healthy log."""
    torn: bool
    """The tail is one line without its end, as a crash leaves it."""

    @property
    def opened(self) -> Opened:
        """The first event's data."""
        assert isinstance(self.events[0].data, Opened)
        return self.events[0].data

    @property
    def finished(self) -> Finished | None:
        """Why the attempt ended, if it has."""
        data = (event.data for event in reversed(self.events[-2:]))
        return next((item for item in data if isinstance(item, Finished)), None)

    @property
    def closed(self) -> Closed | None:
        """The last event's data, if the log is complete."""
        last = self.events[-1].data if self.events else None
        return last if isinstance(last, Closed) else None


def read_bytes(path: Path, cap: int) -> bytes:
    """A regular file's content.

    Raises:
        RecordError: missing, unreadable, a link, not a regular file, or larger than `cap` bytes.
    """
    with _regular(path, cap) as file:
        data = file.read(cap + 1)
    if len(data) > cap:
        raise RecordError(f"{path} grew beyond {cap:,} bytes while it was read.")
    return data


def read_json(path: Path, cap: int = MAX_SMALL) -> JSON:
    """A JSON file, read strictly.

    Raises:
        RecordError: see `read_bytes`; or it is not strict JSON.
    """
    try:
        return decode(read_bytes(path, cap))
    except ValueError as error:
        raise RecordError(f"{path} is not valid JSON: {error}.") from error


def peek(path: Path) -> Opened:
    """What the first line of a log claims, **not** authenticated: enough to find its key.

    Raises:
        NotBegunError: a crash came before the first line was whole.
        RecordError: there is no such line.
    """
    with _regular(path, MAX_LOG) as file:
        line = file.readline(MAX_HEAD)
    if not line.endswith(b"\n") and len(line) < MAX_HEAD:
        raise NotBegunError(f"{path} holds no whole event: the attempt never began.")
    try:
        raw = decode(line)
    except ValueError as error:
        raise RecordError(f"{path} does not begin with an event: {error}.") from error
    if not isinstance(raw, dict):
        raise RecordError(f"{path} does not begin with an event.")
    event = parse({name: value for name, value in raw.items() if name != "mac"})
    if not isinstance(event.data, Opened):
        raise RecordError(f"{path} begins with {event.kind}, not with {Kind.OPENED}.")
    return event.data


def scan_log(path: Path, key: bytes, upgraders: Mapping[int, Upgrader] = UPGRADERS) -> Log:
    """The authentic part of a log: up to the first line that does not belong.

    Raises:
        RecordError: the file cannot be read, or a line is of a schema that this code cannot read.
    """
    events: list[Event] = []
    size, mac = 0, START
    with _regular(path, MAX_LOG) as file:
        total = os.fstat(file.fileno()).st_size
        for line in _lines(file):
            opened = unseal(key, mac, line)
            if opened is None:
                return Log(tuple(events), size, mac, total - size, torn=not line.endswith(b"\n"))
            event = parse(decode(opened[0], unique=False), upgraders)
            if event.seq != len(events):
                raise RecordError(f"Event {len(events)} of {path} says that it is {event.seq}.")
            events.append(event)
            size, mac = size + len(line), opened[1]
    return Log(tuple(events), size, mac, 0, torn=False)


def read_log(path: Path, key: bytes, upgraders: Mapping[int, Upgrader] = UPGRADERS) -> Log:
    """A whole log; a last line that a crash has cut is left out.

    Raises:
        RecordError: see `scan_log`; or the log was changed, or holds no event.
    """
    log = scan_log(path, key, upgraders)
    if log.tail and not log.torn:
        raise RecordError(
            f"{path} was changed: its line {len(log.events) + 1} does not follow from the ones "
            "before it under this key."
        )
    if not log.events:
        raise RecordError(f"{path} holds no event: the attempt never began.")
    return log


def read_unverified(
    path: Path,
    upgraders: Mapping[int, Upgrader] = UPGRADERS,
    *,
    only: Set[str] | None = None,
) -> list[Event]:
    """The events of a log whose key is not at hand: for people to look at, proof of nothing.

    Args:
        path: The log.
        upgraders: See `parse`.
        only: Kinds that are wanted; others are passed over unparsed. None: all.

    Raises:
        RecordError: the file cannot be read, or a whole line is not an event.
    """
    events: list[Event] = []
    with _regular(path, MAX_LOG) as file:
        for line in _lines(file):
            if not line.endswith(b"\n"):
                break
            if only is not None and (kind := _KIND.match(line)) and kind[1].decode() not in only:
                continue
            body = strip(line)
            try:
                raw = None if body is None else decode(body)
            except ValueError:
                raw = None
            if not isinstance(raw, dict):
                raise RecordError(f"Line {len(events) + 1} of {path} is not an event.")
            events.append(parse(raw, upgraders))
    return events


def is_live(path: Path) -> bool:
    """Whether a daemon holds this log open for writing.

    Raises:
        RecordError: it cannot be read.
    """
    with _regular(path, MAX_LOG) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextmanager
def _regular(path: Path, cap: int) -> Generator[BinaryIO]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags)
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}.") from error
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        os.close(handle)
        raise RecordError(f"{path} is not a regular file.")
    with os.fdopen(handle, "rb") as file:
        if info.st_size > cap:
            raise RecordError(f"{path} has {info.st_size:,} bytes; at most {cap:,} are read.")
        try:
            yield file
        except OSError as error:
            raise RecordError(f"{path} cannot be read: {error.strerror}.") from error


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE + 1):
        yield line
