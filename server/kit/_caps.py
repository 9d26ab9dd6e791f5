"""What a kernel sends, cut to size before it leaves: capped streams and a capped session.

Covers: honest code that prints too much. Does not cover: hostile code, which owns this process.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ipykernel.iostream import OutStream
from jupyter_client.session import Session

OUTPUT_BYTES = 1_000_000
"""Text that one cell may print, in bytes of UTF-8, unless PROCTOR_OUTPUT_BYTES says otherwise."""
DISPLAY_CHARS = 1_400_000
"""Longest single representation in a message: an image of 1 MB in base64."""
MESSAGE_CHARS = 3_000_000
"""Longest message, all its strings together: below the host's hard stop at 4 MB of UTF-8 text."""
_FLUSH_S = 0.02
_FREE_FLUSHES = 50
_TAIL_SHARE = 4  # a quarter of the allowance is kept for the end of what was printed
_ORDERED = frozenset(
    ("display_data", "update_display_data", "execute_result", "error", "clear_output")
)


class Allowance:
    """How many bytes the running cell may still print at once; shared by stdout and stderr."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.left = total - total // _TAIL_SHARE

    def renew(self) -> None:
        """A new cell starts."""
        self.left = self.total - self.total // _TAIL_SHARE


def printable(text: str) -> tuple[str, int]:
    """Return text that UTF-8 can carry and its length in bytes."""
    if text.isascii():
        return text, len(text)
    try:
        return text, len(text.encode())
    except UnicodeEncodeError:  # a lone surrogate
        raw = text.encode("utf-8", "replace")
        return raw.decode(), len(raw)


class CappedStream(OutStream):
    """stdout or stderr that passes a cell's head on, keeps its tail, and tells what it left out."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        # Not the base class's lock: that one must not be held while text is handed on, since its
        # thread takes it too and the way to that thread may be full.
        self._count_lock = threading.RLock()
        self._kept = deque[str]()
        self._kept_chars = 0
        self._cut = 0
        self._over = False
        self._flushing = False
        self._flushed = 0.0
        self._flushes = 0
        self.allowance: Allowance | None = None
        super().__init__(*args, **kw)

    def write(self, string: str) -> int | None:
        """Print `string`, or keep it for the tail once the cell has used up its allowance."""
        if self.allowance is None or not isinstance(string, str):  # pyright: ignore[reportUnnecessaryIsInstance] - agent code
            return super().write(string)
        text, size = printable(string)
        with self._count_lock:
            head = text if not self._over and size <= self.allowance.left else ""
            if not head and not self._over:
                self._over = True
                head, text = text[: self.allowance.left], text[self.allowance.left :]
                size = self.allowance.left
            if self._over:
                self._keep(text)
            else:
                self.allowance.left -= size
        if head:
            super().write(head)
        return len(string)

    def flush(self) -> None:
        """Send soon what was printed: `print(..., flush=True)` in a loop costs no round trips."""
        self._flushes += 1
        recent = time.monotonic() - self._flushed < _FLUSH_S
        if not recent or self._flushes < _FREE_FLUSHES or not self._is_master_process():
            self.settle()

    def settle(self) -> None:
        """Send what was printed before anything that is sent from now on."""
        # This order of reading is what makes it safe: the buffers are emptied while flushing.
        if self._buffers or self._flushing or not self._is_master_process():
            self._flushed = time.monotonic()
            super().flush()

    def _flush(self) -> None:
        self._flushing = True
        try:
            super()._flush()
        finally:
            self._flushing = False

    def _keep(self, text: str) -> None:
        assert self.allowance is not None
        self.allowance.left = 0
        room = self.allowance.total // _TAIL_SHARE
        self._kept.append(text)
        self._kept_chars += len(text)
        while self._kept_chars > room:
            oldest = self._kept.popleft()
            excess = self._kept_chars - room
            gone, rest = oldest[:excess], oldest[excess:]
            self._cut += printable(gone)[1]
            self._kept_chars -= len(gone)
            if rest:
                self._kept.appendleft(rest)

    def finish(self) -> None:
        """The cell is over: print what was left out and the tail."""
        self._flushes = 0
        with self._count_lock:
            if not self._over:
                return
            kept, cut = "".join(self._kept), self._cut
            self._kept.clear()
            self._over, self._kept_chars, self._cut = False, 0, 0
        if cut:
            kept = f"\n[... {cut:,} bytes of {self.name} left out here ...]\n{kept}"
        super().write(kept)


def clipped(text: str, limit: int) -> str:
    """The head and tail of a text longer than `limit` characters, with the count between."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half:,} characters left out ...]\n{text[-half:]}"


def slim(bundle: dict[str, Any]) -> dict[str, Any]:
    """A MIME bundle whose too large representations are replaced by a sentence in text/plain."""
    kept: dict[str, Any] = {}
    notes: list[str] = []
    left = MESSAGE_CHARS - DISPLAY_CHARS
    for mime, value in bundle.items():
        size = len(value if isinstance(value, str) else repr(value))
        if mime == "text/plain" and isinstance(value, str):
            kept[mime] = clipped(value, OUTPUT_BYTES)
        elif size <= DISPLAY_CHARS and size <= left:
            kept[mime] = value
            left -= size
        else:
            notes.append(f"[{mime} of {size:,} characters left out: too large]")
    if notes:
        kept["text/plain"] = "\n".join([*notes, str(kept.get("text/plain", ""))]).rstrip()
    return kept


class CappedSession(Session):
    """A session that sends no widget traffic and nothing larger than a message may be."""

    settle: Callable[[], None] | None = None
    """Called before anything that must come after what was printed before it."""

    def send(self, stream: Any, msg_or_type: Any, *args: Any, **kw: Any) -> Any:
        """Send one message with its large parts cut."""
        content = args[0] if args else kw.pop("content", None)
        whole = isinstance(msg_or_type, dict)
        kind: str = msg_or_type["header"]["msg_type"] if whole else msg_or_type
        if kind.startswith("comm_"):
            return None
        if self.settle is not None and kind in _ORDERED:
            self.settle()
        body = msg_or_type.get("content") if whole else content
        if isinstance(body, dict):
            body = self._cut(kind, body)
            if whole:
                msg_or_type = {**msg_or_type, "content": body}
            else:
                content = body
        return super().send(stream, msg_or_type, content, *args[1:], **kw)

    @staticmethod
    def _cut(kind: str, body: dict[str, Any]) -> dict[str, Any]:
        if kind in ("display_data", "execute_result", "update_display_data"):
            data = body.get("data")
            return {**body, "data": slim(data)} if isinstance(data, dict) else body
        if kind in ("error", "execute_reply") and "traceback" in body:
            lines = [clipped(str(line), 50_000) for line in body["traceback"]]
            if len(lines) > 40:
                lines = [*lines[:20], f"[... {len(lines) - 40} frames left out ...]", *lines[-20:]]
            return {**body, "traceback": lines, "evalue": clipped(str(body.get("evalue")), 50_000)}
        return body
