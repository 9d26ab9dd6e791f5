"""Item response theory over response tables: fit, score, diagnose, link, choose what to ask next.

    from proctor import irt

    table = irt.read_responses("scores.csv")
    found = irt.fit(table, "2pl")
    irt.next_items(found.bank, {"item-7": 1.0}, n=3)

Pure functions of plain values on NumPy and SciPy; nothing here loads torch. What is named below is
loaded when it is first asked for. Shapes: J items, N agents, Q abilities of a grid.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluators.irt._fit import Abilities as Abilities
    from evaluators.irt._fit import Fit as Fit
    from evaluators.irt._fit import ItemBank as ItemBank
    from evaluators.irt._fitting import FitOptions as FitOptions
    from evaluators.irt._fitting import fit as fit
    from evaluators.irt._model import MODELS as MODELS
    from evaluators.irt._reading import read_responses as read_responses
    from evaluators.irt._responses import Covariates as Covariates
    from evaluators.irt._responses import ResponseTable as ResponseTable
    from evaluators.irt._responses import table_of as table_of
    from evaluators.irt._simulation import Simulated as Simulated
    from evaluators.irt._simulation import simulate as simulate
    from evaluators.irt.explanatory.agents import explain_agents as explain_agents
    from evaluators.irt.explanatory.items import explain_items as explain_items
    from evaluators.irt.prediction.evaluation import evaluate as evaluate

PLACES = {
    "Abilities": "_fit",
    "Covariates": "_responses",
    "Fit": "_fit",
    "FitOptions": "_fitting",
    "ItemBank": "_fit",
    "MODELS": "_model",
    "ResponseTable": "_responses",
    "Simulated": "_simulation",
    "evaluate": "prediction.evaluation",
    "explain_agents": "explanatory.agents",
    "explain_items": "explanatory.items",
    "fit": "_fitting",
    "read_responses": "_reading",
    "simulate": "_simulation",
    "table_of": "_responses",
}
"""Public name -> module of this package."""


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(PLACES)
