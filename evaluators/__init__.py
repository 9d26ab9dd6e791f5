"""How attempts are measured, and what measurements mean. Imports tasks and ground_truth.

What is named here is loaded when it is first asked for: somebody who fits a CSV needs no measure.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluators._core import MEASURES as MEASURES
    from evaluators._core import Marks as Marks
    from evaluators._core import Measure as Measure
    from evaluators._core import Score as Score
    from evaluators._scoring import Scored as Scored
    from evaluators._scoring import read_results as read_results
    from evaluators._scoring import score_run as score_run
    from evaluators._scoring import score_saved as score_saved

_PLACES = {
    "MEASURES": "_core",
    "Marks": "_core",
    "Measure": "_core",
    "Score": "_core",
    "Scored": "_scoring",
    "read_results": "_scoring",
    "score_run": "_scoring",
    "score_saved": "_scoring",
}
"""Public name -> module of this package."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
