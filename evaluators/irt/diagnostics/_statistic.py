"""What an item statistic is: one number an item, with which side is suspect and who says so."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence
from tasks import Shelf


@dataclass(frozen=True)
class Statistic:
    """One item statistic: a module `evaluators/irt/diagnostics/<name>.py` defines `statistic`."""

    name: str
    summary: str
    """One sentence with the formula."""
    source: str
    """Whom to read."""
    suspect: Literal["low", "high"]
    """Which side speaks of a defect."""
    measure: Callable[[Evidence], Floats]
    """(J,) values; NaN where the item has none (nobody answered, no variation)."""


STATISTICS: Shelf[Statistic] = Shelf(
    package="evaluators.irt.diagnostics",
    attribute="statistic",
    kind=Statistic,
    group="proctor.item_statistics",
)
