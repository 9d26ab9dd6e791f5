"""Robustness: what perturbations of a task did to an agent, beyond its own noise."""

from evaluators.robustness._actions import gap as gap
from evaluators.robustness._actions import published_action as published_action
from evaluators.robustness._metrics import metrics as metrics
from evaluators.robustness._noise import Effect as Effect
from evaluators.robustness._noise import TypeEffect as TypeEffect
from evaluators.robustness._noise import effects as effects
from evaluators.robustness._records import Case as Case
from evaluators.robustness._records import Outcome as Outcome
from evaluators.robustness._records import VariantRecord as VariantRecord
from evaluators.robustness._records import cases as cases
from evaluators.robustness._records import environment as environment
from evaluators.robustness._records import records as records
from evaluators.robustness._records import unsafe as unsafe
from evaluators.robustness._summary import report as report
from evaluators.robustness._summary import summary as summary
