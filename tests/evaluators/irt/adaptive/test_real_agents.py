"""SWE-bench Verified in few items: the full scores of agents that were not fitted on."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._responses import Floats, table_of
from evaluators.irt.adaptive._plan import Plan
from evaluators.irt.adaptive.replay import Replay, replay
from evaluators.irt.scoring.norms import norms_of


@pytest.fixture(scope="module")
def scores(responses_data: Path) -> Floats:
    with gzip.open(responses_data / "swebench_verified.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    agents, items = (sorted({row[name] for row in rows}) for name in ("agent", "item"))
    wide = np.full((len(agents), len(items)), np.nan)
    for row in rows:
        wide[agents.index(row["agent"]), items.index(row["item"])] = float(row["score"])
    return wide


def replayed(scores: Floats, seed: int, *, items: int | None = None, after: int = 40) -> Replay:
    order = np.random.default_rng(seed).permutation(len(scores))
    known = np.sort(order[: round(0.75 * len(scores))])
    rest = np.sort(order[round(0.75 * len(scores)) :])
    wide = scores if items is None else scores[:, :: scores.shape[1] // items]
    names = [f"i{place:03d}" for place in range(wide.shape[1])]
    train = table_of([f"a{at:03d}" for at in known], names, wide[known])
    bank = fit(train, "2pl", options=FitOptions(standard_errors=False)).bank
    unseen = table_of([f"a{at:03d}" for at in rest], names, wide[rest])
    return replay(bank, unseen, Plan(rule="score"), norms=norms_of(bank, train), after=(after,))


def test_a_fifth_of_the_items_foretell_the_rest(scores: Floats):
    found = replayed(scores, 0, items=100, after=20)
    assert 100 * found.mean_absolute_error[0] < 4.5
    assert found.coverage[0] > 0.7


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_forty_items_of_five_hundred_foretell_the_score_to_two_points(scores: Floats):
    found = [replayed(scores, seed) for seed in range(20)]
    assert 100 * np.mean([one.mean_absolute_error[0] for one in found]) <= 2.0
    assert 0.82 < np.mean([one.coverage[0] for one in found]) < 0.97
