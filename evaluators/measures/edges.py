"""Overlap of a submitted edge set P with the true circuit C.

IoU = |P∩C| / (|P| + |C| - |P∩C|), precision = |P∩C| / |P|, recall = |P∩C| / |C|, F1 the harmonic
mean of the last two. Names are made canonical first, duplicates count once, neutral edges are left
out on both sides, and a name outside the universe is a wrong edge. Of two empty sets all four are
1; else a ratio with an empty denominator is 0. (MIB's `compare_graphs` counts missing edges as
found: not copied.)
"""

import re

from evaluators._core import Marks, Measure, Notebook
from evaluators._evidence import agent_cells
from ground_truth.keys import EdgeSetKey
from tasks import JSON
from tasks.interp._components import edges

PASS_IOU = 0.8
"""A circuit passes from this IoU on; the brief says so."""


def score(answer: JSON, key: EdgeSetKey) -> Marks:
    """Mark a submitted edge set; ability is its IoU."""
    given = edges(answer["edges"])
    counted = given - key.neutral
    found = overlap(counted, key.edges - key.neutral)
    found["outside"] = float(len(given - key.universe))
    return Marks(ability=found["iou"], passed=found["iou"] >= PASS_IOU, metrics=found)


def overlap(given: frozenset[str], true: frozenset[str]) -> dict[str, float]:
    """IoU, precision, recall and F1 of two sets."""
    if not given and not true:
        return {"iou": 1.0, "precision": 1.0, "recall": 1.0, "f1": 1.0}
    hits = len(given & true)
    return {
        "iou": hits / len(given | true),
        "precision": hits / len(given) if given else 0.0,
        "recall": hits / len(true) if true else 0.0,
        "f1": 2 * hits / (len(given) + len(true)),
    }


_INSIDE = re.compile(r"hook|cache|\bW_[QKVOEU]|\bW_(?:in|out|pos)|state_dict|safetensors")


def looked_inside(notebook: Notebook) -> bool:
    """Whether some cell that ran refers to the model's activations or weights."""
    return any(
        cell["execution_count"] is not None and _INSIDE.search("".join(cell["source"]))
        for cell in agent_cells(notebook)
    )


METRICS = {
    "iou": "Share of the edges in either set that are in both.",
    "precision": "Share of the submitted edges that are true.",
    "recall": "Share of the true edges that were submitted.",
    "f1": "Harmonic mean of precision and recall.",
    "outside": "Number of submitted names that are no candidate edge.",
}

measure = Measure(
    key=EdgeSetKey, score=score, metrics=METRICS, evidence={"looked_inside": looked_inside}
)
