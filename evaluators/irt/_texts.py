"""Text columns, dictionary-encoded: distinct values and a code a row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Ints


@dataclass(frozen=True)
class Texts:
    """A text column: `names[code]` is its value in each row."""

    names: tuple[str, ...]
    """Distinct values, sorted; '' for blanks."""
    code: Ints
    """(rows,)"""

    def take(self, rows: Ints) -> "Texts":
        """Some rows; values that none of them has are forgotten."""
        return texts_of(self.names, self.code[rows])

    def values(self, rows: Ints) -> list[str]:
        """The values of some rows."""
        return [self.names[code] for code in self.code[rows]]


def texts_of(names: Sequence[str], code: Ints) -> Texts:
    """Texts from any code book: values sorted, each once, none that no row has."""
    used = np.flatnonzero(np.bincount(code, minlength=len(names)))
    order = sorted({names[int(place)] for place in used})
    new = {name: place for place, name in enumerate(order)}
    book = np.array([new.get(name, -1) for name in names], dtype=np.int64)
    return Texts(tuple(order), book[code] if len(code) else np.zeros(0, dtype=np.int64))
