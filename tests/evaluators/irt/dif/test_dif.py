"""Groups, Mantel-Haenszel, logistic regression, likelihood ratio and Wald tests between groups."""

from typing import Any

import numpy as np
import pytest
from statsmodels.discrete import discrete_model
from statsmodels.stats import contingency_tables

from evaluators.irt._fit import Abilities
from evaluators.irt._responses import Covariates, Floats, Ints, ResponseTable, table_of
from evaluators.irt._simulation import Simulated, simulate
from evaluators.irt.dif.groups import before_after, families, labels_of, two_groups
from evaluators.irt.dif.logistic import logistic_dif, regressions
from evaluators.irt.dif.mantel_haenszel import Tables, ets_classes, mantel_haenszel, odds_ratios
from evaluators.irt.dif.multi_group import multi_group
from tasks import UsageError


def known(theta: Floats, agents: tuple[str, ...]) -> Abilities:
    return Abilities(agents, theta, np.zeros(len(theta)), "true", theta, theta)


def planted(
    n_agents: int, n_items: int, shift: float, *, trials: int = 1, impact: float = 0.0
) -> tuple[Simulated, ResponseTable, Ints, tuple[str, ...]]:
    """2PL data; three items of middling difficulty are harder by `shift` for group `new`."""
    rng = np.random.default_rng(7)
    side = rng.integers(0, 2, n_agents)
    drawn = simulate(
        "2pl", rng.standard_normal(n_agents) + impact * side, n_items, seed=1, trials=trials
    )
    chosen = np.argsort(np.abs(drawn.bank.parameters["b"] - impact / 2))[:3]
    wide = drawn.table.cells.wide()
    chance = drawn.bank.take(chosen).mean(drawn.theta - shift)
    for item, p in zip(chosen, chance, strict=True):
        wide[side == 1, item] = rng.binomial(trials, p[side == 1]) / trials
    table = table_of(
        drawn.table.agents, drawn.table.items, wide, np.full(wide.shape, float(trials))
    )
    return drawn, table, chosen, tuple("new" if one else "old" for one in side)


def test_groups_come_from_families_dates_and_columns():
    assert families(("Claude 3.5 Sonnet", "gpt-4o", "", "4o")) == ("claude", "gpt", "", "o")
    assert before_after(("20240501", "2025-02-01", ""), "2025-01-01") == (
        "before 2025-01-01", "from 2025-01-01", "",
    )  # fmt: skip
    with pytest.raises(UsageError, match="no date"):
        before_after(("May",), "20250101")
    drawn = simulate("2pl", 12, 5, seed=0)
    table = ResponseTable(
        *(getattr(drawn.table, name) for name in (
            "agents", "items", "agent", "item", "score", "trials", "trial"
        )),
        of_agents=Covariates({"scaffold": ("a",) * 6 + ("b",) * 5 + ("",)}),
    )  # fmt: skip
    found = two_groups(table, labels_of(table, "scaffold"))
    assert (found.reference, found.focal) == ("a", "b")
    np.testing.assert_array_equal(found.side, [0] * 6 + [1] * 5 + [-1])
    with pytest.raises(UsageError, match="Did you mean scaffold"):
        labels_of(table, "scafold")


@pytest.mark.parametrize(
    ("groups", "focal", "said"),
    [
        (("a",) * 12, None, "nothing to compare"),
        (("",) * 12, None, "None of the 12 agents"),
        (("a",) * 9 + ("b",) * 3, None, "fewer than 5"),
        (("a", "b", "c") * 4, None, "say which one"),
        (("a", "b") * 6, "d", "No agent is in a group 'd'"),
        (("a", "b"), None, "2 groups for 12 agents"),
    ],
)
def test_groups_that_cannot_be_compared_are_refused(
    groups: tuple[str, ...], focal: str | None, said: str
):
    drawn = simulate("2pl", 12, 5, seed=0)
    with pytest.raises(UsageError, match=said):
        two_groups(drawn.table, groups, focal)


def test_odds_ratio_and_chi_square_are_statsmodels():
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 12, (2, 2, 6)).astype(float)
    oracle: Any = contingency_tables.StratifiedTable(counts)
    a, b, c, d = (counts[row, column][None] for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)))
    alpha, se = odds_ratios(Tables(a, b, c, d, a + c))
    np.testing.assert_allclose(alpha[0], oracle.oddsratio_pooled)
    np.testing.assert_allclose(se[0], oracle.logodds_pooled_se)


def test_the_whole_of_mantel_haenszel_is_statsmodels():
    _, table, _, groups = planted(200, 12, 0.0)
    found = mantel_haenszel(table, two_groups(table, groups, "new"), bands=4, purify=False)
    wide, focal = table.cells.wide(), np.array(groups) == "new"
    total = wide.sum(axis=1)
    order = np.sort(total)
    middle = (np.searchsorted(order, total) + np.searchsorted(order, total, "right") - 1) / 2
    band = np.minimum(middle * 4 // 200, 3)
    for item in (0, 5):
        tables = [
            np.array([[np.sum(wide[(band == at) & side, item] == y) for y in (1, 0)]
                      for side in (~focal, focal)])
            for at in range(4)
        ]  # fmt: skip
        oracle: Any = contingency_tables.StratifiedTable([one.astype(float) for one in tables])
        np.testing.assert_allclose(found.odds_ratio[item], oracle.oddsratio_pooled)
        np.testing.assert_allclose(found.delta[item], -2.35 * np.log(oracle.oddsratio_pooled))
        test = oracle.test_null_odds(correction=True)
        np.testing.assert_allclose(found.chi_square[item], test.statistic)
        np.testing.assert_allclose(found.p[item], test.pvalue)


def test_ets_classes_by_their_definition():
    delta = np.array([0.5, 1.2, -1.2, 1.6, 1.6, -2.5, np.nan])
    se = np.array([0.1, 0.5, 0.9, 0.5, 0.2, 0.3, 1.0])
    p = np.array([0.001, 0.02, 0.2, 0.01, 0.001, 0.001, 0.5])
    assert ets_classes(delta, se, p) == ("A", "B", "A", "B", "C", "C", "")


def test_mantel_haenszel_and_logistic_keep_their_level_although_groups_differ_in_ability():
    _, table, _, groups = planted(400, 80, 0.0, impact=0.5)
    two = two_groups(table, groups, "new")
    for p in (mantel_haenszel(table, two).p, logistic_dif(table, two).p):
        assert np.mean(p < 0.05) < 0.11
        assert np.mean(p < 0.5) > 0.3


@pytest.mark.parametrize("trials", [1, 4])
def test_planted_items_are_found_by_all_three_and_no_others(trials: int):
    drawn, table, chosen, groups = planted(500, 40, 1.2, trials=trials)
    two = two_groups(table, groups, "new")
    mh, logistic = mantel_haenszel(table, two), logistic_dif(table, two)
    curves = multi_group(table, drawn.bank, known(drawn.theta, table.agents), groups)
    for q in (mh.q, logistic.q, curves.q):
        assert np.all(q[chosen] < 0.05)
        assert np.sum(np.delete(q, chosen) < 0.05) <= 3
    assert np.all(mh.delta[chosen] < -0.9)
    assert np.all(logistic.uniform[chosen] < -0.4)
    assert np.all(curves.gap[chosen] > 0.1)
    assert not curves.anchors[chosen].any()
    assert np.all(curves.p_wald[chosen] < 0.01)
    assert "'new'" in mh.words()[0] if trials == 1 else True
    assert any(table.items[chosen[0]] in said for said in curves.words())


def test_abilities_match_agents_where_cells_are_missing():
    drawn, table, chosen, groups = planted(600, 40, 1.5)
    wide = table.cells.wide()
    wide[np.random.default_rng(0).random(wide.shape) < 0.3] = np.nan
    sparse = table_of(table.agents, table.items, wide)
    two = two_groups(sparse, groups, "new")
    with pytest.raises(UsageError, match="Give abilities"):
        mantel_haenszel(sparse, two)
    abilities = known(drawn.theta, table.agents)
    found = mantel_haenszel(sparse, two, abilities)
    assert set(np.argsort(found.p)[:3]) == set(chosen)
    assert set(np.argsort(logistic_dif(sparse, two, abilities).p)[:3]) == set(chosen)
    with pytest.raises(UsageError, match="have no ability"):
        logistic_dif(sparse, two, known(drawn.theta[:9], table.agents[:9]))


def test_regressions_are_statsmodels():
    rng = np.random.default_rng(3)
    design = np.column_stack([np.ones(300), rng.normal(size=(300, 2))])
    score = (rng.random(300) < 1 / (1 + np.exp(-design @ [0.2, 1.0, -0.5]))).astype(float)
    place = np.repeat([0, 1], 150)
    beta, log_likelihood = regressions(design, score, place, 2)
    for at in (0, 1):
        oracle: Any = discrete_model.Logit(score[place == at], design[place == at]).fit(disp=0)
        np.testing.assert_allclose(beta[at], oracle.params, rtol=2e-3, atol=1e-3)
        np.testing.assert_allclose(log_likelihood[at], oracle.llf, atol=1e-4)


def test_an_item_that_tells_nothing_in_one_group_is_non_uniform():
    _, table, _, groups = planted(600, 40, 0.0)
    wide = table.cells.wide()
    focal = np.array(groups) == "new"
    total = wide.sum(axis=1)
    item = int(np.argmin(np.abs(wide.mean(axis=0) - 0.5)))
    wide[~focal, item] = total[~focal] > np.median(total)
    wide[focal, item] = np.random.default_rng(1).random(int(focal.sum())) < 0.5
    found = logistic_dif(
        table_of(table.agents, table.items, wide), two_groups(table, groups, "new")
    )
    assert found.kind[item] == "non-uniform"
    assert found.size[item] == "C"
    assert "tells the able from the less able" in found.words()[0]


def test_groups_of_different_ability_are_measured_and_their_items_are_left_alone():
    drawn, table, _, groups = planted(600, 60, 0.0, impact=0.8)
    found = multi_group(table, drawn.bank, known(drawn.theta, table.agents), groups)
    new, old = (drawn.theta[np.array(groups) == name] for name in ("new", "old"))
    np.testing.assert_allclose(found.mean, [new.mean(), old.mean()], atol=0.08)
    np.testing.assert_allclose(found.sd, [new.std(), old.std()], atol=0.08)
    for p in (found.p, found.p_wald):
        assert np.mean(p < 0.05) < 0.13
    three = tuple(("a", "b", "c")[at % 3] for at in range(600))
    assert multi_group(table, drawn.bank, known(drawn.theta, table.agents), three).slope.shape == (
        60, 3,
    )  # fmt: skip


def test_multi_group_refuses_one_group_and_continuous_scores():
    drawn = simulate("2pl", 20, 8, seed=0)
    abilities = known(drawn.theta, drawn.table.agents)
    with pytest.raises(UsageError, match="two groups"):
        multi_group(drawn.table, drawn.bank, abilities, ("a",) * 20)
    graded = simulate("graded", 20, 8, seed=0)
    with pytest.raises(UsageError, match="continuous"):
        multi_group(
            graded.table, graded.bank, known(graded.theta, graded.table.agents), ("a", "b") * 10
        )


def test_too_few_items_or_agents_are_refused():
    drawn = simulate("2pl", 20, 2, seed=0)
    two = two_groups(drawn.table, ("a", "b") * 10)
    with pytest.raises(UsageError, match="too few to match"):
        mantel_haenszel(drawn.table, two)
    drawn = simulate("2pl", 20, 8, seed=0)
    with pytest.raises(UsageError, match="strata of 20 agents"):
        mantel_haenszel(drawn.table, two)
