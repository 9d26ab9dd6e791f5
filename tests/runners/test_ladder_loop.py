"""The loop closed on our own exam, on the responses that were kept of it; made by
benchmarks/ladder.py, which plays them anew."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from evaluators.irt._fit import Fit
from evaluators.irt._fitting import fit
from evaluators.irt._responses import ResponseTable, table_of
from evaluators.irt.adaptive._plan import Plan
from evaluators.irt.adaptive.replay import replay
from tasks import InstanceId

KEPT = Path(__file__).parents[2] / "benchmarks" / "ladder" / "responses.csv"
PRESETS = ("easy", "medium", "hard", "expert")

pytestmark = pytest.mark.slow


def kept(mark: str) -> ResponseTable:
    with KEPT.open() as file:
        rows = list(csv.DictReader(file))
    agents = sorted({row["agent"] for row in rows}, key=lambda name: int(name.split(":")[1]))
    items = sorted({row["item"] for row in rows})
    wide = np.full((len(agents), len(items)), np.nan)
    for row in rows:
        wide[agents.index(row["agent"]), items.index(row["item"])] = float(row[mark])
    return table_of(agents, items, wide)


@pytest.fixture(scope="module")
def responses() -> ResponseTable:
    return kept("ability")


@pytest.fixture(scope="module")
def passed() -> ResponseTable:
    return kept("passed")


@pytest.fixture(scope="module")
def fitted(responses: ResponseTable) -> Fit:
    return fit(responses, "beta")


def test_fourteen_agents_of_known_order_sat_sixty_instances(responses: ResponseTable):
    assert responses.agents == tuple(f"ladder:{rung}" for rung in range(1, 15))
    assert len(responses.items) >= 60
    assert responses.cells.size == len(responses.agents) * len(responses.items)


def test_the_order_of_the_agents_is_found(fitted: Fit):
    assert fitted.converged
    found = stats.spearmanr(range(14), fitted.abilities.theta)
    assert found.statistic >= 0.95  # pyright: ignore[reportAttributeAccessIssue]


def test_the_presets_get_harder(responses: ResponseTable):
    means = responses.cells.wide().mean(axis=0)
    by_family: dict[str, dict[str, list[float]]] = {}
    for item, mean in zip(responses.items, means, strict=True):
        instance = InstanceId.parse(item)
        by_family.setdefault(instance.family, {}).setdefault(instance.preset, []).append(1 - mean)
    rows = [
        [float(np.mean(presets[preset])) for preset in PRESETS]
        for presets in by_family.values()
        if len(presets) == 4
    ]
    assert len(rows) == 7
    assert stats.page_trend_test(rows).pvalue < 0.01
    means = np.mean(rows, axis=0)
    assert means[0] <= means[1] < means[2] < means[3]


def test_an_adaptive_exam_needs_half_of_the_instances_for_the_same_error(passed: ResponseTable):
    wide, half = passed.cells.wide(), len(passed.items) // 2
    needed: list[float] = []
    for left_out in range(len(passed.agents)):
        others = [at for at in range(len(passed.agents)) if at != left_out]
        bank = fit(
            table_of([passed.agents[at] for at in others], passed.items, wide[others]), "2pl"
        ).bank
        one = table_of([passed.agents[left_out]], passed.items, wide[[left_out]])
        looks = tuple(range(1, half + 1))
        random = [
            replay(bank, one, Plan(rule="random", seed=seed), after=(half,)).se[0, 0]
            for seed in range(8)
        ]
        adaptive = replay(bank, one, Plan(rule="information"), after=looks).se[0]
        reached = np.flatnonzero(adaptive <= np.mean(random))
        needed.append(float(reached[0] + 1) if reached.size else half)
    assert np.mean(needed) <= half / 2
