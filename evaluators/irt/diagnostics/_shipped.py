"""The coefficients of the stack that diagnoses use, as they lie beside this file."""

import json
from pathlib import Path

import numpy as np

from evaluators.irt.diagnostics._stack import CLASSES, NAMES, Stack

PATH = Path(__file__).with_name("_stack.json")


def shipped_stack() -> Stack:
    """The stack trained on all the data sets that `trained_on` names."""
    said = json.loads(PATH.read_text())
    return Stack(
        np.array([[said["weights"][kind].get(name, 0.0) for name in NAMES] for kind in CLASSES]),
        np.array([said["intercepts"][kind] for kind in CLASSES]),
        float(said["prevalence"]),
        tuple(said["trained_on"]),
    )


def stack_json(stack: Stack, made_by: str) -> str:
    """The text of such a file: weights by class and feature, zeros left out."""
    said = {
        "made_by": made_by,
        "trained_on": list(stack.trained_on),
        "prevalence": round(stack.prevalence, 6),
        "intercepts": {
            kind: round(float(value), 6)
            for kind, value in zip(CLASSES, stack.intercepts, strict=True)
        },
        "weights": {
            kind: {
                name: round(float(value), 6)
                for name, value in zip(NAMES, row, strict=True)
                if value != 0.0
            }
            for kind, row in zip(CLASSES, stack.weights, strict=True)
        },
    }
    return json.dumps(said, indent=2) + "\n"
