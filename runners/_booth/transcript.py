"""Keeps what a CLI writes: line by line, cleaned of keys, its middle left out where it is long."""

import json
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from runners._booth.redaction import redacted

LINE = 16 << 20
"""Bytes of one line; a longer one is kept in pieces."""


class Transcript:
    """A file of lines of at most about `head + tail` bytes.

    The head is on disk as it comes, so that it is there whatever dies; the tail, where CLIs sum up
    what they did, at the end.
    """

    def __init__(self, path: Path, secrets: Iterable[bytes], *, head: int, tail: int) -> None:
        self._file = path.open("wb")
        self._secrets = tuple(secrets)
        self._head = head
        self._room = tail
        self._tail: deque[bytes] = deque()
        self._kept = 0
        self._dropped = [0, 0]
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take what came; cut anywhere."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._line(line + b"\n")
        if len(rest) > LINE:
            self._line(rest)
            rest = b""
        self._rest = rest

    def close(self) -> None:
        """Write the rest."""
        if self._rest:
            self._line(self._rest + b"\n")
            self._rest = b""
        lines, size = self._dropped
        if lines:
            told = {"type": "proctor", "left_out": {"lines": lines, "bytes": size}}
            self._file.write(json.dumps(told).encode() + b"\n")
        self._file.write(b"".join(self._tail))
        self._file.close()

    def _line(self, line: bytes) -> None:
        line = redacted(line, self._secrets)
        if self._head >= len(line) and not self._tail and not self._dropped[0]:
            self._head -= len(line)
            self._file.write(line)
            self._file.flush()
            return
        self._tail.append(line)
        self._kept += len(line)
        while self._kept > self._room and len(self._tail) > 1:
            gone = self._tail.popleft()
            self._kept -= len(gone)
            self._dropped = [self._dropped[0] + 1, self._dropped[1] + len(gone)]
