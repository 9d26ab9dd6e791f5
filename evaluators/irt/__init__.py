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
    from evaluators.irt._design import design as design
    from evaluators.irt._fit import Abilities as Abilities
    from evaluators.irt._fit import Fit as Fit
    from evaluators.irt._fit import ItemBank as ItemBank
    from evaluators.irt._fitting import FitOptions as FitOptions
    from evaluators.irt._fitting import fit as fit
    from evaluators.irt._long_form import FileOptions as FileOptions
    from evaluators.irt._model import MODELS as MODELS
    from evaluators.irt._reading import read_responses as read_responses
    from evaluators.irt._responses import Covariates as Covariates
    from evaluators.irt._responses import ResponseTable as ResponseTable
    from evaluators.irt._responses import table_of as table_of
    from evaluators.irt._saving import read_fit as read_fit
    from evaluators.irt._saving import write_fit as write_fit
    from evaluators.irt._simulation import Simulated as Simulated
    from evaluators.irt._simulation import simulate as simulate
    from evaluators.irt._simulation import simulate_responses as simulate_responses
    from evaluators.irt._simulation import standard_abilities as standard_abilities
    from evaluators.irt._vector.dimensionality import dimensionality as dimensionality
    from evaluators.irt._vector.options import VectorOptions as VectorOptions
    from evaluators.irt._vector.scoring import score_vectors as score_vectors
    from evaluators.irt._vector.simulation import simulate_vector as simulate_vector
    from evaluators.irt._writing import write_measurement_db as write_measurement_db
    from evaluators.irt._writing import write_responses as write_responses
    from evaluators.irt.adaptive._plan import Plan as Plan
    from evaluators.irt.adaptive._plan import Stop as Stop
    from evaluators.irt.adaptive.replay import replay as replay
    from evaluators.irt.adaptive.session import begin as begin
    from evaluators.irt.adaptive.session import next_items as next_items
    from evaluators.irt.diagnostics._diagnosis import Diagnosis as Diagnosis
    from evaluators.irt.diagnostics._diagnosis import ItemCard as ItemCard
    from evaluators.irt.diagnostics._diagnosis import diagnose as diagnose
    from evaluators.irt.dif.groups import two_groups as two_groups
    from evaluators.irt.dif.logistic import logistic_dif as logistic_dif
    from evaluators.irt.dif.mantel_haenszel import mantel_haenszel as mantel_haenszel
    from evaluators.irt.dif.multi_group import multi_group as multi_group
    from evaluators.irt.explanatory.agents import explain_agents as explain_agents
    from evaluators.irt.explanatory.items import explain_items as explain_items
    from evaluators.irt.fit_statistics.asymptotes import asymptotes as asymptotes
    from evaluators.irt.fit_statistics.mean_squares import mean_squares as mean_squares
    from evaluators.irt.fit_statistics.q3 import local_dependence as local_dependence
    from evaluators.irt.fit_statistics.s_x2 import s_x2 as s_x2
    from evaluators.irt.linking.calibration import calibrate_items as calibrate_items
    from evaluators.irt.linking.drift import drift as drift
    from evaluators.irt.linking.links import link as link
    from evaluators.irt.linking.links import move_bank as move_bank
    from evaluators.irt.person_fit.lz import person_fit as person_fit
    from evaluators.irt.person_fit.odd_agents import odd_agents as odd_agents
    from evaluators.irt.prediction.evaluation import evaluate as evaluate
    from evaluators.irt.reliability.decision import decide as decide
    from evaluators.irt.reliability.generalizability import components as components
    from evaluators.irt.reliability.generalizability import generalizability as generalizability
    from evaluators.irt.reliability.information import information_curve as information_curve
    from evaluators.irt.scoring.abilities import score_agents as score_agents
    from evaluators.irt.scoring.norms import norms_of as norms_of
    from evaluators.irt.scoring.scores import predict as predict

PLACES = {
    "Abilities": "_fit",
    "asymptotes": "fit_statistics.asymptotes",
    "begin": "adaptive.session",
    "calibrate_items": "linking.calibration",
    "components": "reliability.generalizability",
    "Covariates": "_responses",
    "decide": "reliability.decision",
    "design": "_design",
    "diagnose": "diagnostics._diagnosis",
    "Diagnosis": "diagnostics._diagnosis",
    "dimensionality": "_vector.dimensionality",
    "drift": "linking.drift",
    "evaluate": "prediction.evaluation",
    "explain_agents": "explanatory.agents",
    "explain_items": "explanatory.items",
    "FileOptions": "_long_form",
    "Fit": "_fit",
    "fit": "_fitting",
    "FitOptions": "_fitting",
    "generalizability": "reliability.generalizability",
    "information_curve": "reliability.information",
    "ItemBank": "_fit",
    "ItemCard": "diagnostics._diagnosis",
    "link": "linking.links",
    "local_dependence": "fit_statistics.q3",
    "logistic_dif": "dif.logistic",
    "mantel_haenszel": "dif.mantel_haenszel",
    "mean_squares": "fit_statistics.mean_squares",
    "MODELS": "_model",
    "move_bank": "linking.links",
    "multi_group": "dif.multi_group",
    "next_items": "adaptive.session",
    "norms_of": "scoring.norms",
    "odd_agents": "person_fit.odd_agents",
    "person_fit": "person_fit.lz",
    "Plan": "adaptive._plan",
    "predict": "scoring.scores",
    "read_fit": "_saving",
    "read_responses": "_reading",
    "replay": "adaptive.replay",
    "ResponseTable": "_responses",
    "s_x2": "fit_statistics.s_x2",
    "score_agents": "scoring.abilities",
    "score_vectors": "_vector.scoring",
    "simulate": "_simulation",
    "simulate_responses": "_simulation",
    "simulate_vector": "_vector.simulation",
    "Simulated": "_simulation",
    "standard_abilities": "_simulation",
    "Stop": "adaptive._plan",
    "table_of": "_responses",
    "two_groups": "dif.groups",
    "VectorOptions": "_vector.options",
    "write_fit": "_saving",
    "write_measurement_db": "_writing",
    "write_responses": "_writing",
}
"""Public name -> module of this package."""


def __getattr__(name: str) -> Any:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(PLACES)
