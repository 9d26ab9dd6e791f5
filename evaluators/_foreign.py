"""Finds the answer in a notebook that no daemon of ours wrote, e.g. one made with Scribe.

Looked for from the last cell to the first, the first that fits the answer model is taken:

1. a code cell's output of our answer type;
2. the last line of a code cell's text output, as JSON;
3. the last fenced ```json block of a Markdown cell.
"""

import re
from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from evaluators._core import Notebook
from tasks import JSON
from tasks._answers import MIME, Malformed, validate

_FENCE = re.compile(r"```json\s*\n(.*?)\n\s*```", re.DOTALL)


def foreign_answer(notebook: Notebook, model: type[BaseModel]) -> tuple[JSON] | None:
    """The last valid answer in a tuple of one; None if there is none."""
    for candidate in _candidates(notebook):
        value = validate(model, candidate)
        if not isinstance(value, Malformed):
            return (value,)
    return None


def _candidates(notebook: Notebook) -> Iterator[JSON]:
    for cell in reversed(notebook["cells"]):
        if cell["cell_type"] == "code":
            for output in reversed(cell["outputs"]):
                yield from _in_output(output)
        elif cell["cell_type"] == "markdown":
            yield from reversed(_FENCE.findall(cell["source"]))


def _in_output(output: Mapping[str, JSON]) -> Iterator[JSON]:
    bundle = output.get("data")
    if isinstance(bundle, dict) and MIME in bundle:
        yield bundle[MIME]
    plain = bundle.get("text/plain", "") if isinstance(bundle, dict) else output.get("text", "")
    lines = [line for line in str(plain).splitlines() if line.strip()]
    if lines:
        # IPython shows a bare string value in quotes.
        yield lines[-1].strip().strip("'")
