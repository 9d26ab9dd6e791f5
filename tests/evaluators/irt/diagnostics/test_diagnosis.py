"""`diagnose`: cards, order, files; false alarms; hard or broken; what is refused."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluators.irt._fitting import fit
from evaluators.irt._reading import read_responses
from evaluators.irt._responses import Covariates, ResponseTable, table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.diagnostics import Diagnosis, Options, diagnose, plant
from evaluators.irt.diagnostics._evidence import evidence
from evaluators.irt.diagnostics._null import p_values
from evaluators.irt.diagnostics._queue import extremes
from evaluators.irt.diagnostics._scores import scores
from evaluators.irt.fit_statistics._chi_squares import false_discovery
from tasks import UsageError


def shuffled_rows(table: ResponseTable, seed: int) -> ResponseTable:
    """The same responses, agents and items in another order."""
    rng = np.random.default_rng(seed)
    agents, items = rng.permutation(len(table.agents)), rng.permutation(len(table.items))
    wide = table.cells.wide()[np.ix_(agents, items)]
    return table_of([table.agents[i] for i in agents], [table.items[j] for j in items], wide)


@pytest.fixture(scope="module")
def broken() -> tuple[Diagnosis, tuple[str, ...], ResponseTable]:
    table = simulate("2pl", 100, 120, seed=11, observed=0.9).table
    planted = plant(table, "flipped", seed=1)
    return diagnose(planted.table), planted.items, planted.table


def test_flipped_items_come_first_with_what_speaks_against_them(
    broken: tuple[Diagnosis, tuple[str, ...], ResponseTable],
):
    found, items, _ = broken
    first = found.cards[: len(items)]
    assert {card.item for card in first} == set(items)
    assert [card.rank for card in found.cards] == list(range(1, 121))
    sure = first[0]
    assert {"suspect", "inverted", "negative_item_rest"} <= set(sure.flags)
    assert sure.evidence[0].startswith("Agents who do well elsewhere fail it: r = -")
    said = [line for card in first for line in card.evidence]
    assert any("strong agents fail: agent-" in line for line in said)
    assert max(sure.kinds, key=lambda kind: sure.kinds[kind]) == "inverted"
    assert sure.standing["item_rest"] < 0.1
    assert found.card(items[0]).item == items[0]
    with pytest.raises(UsageError, match="no item 'none'"):
        found.card("none")


def test_another_order_of_rows_changes_nothing(
    broken: tuple[Diagnosis, tuple[str, ...], ResponseTable],
):
    found, _, table = broken
    again = diagnose(shuffled_rows(table, 3))
    assert [(c.item, c.defect_score) for c in again.cards] == [
        (c.item, c.defect_score) for c in found.cards
    ]
    assert again.agents == found.agents


def test_the_folder_holds_the_cards(
    tmp_path: Path, broken: tuple[Diagnosis, tuple[str, ...], ResponseTable]
):
    found, _, _ = broken
    paths = found.write(tmp_path / "out")
    assert [path.name for path in paths] == ["items.csv", "cards.json", "cards.txt"]
    with paths[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["item"] for row in rows] == [card.item for card in found.cards]
    said = [float(row["defect_score"]) for row in rows]
    assert said == sorted(said, reverse=True)
    cards = json.loads(paths[1].read_text())["cards"]
    assert cards[0]["evidence"] == list(found.cards[0].evidence)
    assert found.cards[0].text() in paths[2].read_text()


def test_a_review_list_weighs_value_and_cost(
    broken: tuple[Diagnosis, tuple[str, ...], ResponseTable],
):
    found, items, _ = broken
    last = found.cards[-1].item
    assert found.review() == found.cards
    assert found.review(value={last: 1e9})[0].item == last
    assert found.review(cost={found.cards[0].item: 1e9})[0].item != found.cards[0].item
    with pytest.raises(UsageError, match="above 0"):
        found.review(cost={items[0]: 0.0})


def test_a_fit_adds_its_parameters():
    table = simulate("2pl", 60, 30, seed=2).table
    found = diagnose(table, fit(table), NO_Q)
    card = found.cards[0]
    assert {"a", "b", "se_a", "se_b", "infit_z", "outfit_z"} <= set(card.parameters)
    assert all(np.isfinite(value) for value in card.parameters.values())
    assert [c.defect_score for c in diagnose(table, options=NO_Q).cards] == [
        c.defect_score for c in found.cards
    ]


FEW = Options(statistics=("item_rest",), null_items=2_000)
NO_Q = Options(null_items=0)


def test_clean_tables_raise_few_alarms():
    """Flags on tables without any defect; each is a whole false discovery."""
    tables = [simulate("2pl", 60, 80, seed=seed).table for seed in range(4)]
    found = [diagnose(table, options=FEW) for table in tables]
    assert sum(any("suspect" in card.flags for card in one.cards) for one in found) <= 1
    assert sum("inverted" in card.flags for one in found for card in one.cards) == 0


def false_shares(kind: str, size: tuple[int, int], seeds: range) -> dict[str, tuple[float, float]]:
    """By flag: mean share of false ones, and of the broken items that have it."""
    found: dict[str, list[tuple[float, float]]] = {"suspect": [], "inverted": []}
    for seed in seeds:
        planted = plant(simulate("2pl", *size, seed=50 + seed).table, kind, seed=seed)
        cards, broken = diagnose(planted.table, options=FEW).cards, set(planted.items)
        for flag, values in found.items():
            flagged = {card.item for card in cards if flag in card.flags}
            wrong = len(flagged - broken) / max(len(flagged), 1)
            values.append((wrong, len(flagged & broken) / len(broken)))
    means = {flag: np.mean(values, axis=0).tolist() for flag, values in found.items()}
    return {flag: (wrong, had) for flag, (wrong, had) in means.items()}


def test_flags_on_flipped_items_keep_the_nominal_rate():
    """On the tables of 150 items where posterior probabilities gave .145 false alarms."""
    found = false_shares("flipped", (120, 150), range(4))
    assert found["suspect"][0] <= 0.05
    assert found["suspect"][1] >= 0.9
    assert found["inverted"][0] <= 0.05
    assert found["inverted"][1] >= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("size", [(60, 100), (150, 200)])
@pytest.mark.parametrize(("kind", "power"), [("flipped", 0.9), ("shuffled", 0.04)])
def test_flags_keep_the_nominal_rate_within_sampling_error(
    kind: str, power: float, size: tuple[int, int]
):
    wrong, had = false_shares(kind, size, range(20))["suspect"]
    # A standard error of the mean of twenty shares is .01 to .03.
    assert wrong <= 0.05 + 0.03
    assert had >= power


def test_q_rests_on_a_seed_alone_and_none_is_given_without_simulation():
    table = plant(simulate("2pl", 40, 40, seed=5).table, "flipped", seed=0).table
    few = replace(FEW, null_items=400)
    first, again = (diagnose(table, options=few) for _ in range(2))
    assert [card.q for card in first.cards] == [card.q for card in again.cards]
    other = diagnose(table, options=replace(few, seed=1))
    assert [card.q for card in first.cards] != [card.q for card in other.cards]
    assert [c.defect_score for c in first.cards] == [c.defect_score for c in other.cards]
    asked = diagnose(table, options=replace(few, prevalence=0.3))
    assert {c.item: c.q for c in asked.cards} == {c.item: c.q for c in first.cards}
    none = diagnose(table, options=NO_Q)
    assert all(np.isnan(card.q) and "suspect" not in card.flags for card in none.cards)
    assert any("No sound items were simulated" in note for note in none.notes)
    with pytest.raises(UsageError, match="0 for none, not -1"):
        diagnose(table, options=replace(FEW, null_items=-1))


def test_p_values_by_hand():
    null = np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [3.0, 0.0, 0.0]])
    # Tail shares by class 1/4 and 1: the least of .25 / .5, 1 / .25 is .5; none of the null's
    # (.5 / .5, .75 / .5, 1 / .5) is as small, so one of four counting itself.
    found = p_values(np.array([[9.0, -1.0, -1.0], [np.nan] * 3, [2.5, -1.0, -1.0]]), null)
    np.testing.assert_allclose(found, [0.25, np.nan, 0.5])


@pytest.mark.parametrize("trials", [1, 5])
def test_counts_and_fractions_have_a_null_of_their_own_kind(trials: int):
    drawn = simulate("2pl", 60, 60, seed=8, trials=5).table
    table = replace(drawn, trials=np.full(drawn.trials.shape, float(trials)))
    planted = plant(table, "flipped", seed=0)
    found = diagnose(planted.table, options=replace(FEW, null_items=600))
    flagged = {card.item for card in found.cards if "suspect" in card.flags}
    assert flagged >= set(planted.items)
    assert len(flagged) <= len(planted.items) + 1


def test_features_tell_hard_items_from_broken_ones():
    rng = np.random.default_rng(0)
    theta = rng.standard_normal(60)
    difficulty = rng.normal(1.0, 2.0, 300)
    wide = (rng.random((60, 300)) < 1 / (1 + np.exp(-2 * (theta[:, None] - difficulty)))) * 1.0
    names = [f"a{i:02d}" for i in range(60)], [f"i{j:03d}" for j in range(300)]
    hint = difficulty + rng.normal(0, 0.7, 300)
    table = replace(table_of(*names, wide), of_items=Covariates(numbers={"hint": hint}))
    planted = plant(table, "all_fail", seed=4, limits=(0.2, 0.9))
    found = diagnose(planted.table, options=NO_Q)
    queue = [card for card in found.cards if "all_fail" in card.flags]
    bad = np.array([card.item in planted.items for card in queue])
    score = np.array([card.defect_score for card in queue])
    assert 5 <= bad.sum() <= len(queue) - 5
    above = (score[bad][:, None] > score[~bad][None, :]).mean()
    assert above >= 0.95
    assert "has that happen with probability" in queue[0].evidence[0]
    assert all(card.kinds == {} for card in queue)


def test_the_posterior_of_an_all_fail_item_is_bayes_rule():
    table = simulate("2pl", 40, 60, seed=1).table
    planted = plant(table, "all_fail", seed=1)
    shown = evidence(planted.table)
    said = extremes(shown, np.zeros((60, 0)), 0.2)
    at = np.isin(shown.items, planted.items)
    assert said.all_fail[at].all()
    np.testing.assert_allclose(said.broken[at], 0.2 / (0.2 + 0.8 * said.chance[at]))
    assert np.isnan(said.broken[~said.all_fail & ~said.all_pass]).all()


def test_adjusted_p_and_prevalence_by_hand():
    adjusted = false_discovery(np.array([0.01, np.nan, 0.04, 0.03]))
    np.testing.assert_allclose(adjusted, [0.03, np.nan, 0.04, 0.04])
    known = scores(np.array([[np.log(19.0)], [np.nan]]), 0.05)
    np.testing.assert_allclose(known.probability, [0.5, 0.05])
    # 10 % whose likelihood ratio is beyond doubt: the estimate is theirs, shrunk by 18 items.
    sure = scores(np.repeat([[50.0], [-50.0]], [100, 900], axis=0), None)
    assert sure.prevalence == pytest.approx(100 / 1018)
    assert scores(np.full((500, 1), -2.0), None).prevalence < 1e-6


def test_groups_of_suspects_are_named():
    table = simulate("2pl", 100, 90, seed=4).table
    wide = table.cells.wide()
    wide[:, :10] = 1 - wide[:, :10]
    items = [f"{'left__pad' if j < 10 else 'right__pad'}-{j:03d}" for j in range(90)]
    found = diagnose(table_of(table.agents, items, wide), options=NO_Q)
    assert found.groups[0].group == "left__pad"
    assert found.groups[0].q < 0.01
    assert found.groups[0].mean > found.groups[0].elsewhere


def test_an_agent_of_coin_flips_stands_out():
    table = simulate("2pl", 40, 200, seed=9).table
    wide = table.cells.wide()
    wide[0] = np.random.default_rng(0).random(200) < 0.5
    found = diagnose(table_of(table.agents, table.items, wide), options=NO_Q)
    assert min(found.agents, key=lambda agent: agent.easiness).agent == table.agents[0]


def test_what_cannot_be_diagnosed_is_refused_by_name():
    table = simulate("2pl", 10, 10, seed=0).table
    with pytest.raises(UsageError, match="2 agents and 10 items"):
        diagnose(table_of(table.agents[:2], table.items, table.cells.wide()[:2]))
    bad = replace(table, score=np.where(np.arange(100) == 3, np.nan, table.score))
    with pytest.raises(UsageError, match="agent-0 on item-3: nan"):
        diagnose(bad)
    with pytest.raises(UsageError, match="shares between 0 and 1, not 2"):
        diagnose(table, options=Options(prevalence=2.0))
    with pytest.raises(UsageError, match="Did you mean item_rest"):
        diagnose(table, options=Options(statistics=("item_rst",)))
    with pytest.raises(UsageError, match="Did you mean flipped"):
        plant(table, "fliped", seed=0)
    with pytest.raises(UsageError, match="widen the limits"):
        plant(table, "flipped", seed=0, limits=(0.5, 0.5))
    with pytest.raises(UsageError, match="above 0 and below 1"):
        plant(table, "flipped", seed=0, share=1.0)


def test_items_without_evidence_are_counted_not_dropped():
    wide = simulate("2pl", 30, 20, seed=0).table.cells.wide()
    wide[:, 0], wide[:, 1], wide[:, 2] = 0.0, 1.0, np.nan
    wide[:, 3] = np.arange(30) < 2
    names = [f"a{i}" for i in range(30)], [f"i{j:02d}" for j in range(20)]
    found = diagnose(table_of(*names, wide), options=NO_Q)
    assert len(found.cards) == 20
    assert "all_fail" in found.card("i00").flags
    assert "all_pass" in found.card("i01").flags
    assert found.card("i02").agents == 0
    assert found.card("i03").flags[0] == "few_answers"
    fail, had = int((np.nansum(wide, axis=0) == 0).sum()) - 1, int((wide.min(axis=0) == 1).sum())
    assert found.notes[0].startswith(f"{fail} items that all fail and {had} that all pass")
    assert any("not judged" in note for note in found.notes)


BEST_COLUMN = {
    ("swebench_verified", "flipped"): (1.0, 1.0),
    ("swebench_verified", "shuffled"): (0.995, 0.88),
    ("swebench_verified", "half_shuffled"): (0.968, 0.51),
    ("bigcodebench", "flipped"): (0.991, 0.83),
    ("bigcodebench", "shuffled"): (0.941, 0.43),
    ("bigcodebench", "half_shuffled"): (0.809, 0.12),
}
"""Best single column (item-rest, H, tetrachoric, infit, outfit, slope) on such plantings, AUC and
precision at the number planted; the shipped stack was trained on neither data set."""


BEHIND = pytest.mark.xfail(
    raises=AssertionError,
    strict=True,
    reason="Reversed weak items rank behind unpredictable real ones: AUC .984 of the score of all "
    "classes against .991 of tetrachoric alone, at the same precision of .83",
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(
            *key,
            marks=[
                *([pytest.mark.slow] if key[0] == "bigcodebench" else []),
                *([BEHIND] if key == ("bigcodebench", "flipped") else []),
            ],
        )
        for key in BEST_COLUMN
    ],
)
def test_planted_defects_in_real_data_are_found_as_well_as_by_the_best_column(
    name: str, kind: str, responses_data: Path
):
    from scipy.stats import rankdata

    table = read_responses(responses_data / f"{name}.csv.gz")
    auc: list[float] = []
    precision: list[float] = []
    for seed in range(3):
        planted = plant(table, kind, seed=seed)
        found = diagnose(
            planted.table, options=Options(statistics=(), prevalence=0.05, null_items=0)
        )
        by = {card.item: card.defect_score for card in found.cards}
        score = np.array([by[item] for item in planted.eligible])
        bad = np.isin(planted.eligible, planted.items)
        k, rest = int(bad.sum()), int((~bad).sum())
        auc.append((rankdata(score)[bad].sum() - k * (k + 1) / 2) / (k * rest))
        precision.append(float(bad[np.argsort(-score, kind="stable")[:k]].mean()))
    least = BEST_COLUMN[name, kind]
    assert np.mean(auc) >= least[0] - 0.0005
    assert np.mean(precision) >= least[1] - 0.005
