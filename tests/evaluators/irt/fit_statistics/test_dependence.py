"""Q3 and its clusters; ceilings and floors."""

import numpy as np
import pytest

from evaluators.irt._fit import Abilities
from evaluators.irt._responses import Floats, table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.fit_statistics.asymptotes import asymptotes
from evaluators.irt.fit_statistics.q3 import local_dependence, mean_by_label, pairwise_correlation
from tasks import UsageError


def known(theta: Floats, agents: tuple[str, ...]) -> Abilities:
    return Abilities(agents, theta, np.zeros(len(theta)), "true", theta, theta)


def test_pairwise_complete_correlations_are_numpys():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(30, 4))
    wide[rng.random(wide.shape) < 0.3] = np.nan
    wide[:, 3] = 1.0
    found, shared = pairwise_correlation(wide)
    both = ~np.isnan(wide[:, 0]) & ~np.isnan(wide[:, 1])
    assert shared[0, 1] == both.sum()
    np.testing.assert_allclose(found[0, 1], np.corrcoef(wide[both, 0], wide[both, 1])[0, 1])
    assert np.isnan(found[3]).all()


def test_independent_items_make_no_pair_and_no_cluster():
    alarms = 0
    for seed in range(8):
        drawn = simulate("2pl", 100, 80, seed=seed, observed=0.9)
        found = local_dependence(drawn.table, drawn.bank, known(drawn.theta, drawn.table.agents))
        alarms += bool(found.pairs) + bool(found.clusters)
    assert alarms <= 2


def test_duplicates_and_a_shared_repository_are_found():
    rng = np.random.default_rng(3)
    drawn = simulate("2pl", 150, 100, seed=2)
    bank, theta = drawn.bank, drawn.theta
    wide = drawn.table.cells.wide()
    middle = np.argsort(np.abs(bank.parameters["b"]))
    twins, repository = middle[:2], middle[2:10]
    wide[:, twins[1]] = wide[:, twins[0]]
    secret = rng.normal(0.0, 2.0, 150)
    for item in repository:
        wide[:, item] = rng.random(150) < bank.take([item]).mean(theta + secret)[0]
    table = table_of(drawn.table.agents, drawn.table.items, wide)
    found = local_dependence(table, bank, known(theta, table.agents))
    names = [{table.items[at] for at in group} for group in (repository, twins)]
    sets = [set(one.items) for one in found.clusters]
    assert len(names[0] & max(sets, key=len)) >= 6
    assert names[1] in sets
    assert "duplicates" in found.clusters[sets.index(names[1])].text
    labels = dict.fromkeys(names[0], "lib") | {table.items[at]: "rest" for at in middle[10:40]}
    by_label = mean_by_label(found, labels)
    assert by_label["lib"][0] > 0.2 > abs(by_label["rest"][0]) * 10
    assert by_label["lib"][1] == 28


def test_q3_says_which_items_are_too_lopsided_and_needs_three():
    drawn = simulate("2pl", 40, 12, seed=2)
    wide = drawn.table.cells.wide()
    wide[:, 0] = 0.0
    wide[3, 0] = 1.0
    table = table_of(drawn.table.agents, drawn.table.items, wide)
    abilities = known(drawn.theta, table.agents)
    found = local_dependence(table, drawn.bank, abilities)
    assert table.items[0] in found.dropped[-1].names
    assert table.items[0] not in found.items
    with pytest.raises(UsageError, match="at least 3 items"):
        local_dependence(table, drawn.bank.take([0, 1, 2]), abilities)


def test_a_planted_ceiling_and_a_planted_floor_are_found_and_named():
    rng = np.random.default_rng(1)
    drawn = simulate("2pl", 1.5 * rng.standard_normal(700), 50, seed=1)
    steep = np.argsort(-drawn.bank.parameters["a"] + np.abs(drawn.bank.parameters["b"]))
    capped, leaked = steep[0], steep[1]
    wide = drawn.table.cells.wide()
    wide[rng.random(700) < 0.4, capped] = 0.0
    wide[rng.random(700) < 0.4, leaked] = 1.0
    table = table_of(drawn.table.agents, drawn.table.items, wide)
    found = asymptotes(table, drawn.bank, known(drawn.theta, table.agents))
    for side, item, truth in ((found.upper, capped, 0.6), (found.lower, leaked, 0.4)):
        assert side.q[item] < 0.01
        assert abs(side.asymptote[item] - truth) < 0.1
        assert np.sum(side.q < 0.05) <= 3
    place = {agent: at for at, agent in enumerate(table.agents)}
    for agent in found.upper.agents[capped]:
        assert wide[place[agent], capped] == 0.0
        assert drawn.theta[place[agent]] > 1.0
    for agent in found.lower.agents[leaked]:
        assert wide[place[agent], leaked] == 1.0
        assert drawn.theta[place[agent]] < -1.0
    assert found.upper.flagged()[0].startswith(f"{table.items[capped]}: even the strongest")
    assert found.lower.flagged()[0].startswith(f"{table.items[leaked]}: even the weakest")


@pytest.mark.parametrize("trials", [1, 4])
def test_the_asymptote_tests_keep_their_level(trials: int):
    drawn = simulate("2pl", 150, 100, seed=6, trials=trials, observed=0.8)
    found = asymptotes(drawn.table, drawn.bank, known(drawn.theta, drawn.table.agents))
    for side in (found.upper, found.lower):
        p = side.p[np.isfinite(side.p)]
        assert np.mean(p < 0.05) < 0.1
        assert 0.35 < np.mean(p == 1.0) < 0.75


def test_constant_items_have_no_asymptote_and_continuous_scores_are_refused():
    drawn = simulate("2pl", 60, 10, seed=6)
    wide = drawn.table.cells.wide()
    wide[:, 0] = 1.0
    abilities = known(drawn.theta, drawn.table.agents)
    table = table_of(drawn.table.agents, drawn.table.items, wide)
    assert np.isnan(asymptotes(table, drawn.bank, abilities).upper.p[0])
    graded = simulate("graded", 60, 10, seed=6)
    with pytest.raises(UsageError, match="continuous"):
        asymptotes(graded.table, graded.bank, known(graded.theta, graded.table.agents))
