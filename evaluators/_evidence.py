"""What a saved notebook shows of the work behind an answer. Counts nothing towards ability.

Generic checks, each yes or no:

- `ran_code`: at least one cell of the agent ran without an error;
- `in_order`: every code cell of the agent was run, from top to bottom;
- `answer_backed`: every number of the answer (to 0.005) and every name in it stands in some output
  of the notebook: claims match what was logged.

A measure may declare more (`Measure.evidence`).
"""

import re
from collections.abc import Iterator, Mapping

from evaluators._core import Notebook
from tasks import JSON
from tasks._record import role

TOLERANCE = 0.005
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_SEARCHED = 2_000_000
"""Characters of output that are searched; more is cut."""


def evidence(notebook: Notebook, answer: JSON) -> Mapping[str, bool]:
    """The generic checks by name."""
    cells = agent_cells(notebook)
    return {
        "ran_code": any(_ran(cell) for cell in cells),
        "in_order": _in_order(cells),
        "answer_backed": _backed(answer, text_outputs(cells)),
    }


def agent_cells(notebook: Notebook) -> list[Mapping[str, JSON]]:
    """The agent's code cells that are not empty, in order."""
    return [
        cell
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
        and role(cell) in ("agent", None)
        and str(cell["source"]).strip()
    ]


def text_outputs(cells: list[Mapping[str, JSON]]) -> str:
    """All text that the cells put out, cut at a bound."""
    pieces: list[str] = []
    size = 0
    for cell in cells:
        for output in cell["outputs"]:
            text = str(output.get("text") or output.get("data", {}).get("text/plain", ""))
            pieces.append(text[: _SEARCHED - size])
            size += len(pieces[-1])
            if size >= _SEARCHED:
                return "\n".join(pieces)
    return "\n".join(pieces)


def _ran(cell: Mapping[str, JSON]) -> bool:
    failed = any(output["output_type"] == "error" for output in cell["outputs"])
    return cell["execution_count"] is not None and not failed


def _in_order(cells: list[Mapping[str, JSON]]) -> bool:
    # Counts start anew when a kernel does; the time at which a cell started does not.
    times = [_started(cell) for cell in cells]
    counts = [cell["execution_count"] for cell in cells]
    order = times if all(times) else counts
    return bool(cells) and None not in counts and order == sorted(order)


def _started(cell: Mapping[str, JSON]) -> str:
    about = cell["metadata"].get("proctor")
    return str(about.get("started") or "") if isinstance(about, dict) else ""


def _backed(answer: JSON, text: str) -> bool:
    leaves = list(_leaves(answer))
    numbers = [float(leaf) for leaf in leaves if not isinstance(leaf, str)]
    names = [leaf for leaf in leaves if isinstance(leaf, str)]
    shown = sorted(float(found) for found in _NUMBER.findall(text)) if numbers else []
    return (
        bool(leaves)
        and all(name in text for name in names)
        and all(any(abs(number - other) <= TOLERANCE for other in shown) for number in numbers)
    )


def _leaves(value: JSON) -> Iterator[str | float]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value
