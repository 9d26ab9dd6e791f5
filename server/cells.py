"""The cells of one session: what the agent's indices mean, and every change recorded.

The journal is the truth; a sheet holds the same cells in memory so that tools can answer from
them. Indices that an agent gives count *code cells of its own*, from 0; negative ones count from
the end. Ids are `<session id>-<number>`, so that an id alone finds its session.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from server.kernels import CellResult, Clear, KernelOutput, Output, Update
from tasks import JSON, AgentFault

CellType = Literal["code", "markdown", "raw"]
Role = Literal["brief", "agent", "note", "answer", "act"]


class Recorder(Protocol):
    """The one method of a journal that cells need."""

    def record(self, kind: str, data: Mapping[str, JSON]) -> object:
        """Append one event."""
        ...


@dataclass
class Cell:
    """One cell. `outputs` are nbformat dicts; a stream's `text` is a list of its chunks."""

    id: str
    type: CellType
    source: str
    role: Role
    outputs: list[dict[str, JSON]] = field(default_factory=list[dict[str, JSON]])
    status: str | None = None
    """None: never run; `running`; else the status of its last execution."""
    execution_count: int | None = None
    ms: float | None = None
    note: str = ""
    clears: bool = False
    """`clear_output(wait=True)` was called: the next output takes the place of all."""

    @property
    def own_code(self) -> bool:
        """Whether the agent wrote it as code: what `cell_index` counts."""
        return self.type == "code" and self.role == "agent"


class Sheet:
    """The cells of one session, in order."""

    def __init__(self, prefix: str, journal: Recorder) -> None:
        self.cells: list[Cell] = []
        self._prefix = prefix
        self._journal = journal
        self._made = 0

    def add(self, kind: CellType, source: str, role: Role = "agent") -> Cell:
        """Append a cell."""
        cell = self._append(kind, source, role)
        self._journal.record(
            "cell.added",
            {"cell_id": cell.id, "cell_type": kind, "source": source, "role": role},
        )
        return cell

    def mirror(self, cell_id: str, source: str, role: Role) -> None:
        """Append a cell that the journal has made by itself, of an answer or an act."""
        self.cells.append(Cell(cell_id, "code", source, role, status="ok"))

    def code_cell(self, index: int) -> Cell:
        """The agent's code cell at `index`.

        Raises:
            AgentFault: there is none.
        """
        own = [cell for cell in self.cells if cell.own_code]
        if not -len(own) <= index < len(own):
            have = f"0 to {len(own) - 1}" if own else "none yet"
            raise AgentFault(
                f"cell_index {index} is out of range: this session has {len(own)} code cells "
                f"({have}; -1 is the last). Markdown cells are not counted."
            )
        return own[index]

    def code_index(self, cell: Cell) -> int:
        """Position of a cell among the agent's code cells."""
        return [c.id for c in self.cells if c.own_code].index(cell.id)

    def position(self, cell: Cell) -> int:
        """Position of a cell in the notebook, from 0."""
        return next(i for i, c in enumerate(self.cells) if c.id == cell.id)

    def find(self, cell_id: str) -> Cell | None:
        """The cell of that id."""
        return next((cell for cell in self.cells if cell.id == cell_id), None)

    def edit(self, cell: Cell, source: str) -> None:
        """Replace the source; outputs go."""
        cell.source, cell.status, cell.execution_count, cell.note = source, None, None, ""
        cell.outputs.clear()
        self._journal.record("cell.edited", {"cell_id": cell.id, "source": source})

    def started(self, cell: Cell) -> None:
        """The cell goes to the kernel; outputs go."""
        cell.outputs.clear()
        cell.status, cell.execution_count, cell.clears = "running", None, False
        self._journal.record("cell.started", {"cell_id": cell.id})

    def heard(self, cell: Cell, output: KernelOutput) -> None:
        """Something came from the kernel."""
        if isinstance(output, Output):
            self._journal.record("cell.output", {"cell_id": cell.id, "output": output.output})
            _put(cell, output.output)
        elif isinstance(output, Clear):
            self._journal.record("cell.cleared", {"cell_id": cell.id, "wait": output.wait})
            cell.clears = output.wait
            if not output.wait:
                cell.outputs.clear()
        else:
            self._update(output)

    def finished(self, cell: Cell, result: CellResult) -> None:
        """The execution is over."""
        cell.status, cell.execution_count = str(result.status), result.execution_count
        cell.ms, cell.note = result.ms, result.note
        self._journal.record(
            "cell.finished",
            {
                "cell_id": cell.id,
                "status": cell.status,
                "execution_count": result.execution_count,
                "ms": result.ms,
                "note": result.note,
            },
        )

    def _append(self, kind: CellType, source: str, role: Role) -> Cell:
        cell = Cell(f"{self._prefix}-{self._made}", kind, source, role)
        self._made += 1
        self.cells.append(cell)
        return cell

    def _update(self, update: Update) -> None:
        self._journal.record(
            "cell.updated",
            {
                "display_id": update.display_id,
                "data": dict(update.data),
                "metadata": dict(update.metadata),
            },
        )
        for cell in self.cells:
            for output in cell.outputs:
                if (output.get("transient") or {}).get("display_id") == update.display_id:
                    output["data"] = dict(update.data)
                    output["metadata"] = dict(update.metadata)


def _put(cell: Cell, output: Mapping[str, JSON]) -> None:
    if cell.clears:
        cell.outputs.clear()
        cell.clears = False
    if output["output_type"] != "stream":
        cell.outputs.append(dict(output))
        return
    last = cell.outputs[-1] if cell.outputs else {}
    if last.get("output_type") == "stream" and last["name"] == output["name"]:
        last["text"].append(output["text"])
    else:
        cell.outputs.append({**output, "text": [output["text"]]})
