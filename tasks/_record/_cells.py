"""One cell of the notebook under construction, with the JSON text of what did not change cached.

A save re-encodes only the cells that were touched since the last one, and of those only the outputs
that still grow: text that streams in is kept in pieces and joined when it is written.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks._core import JSON
from tasks._record._json import encode


class Shown:
    """One output of a cell. `display_id` is its name for later updates, if it has one."""

    def __init__(self, output: dict[str, JSON]) -> None:
        transient = output.get("transient")
        self.display_id: str | None = transient["display_id"] if transient else None
        self._output = {name: value for name, value in output.items() if name != "transient"}
        self._pieces: list[str] = [output["text"]] if output["output_type"] == "stream" else []
        self._encoded: bytes | None = None

    def extend(self, output: dict[str, JSON]) -> bool:
        """Take in a further chunk of the same stream; False if `output` is another thing."""
        mine = self._output
        if mine["output_type"] != "stream" or output["output_type"] != "stream":
            return False
        if mine["name"] != output["name"]:
            return False
        self._pieces.append(output["text"])
        self._encoded = None
        return True

    def update(self, data: dict[str, JSON], metadata: dict[str, JSON]) -> None:
        """Show other content in the same place."""
        self._output = {**self._output, "data": data, "metadata": metadata}
        self._encoded = None

    def render(self) -> bytes:
        """The output's JSON."""
        if self._encoded is None:
            if self._pieces:
                self._pieces = ["".join(self._pieces)]
                self._output["text"] = self._pieces[0]
            self._encoded = encode(self._output)
            # An image is kept once, as it is written; an update brings its own content.
            self._output.pop("data", None)
        return self._encoded


@dataclass
class Cell:
    """One cell. Assign through `touch`, which drops the cached text."""

    cell_id: str
    cell_type: str
    source: str
    seq: int
    """Event that put it here."""
    role: str
    status: str | None = None
    """None: not executed; `running`; else how the last execution ended."""
    started: str | None = None
    ms: float | None = None
    note: str = ""
    execution_count: int | None = None
    outputs: list[Shown] = field(default_factory=list[Shown])
    clear_next: bool = False
    """A `clear_output(wait=True)` is pending: the next output replaces all."""
    _encoded: tuple[bytes, ...] | None = None

    def touch(self) -> None:
        """Say that something changed."""
        self._encoded = None

    def reset(self) -> None:
        """Forget outputs, count and status."""
        self.outputs = []
        self.clear_next = False
        self.execution_count = self.started = self.status = self.ms = None
        self.note = ""
        self.touch()

    def render(self) -> tuple[bytes, ...]:
        """The cell's JSON, indented as it stands in the notebook, in pieces to be joined."""
        if self._encoded is None:
            self._encoded = tuple(self._render())
        return self._encoded

    def _render(self) -> Iterator[bytes]:
        code = self.cell_type == "code"
        yield b'  {\n   "cell_type": ' + encode(self.cell_type)
        if code:
            yield b',\n   "execution_count": ' + encode(self.execution_count)
        yield b',\n   "id": ' + encode(self.cell_id)
        yield b',\n   "metadata": ' + encode({"proctor": self._metadata()})
        if code:
            yield b',\n   "outputs": '
            yield from lines([shown.render() for shown in self.outputs])
        yield b',\n   "source": '
        yield from lines([encode(line) for line in split(self.source)])
        yield b"\n  }"

    def _metadata(self) -> dict[str, JSON]:
        known: dict[str, JSON] = {"role": self.role, "seq": self.seq}
        optional = {"status": self.status, "started": self.started, "ms": self.ms}
        known.update({name: value for name, value in optional.items() if value is not None})
        return {**known, "note": self.note} if self.note else known


def split(source: str) -> list[str]:
    """Lines with their ends, split at line feeds alone; they join to `source` again."""
    pieces = source.split("\n")
    return [*(piece + "\n" for piece in pieces[:-1]), *pieces[-1:]] if source else []


def lines(items: list[bytes]) -> Iterator[bytes]:
    """A JSON array with one item a line, in pieces."""
    for index, item in enumerate(items):
        yield b",\n    " if index else b"[\n    "
        yield item
    yield b"\n   ]" if items else b"[]"
