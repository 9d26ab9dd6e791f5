"""From kernel messages to notebook outputs, with caps.

Every message is data that hostile code may have written: unknown types, wrong shapes, deep
nesting, lone surrogates and forged parents must cost the agent its own output and nothing more.
`Outputs` holds the caps of one cell; it merges stream chunks so that 20,000 prints become a few
outputs, keeps the head and the tail of too much text, and lists what it dropped.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tasks import JSON

TEXT_KEPT = 1_100_000
"""Bytes of text a cell keeps: just above the kernel's own cooperative cap of 1 MB."""
TAIL_KEPT = 64_000
"""Characters kept of the end of what came after that."""
MEDIA_KEPT = 1_000_000
"""Bytes of one image, decoded; of one JSON, as text."""
CELL_KEPT = 8_000_000
"""Characters of rich output a cell keeps."""
OUTPUTS_KEPT = 500
"""Rich outputs and updates a cell keeps."""
CHUNK = 64_000
"""Held stream text is passed on at this size at the latest."""
_TEXTS = ("text/plain", "text/markdown", "text/latex", "image/svg+xml")
_IMAGES = ("image/png", "image/jpeg")
_NAME_KEPT = 200
_METADATA_KEPT = 2000
_DEPTH = 40


@dataclass(frozen=True)
class Output:
    """One more output; `transient.display_id` makes it updatable."""

    output: dict[str, JSON]
    """nbformat v4 output."""


@dataclass(frozen=True)
class Clear:
    """The cell's outputs go: now, or when the next one comes."""

    wait: bool


@dataclass(frozen=True)
class Update:
    """Every output shown under `display_id` gets new content."""

    display_id: str
    data: dict[str, JSON]
    metadata: dict[str, JSON]


KernelOutput = Output | Clear | Update


@dataclass(frozen=True)
class Message:
    """One message from a kernel, its envelope opened; `content` is still packed JSON."""

    kind: str
    parent: str
    """Id of the request it answers, or ''."""
    content: bytes


def opened(frames: list[bytes]) -> Message | None:
    """Open a multipart message of the Jupyter protocol; None if it is none.

    The signature is not checked: agent code owns the key, so it proves nothing, and only the
    kernel of this very room can reach the socket.
    """
    try:
        at = frames.index(b"<IDS|MSG>")
        header, parent = json.loads(frames[at + 2]), json.loads(frames[at + 3])
        kind, asked = header["msg_type"], parent.get("msg_id", "")
        return Message(str(kind), asked if isinstance(asked, str) else "", frames[at + 5])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def content_of(message: Message) -> dict[str, JSON]:
    """The content; empty if it is not a JSON object."""
    try:
        content = json.loads(message.content, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


@dataclass
class Outputs:
    """What one cell has put out so far; `emit` gets each output as it is ready."""

    emit: Callable[[KernelOutput], None]
    dropped: Counter[str] = field(default_factory=Counter[str])
    """What was not kept: MIME types or reasons, with counts."""
    _name: str = ""
    _held: list[str] = field(default_factory=list[str])
    _held_chars: int = 0
    _text_left: int = TEXT_KEPT
    _tail: deque[str] = field(default_factory=deque[str])
    _tail_chars: int = 0
    _cut: int = 0
    _media_left: int = CELL_KEPT
    _rich_left: int = OUTPUTS_KEPT

    @property
    def holding(self) -> bool:
        """Whether stream text waits for `flush`."""
        return bool(self._held)

    def take(self, kind: str, content: Mapping[str, JSON]) -> None:
        """Take one message's content."""
        if kind == "stream":
            self._stream(_text(content.get("name")), _text(content.get("text")))
        elif kind in ("display_data", "execute_result", "update_display_data"):
            self._rich(kind, content)
        elif kind == "error":
            self._error(content)
        elif kind == "clear_output":
            self.flush()
            self._spend()
            self.emit(Clear(wait=content.get("wait") is True))
        elif kind.startswith("comm_"):
            self.dropped["widget messages"] += 1

    def flush(self) -> None:
        """Pass on the stream text that is held back for merging."""
        if self._held:
            text = "".join(self._held)
            self._held.clear()
            self._held_chars = 0
            self.emit(Output({"output_type": "stream", "name": self._name, "text": text}))

    def finish(self) -> None:
        """The cell is over: pass on what is held, and the tail of what was cut."""
        self.flush()
        if self._tail_chars:
            tail = "".join(self._tail)
            self._tail.clear()
            self._tail_chars = 0
            note = f"\n[... {self._cut:,} characters left out here ...]\n" if self._cut else ""
            self.emit(Output({"output_type": "stream", "name": self._name, "text": note + tail}))
        self._cut = 0

    def remark(self) -> str:
        """One sentence on what was dropped, or ''."""
        if not self.dropped:
            return ""
        listed = ", ".join(f"{what} ({n}x)" for what, n in sorted(self.dropped.items())[:8])
        return f"Left out of the output: {listed}."

    def _stream(self, name: str, text: str) -> None:
        name = "stderr" if name == "stderr" else "stdout"
        if name != self._name:
            self.flush()
            self._name = name
        head, rest = text[: self._text_left], text[self._text_left :]
        self._text_left -= len(head)
        if head:
            self._held.append(head)
            self._held_chars += len(head)
            if self._held_chars >= CHUNK:
                self.flush()
        if rest:
            self._keep_tail(rest)

    def _keep_tail(self, text: str) -> None:
        self._tail.append(text[-TAIL_KEPT:])
        self._cut += len(text) - len(self._tail[-1])
        self._tail_chars += len(self._tail[-1])
        while self._tail_chars - len(self._tail[0]) >= TAIL_KEPT:
            gone = len(self._tail.popleft())
            self._tail_chars -= gone
            self._cut += gone

    def _rich(self, kind: str, content: Mapping[str, JSON]) -> None:
        self.flush()
        bundle = self._bundle(content.get("data"))
        if bundle is None or not self._spend(sum(_size(value) for value in bundle.values())):
            return
        metadata = _small(content.get("metadata"))
        transient = content.get("transient")
        name = transient.get("display_id") if isinstance(transient, dict) else None
        display_id = _text(name)[:_NAME_KEPT] if isinstance(name, str) else ""
        if kind == "update_display_data":
            if display_id:
                self.emit(Update(display_id, bundle, metadata))
            return
        output: dict[str, JSON] = {"output_type": kind, "data": bundle, "metadata": metadata}
        if kind == "execute_result":
            output["execution_count"] = count_of(content)
        if display_id:
            output["transient"] = {"display_id": display_id}
        self.emit(Output(output))

    def _error(self, content: Mapping[str, JSON]) -> None:
        self.flush()
        trace = content.get("traceback")
        lines = [_text(line) for line in trace] if isinstance(trace, list) else []
        words = [_text(content.get("ename")), _text(content.get("evalue"))]
        if not self._spend(sum(map(len, lines)) + sum(map(len, words))):
            return
        ename, evalue = words
        self.emit(
            Output(
                {
                    "output_type": "error",
                    "ename": ename,
                    "evalue": evalue,
                    "traceback": list[JSON](lines),
                }
            )
        )

    def _spend(self, chars: int = 0) -> bool:
        if self._rich_left <= 0 or chars > self._media_left:
            self.dropped["outputs beyond the limit of a cell"] += 1
            return False
        self._rich_left -= 1
        self._media_left -= chars
        return True

    def _bundle(self, data: JSON) -> dict[str, JSON] | None:
        if not isinstance(data, dict):
            return None
        kept: dict[str, JSON] = {}
        notes: list[str] = []
        for mime, value in data.items():
            clean, why = _representation(mime, value)
            if why:
                self.dropped[f"{_text(mime)[:_NAME_KEPT]}{why}"] += 1
                notes.append(f"[{_text(mime)[:_NAME_KEPT]} left out{why}]")
            else:
                kept[mime] = clean
        if not kept and notes:
            kept["text/plain"] = "\n".join(notes[:8])
        return kept or None


def count_of(content: Mapping[str, JSON]) -> int | None:
    """The execution count a kernel claims, if it can be one."""
    count = content.get("execution_count")
    fits = isinstance(count, int) and not isinstance(count, bool) and 0 <= count < 2**31
    return count if fits else None


def _representation(mime: str, value: JSON) -> tuple[JSON, str]:
    """One value of a MIME bundle and '', or why it is dropped (' ' + reason)."""
    if mime in _TEXTS or mime in _IMAGES:
        text = _text(value)
        cap = MEDIA_KEPT * 4 // 3 + 4 if mime in _IMAGES else MEDIA_KEPT
        if len(text) <= cap:
            return text, ""
        if mime in ("text/plain", "text/markdown"):
            half = MEDIA_KEPT // 2
            cut = f"\n[... {len(text) - 2 * half:,} characters left out here ...]\n"
            return text[:half] + cut + text[-half:], ""
        return None, f" (larger than {MEDIA_KEPT // 1_000_000} MB)"
    if mime == "application/json":
        packed = _packed(value)
        if packed is None or len(packed) > MEDIA_KEPT:
            return None, " (too large or too deep)"
        return json.loads(packed, parse_constant=_no_number), ""
    return None, " (only text, PNG, JPEG, SVG and JSON are kept)"


def _small(metadata: JSON) -> dict[str, JSON]:
    packed = _packed(metadata) if isinstance(metadata, dict) else None
    if packed is None or len(packed) > _METADATA_KEPT:
        return {}
    return json.loads(packed, parse_constant=_no_number)


def _packed(value: JSON) -> str | None:
    """JSON text that UTF-8 can carry; None if the value is nested too deeply."""
    level: list[JSON] = [value]
    for _ in range(_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            text = json.dumps(value, ensure_ascii=False, allow_nan=True)
            return text.encode("utf-8", "replace").decode()
    return None


def _text(value: JSON) -> str:
    if isinstance(value, list):
        value = "".join(item for item in value if isinstance(item, str))
    if not isinstance(value, str):
        return ""
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode()


def _size(value: JSON) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value))


def _no_number(_: str) -> None:
    """NaN and the infinities are no JSON: null in their place."""
