"""All of it on SWE-bench Verified and on repeated trials: finite, sensible, in words."""

from pathlib import Path

import numpy as np
import pytest

from evaluators.irt._fit import Fit
from evaluators.irt._fitting import fit
from evaluators.irt._reading import read_responses
from evaluators.irt._responses import ResponseTable
from evaluators.irt.dif.groups import before_after, two_groups
from evaluators.irt.dif.logistic import logistic_dif
from evaluators.irt.dif.mantel_haenszel import mantel_haenszel
from evaluators.irt.dif.multi_group import multi_group
from evaluators.irt.fit_statistics.asymptotes import asymptotes
from evaluators.irt.fit_statistics.mean_squares import mean_squares
from evaluators.irt.fit_statistics.q3 import local_dependence
from evaluators.irt.fit_statistics.rmsd import rmsd
from evaluators.irt.fit_statistics.s_x2 import s_x2
from evaluators.irt.person_fit.guttman import guttman_errors
from evaluators.irt.person_fit.lz import person_fit
from evaluators.irt.person_fit.odd_agents import odd_agents
from evaluators.irt.reliability.alpha import cronbach_alpha
from evaluators.irt.reliability.decision import Cost, decide
from evaluators.irt.reliability.generalizability import components, generalizability
from evaluators.irt.reliability.information import (
    empirical_reliability,
    marginal_reliability,
    score_reliability,
)


@pytest.fixture(scope="module")
def verified(responses_data: Path) -> tuple[ResponseTable, Fit]:
    table = read_responses(responses_data / "swebench_verified.csv.gz")
    return table, fit(table, "2pl")


def test_fit_of_items_and_agents(verified: tuple[ResponseTable, Fit]):
    table, found = verified
    squares = mean_squares(table, found.bank, found.abilities)
    assert np.isfinite(squares.items.outfit).all()
    assert 0.85 < np.median(squares.items.infit) < 1.1
    totals = s_x2(table, found.bank)
    assert np.isfinite(totals.p).sum() > 400
    assert np.nanmean(totals.p < 0.05) < 0.25
    assert np.nanmedian(rmsd(table, found.bank, found.abilities).value) < 0.15
    sides = asymptotes(table, found.bank, found.abilities)
    assert np.isnan(sides.upper.p).sum() == 32  # items that all or no agents solved
    assert len(sides.upper.flagged()) < 50
    people = person_fit(table, found.bank, found.abilities)
    odd = odd_agents(table, found.bank, found.abilities)
    assert 1 <= len(odd) <= 20
    assert odd[0].agent == people.agents[int(np.argmin(people.lz_star))]
    assert np.nanmedian(guttman_errors(table).normed) < 0.15


def test_dependence_clusters_hold_items_of_one_repository(verified: tuple[ResponseTable, Fit]):
    table, found = verified
    dependence = local_dependence(table, found.bank, found.abilities)
    assert 1 <= len(dependence.clusters) <= 20
    largest = dependence.clusters[0].items
    repositories = [item.split("__")[0] for item in largest]
    assert max(repositories.count(one) for one in repositories) > len(largest) / 2


def test_functioning_before_and_after_a_date(verified: tuple[ResponseTable, Fit]):
    table, found = verified
    dates = tuple(name[:8] if name[:8].isdigit() else "" for name in table.agents)
    groups = before_after(dates, "20250301")
    two = two_groups(table, groups, focal="from 20250301")
    for p in (
        mantel_haenszel(table, two).p,
        mantel_haenszel(table, two, found.abilities).p,
        logistic_dif(table, two, found.abilities).p,
    ):
        assert np.isfinite(p).sum() > 300
        assert np.nanmean(p < 0.05) < 0.35
    curves = multi_group(table, found.bank, found.abilities, groups)
    early, late = (curves.groups.index(f"{one} 20250301") for one in ("before", "from"))
    assert curves.mean[late] > curves.mean[early] + 0.5
    assert curves.anchors.sum() > 400


def test_reliability_is_near_1_with_500_items(verified: tuple[ResponseTable, Fit]):
    table, found = verified
    for value in (
        cronbach_alpha(table).value,
        marginal_reliability(found.bank),
        empirical_reliability(found.abilities),
        score_reliability(found.bank),
    ):
        assert 0.98 < value < 1.0


def test_repeated_trials_have_all_four_components(responses_data: Path):
    table = read_responses(responses_data / "terminal_bench_2_trials.csv.gz")
    found = components(table)
    assert found.run is not None
    assert min(found.agent, found.item, found.interaction, found.run) > 0.01
    # The variance of a single pass or failure is P (1 - P), however it is split.
    assert found.total == pytest.approx(found.mean * (1.0 - found.mean), rel=0.03)
    assert generalizability(found, 88, 5).g > 0.95
    assert decide(found, 0.03, cost=Cost(item=3.0), universe=88).best.repeats > 1
