"""Rules of adaptive testing on hand-made banks, stops, batches, sessions, and replays."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evaluators.irt._fit import ItemBank
from evaluators.irt._model import Layout, model_named
from evaluators.irt._responses import table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.adaptive._plan import Plan, Stop
from evaluators.irt.adaptive._rule import RULES
from evaluators.irt.adaptive.replay import replay
from evaluators.irt.adaptive.session import begin, next_items
from evaluators.irt.scoring.abilities import score_agents
from evaluators.irt.scoring.norms import norms_of
from evaluators.irt.scoring.scores import predict
from tasks import UnknownUnitError, UsageError

NEEDLESS = [name for name in RULES.names() if name != "balanced"]


def bank_of(a: Any, b: Any) -> ItemBank:
    a, b = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    names = tuple(f"i{place}" for place in range(len(a)))
    x = np.column_stack([np.log(a), -a * b])
    return ItemBank(model_named("2pl"), Layout(), names, x, np.zeros((len(a), 2, 2)))


SPREAD = bank_of(1.5, [-2.0, -1.0, 0.0, 1.0, 2.0])


def test_two_pl_information_peaks_at_its_difficulty():
    theta = np.linspace(-3, 3, 601)
    peak = theta[SPREAD.information(theta).argmax(axis=1)]
    np.testing.assert_allclose(peak, [-2, -1, 0, 1, 2], atol=1e-9)


@pytest.mark.parametrize("rule", ["information", "posterior_information", "divergence", "score"])
def test_the_first_item_is_at_the_population_and_the_next_follows_the_answers(rule: str):
    assert next_items(SPREAD, {}, rule=rule).items == ("i2",)
    assert next_items(SPREAD, {"i2": 1.0}, rule=rule).items == ("i3",)
    assert next_items(SPREAD, {"i2": 0.0}, rule=rule).items == ("i1",)


@pytest.mark.parametrize("rule", ["information", "posterior_information", "divergence", "score"])
def test_sharper_items_first(rule: str):
    assert next_items(bank_of([0.5, 1.0, 2.0], 0.0), {}, rule=rule).items == ("i2",)


def test_posterior_information_looks_beyond_the_estimate():
    # A needle at the estimate, and an item that tells something wherever the ability may be.
    bank = bank_of([12.0, 1.6], [0.35, 0.0])
    assert next_items(bank, {}, rule="posterior_information").items == ("i0",)
    far = bank_of([9.0, 1.6], [3.0, 0.0])
    assert next_items(far, {}, rule="posterior_information").items == ("i1",)


def test_the_full_score_counts_an_items_own_uncertainty():
    # Nothing shared to learn: the most uncertain item settles most of the score.
    bank = bank_of(0.01, [-300.0, 0.0, 300.0])
    assert next_items(bank, {}, rule="score").items == ("i1",)


def test_stratified_asks_weak_items_first_and_sharp_ones_last():
    bank = bank_of([0.5, 1.0, 1.5, 2.5] * 4, np.repeat([-1.5, -0.5, 0.5, 1.5], 4))
    session = begin(bank, Plan(rule="stratified", length=16))
    slopes: list[float] = []
    for _ in range(16):
        item = session.next().items[0]
        slopes.append(float(bank.parameters["a"][bank.places([item])][0]))
        session = session.answered({item: float(len(slopes) % 2)})
    assert slopes[:4] == pytest.approx([0.5] * 4)
    assert slopes[-4:] == pytest.approx([2.5] * 4)


def test_cheap_items_come_first_where_they_tell_as_much():
    bank = bank_of([1.5, 1.5, 1.6], 0.0)
    costs = {"i0": 1.0, "i1": 0.2, "i2": 5.0}
    assert next_items(bank, {}, plan=Plan(rule="thrifty", costs=costs)).items == ("i1",)
    assert next_items(bank, {}, plan=Plan(rule="score", costs=costs)).items == ("i2",)


@pytest.mark.parametrize("shares", [{"x": 0.5, "y": 0.3, "z": 0.2}, {"x": 1.0, "y": 4.0}])
def test_groups_get_their_shares_at_every_length(shares: dict[str, float]):
    bank = simulate("2pl", 3, 90, seed=3).bank
    groups = {item: "xyz"[place % 3] for place, item in enumerate(bank.items)}
    session = begin(bank, Plan(rule="balanced", groups=groups, shares=shares))
    seen = dict.fromkeys("xyz", 0)
    total = sum(shares.values())
    for asked in range(1, 31):
        item = session.next().items[0]
        seen[groups[item]] += 1
        session = session.answered({item: 1.0})
        for group in "xyz":
            assert abs(seen[group] - asked * shares.get(group, 0.0) / total) <= 1.0 + 1e-9


def test_shares_are_the_banks_own_unless_said():
    bank = simulate("2pl", 3, 40, seed=3).bank
    groups = {item: "big" if place < 30 else "small" for place, item in enumerate(bank.items)}
    chosen = next_items(bank, {}, n=20, plan=Plan(rule="balanced", groups=groups)).items
    assert sum(groups[item] == "small" for item in chosen) == 5


def test_a_batch_is_spread_over_what_the_ability_may_be():
    # Ten copies at 0 and one item at each of -1.2, 1.2: one by one the copies look best.
    bank = bank_of(2.5, [*[0.0] * 10, -1.2, 1.2])
    batch = set(next_items(bank, {}, n=10, rule="posterior_information").items)
    assert {"i10", "i11"} <= batch
    alone = np.argsort(-begin(bank).setting.curves.information @ begin(bank).mass)[:10]
    assert not {10, 11} & set(alone.tolist())


def test_a_batch_has_no_item_twice_and_ends_with_the_bank():
    for rule in NEEDLESS:
        found = next_items(SPREAD, {"i1": 1.0}, n=9, rule=rule)
        assert sorted(found.items) == ["i0", "i2", "i3", "i4"]


def test_randomesque_draws_among_the_best_and_by_the_seed():
    bank = bank_of(1.5, np.linspace(-3, 3, 31))
    picks = {
        next_items(bank, {}, plan=Plan(rule="information", exposure=3, seed=seed)).items[0]
        for seed in range(40)
    }
    assert picks == {"i14", "i15", "i16"}
    again = [next_items(bank, {}, plan=Plan(rule="random", seed=5)).items for _ in range(2)]
    assert again[0] == again[1]


def test_random_is_even():
    picks = [next_items(SPREAD, {}, plan=Plan(rule="random", seed=s)).items[0] for s in range(500)]
    counts = [picks.count(item) for item in SPREAD.items]
    # Binomial(500, 1/5): sd 9, so 4.5 sds.
    assert max(abs(count - 100) for count in counts) < 41


def test_stops_say_why():
    answered = {"i0": 1.0, "i1": 1.0}
    told = {
        "at most 2": Stop(se=2.0),
        "2 items were asked": Stop(items=2),
        "wide, at most": Stop(width=1.5),
        "beyond the cost of 2": Stop(cost=2.0),
        "by more than": Stop(gain=1.0),
    }
    for words, stop in told.items():
        found = next_items(SPREAD, answered, plan=Plan(stop=stop))
        assert words in found.stop
        assert found.items == ()
    for stop in (Stop(se=0.01), Stop(items=3), Stop(width=0.01), Stop(cost=3.0), Stop(gain=1e-9)):
        assert next_items(SPREAD, answered, plan=Plan(stop=stop)).stop == ""
    everything = dict.fromkeys(SPREAD.items, 1.0)
    assert next_items(SPREAD, everything).stop == "No item is left to ask."


def test_a_batch_stays_within_the_money():
    costs = {"i0": 1.0, "i1": 2.0, "i2": 3.0, "i3": 4.0, "i4": 5.0}
    plan = Plan(rule="score", costs=costs, stop=Stop(cost=6.0))
    found = next_items(SPREAD, {"i0": 1.0}, n=4, plan=plan)
    assert sum(costs[item] for item in found.items) <= 5.0
    assert found.items


def test_barred_items_are_not_asked():
    plan = Plan(rule="information", barred=frozenset({"i2"}))
    assert "i2" not in next_items(SPREAD, {}, n=5, plan=plan).items


def test_a_session_agrees_with_scoring_and_prediction():
    drawn = simulate("2pl", 6, 20, seed=4)
    row = drawn.table.cells.wide()[0]
    session = begin(drawn.bank)
    for _ in range(8):
        item = session.next().items[0]
        session = session.answered({item: float(row[drawn.bank.places([item])[0]])})
    wide = np.full((1, 20), np.nan)
    wide[0, session.asked] = session.answers
    table = table_of(["x"], drawn.bank.items, wide)
    eap, full = score_agents(drawn.bank, table), predict(drawn.bank, table)
    assert session.ability == pytest.approx((eap.theta[0], eap.se[0]), abs=1e-6)
    assert (session.outlook.score, session.outlook.sd) == pytest.approx(
        (full.score[0], full.sd[0]), abs=1e-6
    )
    at_once = begin(drawn.bank).answered(
        {
            drawn.bank.items[at]: float(y)
            for at, y in zip(session.asked, session.answers, strict=True)
        }
    )
    assert at_once.next().items == session.next().items


def test_a_session_with_norms_agrees_with_prediction():
    drawn = simulate("2pl", 30, 20, seed=4)
    norms = norms_of(drawn.bank, drawn.table)
    session = begin(drawn.bank, norms=norms).answered({"item-03": 1.0, "item-11": 0.0})
    wide = np.full((1, 20), np.nan)
    wide[0, [3, 11]] = 1.0, 0.0
    full = predict(drawn.bank, table_of(["new"], drawn.bank.items, wide), norms=norms)
    assert (session.outlook.score, session.outlook.sd) == pytest.approx(
        (full.score[0], full.sd[0]), abs=1e-9
    )


def test_the_next_item_does_not_hang_on_the_order_of_answers():
    answers = {"i1": 1.0, "i3": 0.0, "i0": 1.0}
    turned = dict(reversed(list(answers.items())))
    for rule in NEEDLESS:
        here, there = (next_items(SPREAD, one, rule=rule).items for one in (answers, turned))
        assert here == there


@pytest.mark.parametrize("name", ["rasch", "3pl", "graded", "binomial", "beta"])
def test_every_rule_serves_every_model(name: str):
    bank = simulate(name, 3, 12, seed=3).bank
    groups = {item: "a" if place < 6 else "b" for place, item in enumerate(bank.items)}
    for rule in RULES.names():
        found = next_items(bank, {}, n=3, plan=Plan(rule=rule, groups=groups))
        assert len(set(found.items)) == 3
        assert min(found.worth) >= 0.0


def test_adaptive_replays_need_fewer_items_than_random_ones():
    drawn = simulate("2pl", 60, 200, seed=9)
    best, any_ = (
        replay(drawn.bank, drawn.table, Plan(rule=rule), after=(10, 20, 40))
        for rule in ("information", "random")
    )
    # Half the items, the same error and the same standard error.
    assert best.mean_absolute_error[1] < any_.mean_absolute_error[2] * 1.1
    assert best.se[:, 1].mean() < any_.se[:, 2].mean()
    assert 0.8 < best.coverage[2] <= 1.0
    assert all(len(items) == len(set(items)) == 40 for items in best.asked)


def test_a_replay_stops_when_it_is_told_and_keeps_what_it_had():
    drawn = simulate("2pl", 6, 60, seed=9)
    found = replay(drawn.bank, drawn.table, Plan(stop=Stop(items=12)), after=(10, 20, 40))
    assert all(len(items) == 12 for items in found.asked)
    np.testing.assert_array_equal(found.score[:, 1], found.score[:, 2])
    assert "12 items were asked" in found.stops[0]


def test_a_replay_does_not_hang_on_the_order_of_agents():
    drawn = simulate("2pl", 6, 20, seed=9)
    wide = drawn.table.cells.wide()
    turned = table_of(drawn.table.agents[::-1], drawn.bank.items, wide[::-1])
    plan = Plan(rule="random", seed=3)
    here, there = (replay(drawn.bank, one, plan, after=(5,)) for one in (drawn.table, turned))
    assert here.asked == there.asked[::-1]


def test_replays_leave_out_agents_with_gaps_and_count_them():
    drawn = simulate("2pl", 6, 20, seed=9)
    wide = drawn.table.cells.wide()
    wide[2, 4] = np.nan
    found = replay(drawn.bank, table_of(drawn.table.agents, drawn.bank.items, wide), after=(5,))
    assert (found.dropped[0].rows, found.dropped[0].names) == (19, ("agent-2",))
    assert len(found.agents) == 5
    wide[:, 0] = np.nan
    with pytest.raises(UsageError, match="None of the 6 agents"):
        replay(drawn.bank, table_of(drawn.table.agents, drawn.bank.items, wide), after=(5,))


def test_bad_plans_and_answers_are_named():
    with pytest.raises(UnknownUnitError, match="information"):
        next_items(SPREAD, {}, rule="informatoin")
    with pytest.raises(UsageError, match="no item 'i9'"):
        next_items(SPREAD, {"i9": 1.0})
    with pytest.raises(UsageError, match="'i2' are not"):
        next_items(SPREAD, {"i2": 1.2})
    with pytest.raises(UsageError, match="'i1' was answered before"):
        begin(SPREAD).answered({"i1": 1.0}).answered({"i1": 0.0})
    with pytest.raises(UsageError, match="at least one item, not 0"):
        next_items(SPREAD, {}, n=0)
    with pytest.raises(UsageError, match="needs the items' groups"):
        next_items(SPREAD, {}, rule="balanced")
    with pytest.raises(UsageError, match="4 of the bank's 5 items have no cost"):
        next_items(SPREAD, {}, plan=Plan(costs={"i0": 1.0}))
    costs = dict.fromkeys(SPREAD.items, 1.0) | {"i3": 0.0}
    with pytest.raises(UsageError, match="0 for 'i3'"):
        next_items(SPREAD, {}, plan=Plan(costs=costs))
    groups = dict.fromkeys(SPREAD.items, "x")
    with pytest.raises(UsageError, match="in the group 'y'"):
        next_items(SPREAD, {}, plan=Plan(groups=groups, shares={"y": 1.0}))
    with pytest.raises(UsageError, match=r"stop\.se must be above 0"):
        next_items(SPREAD, {}, plan=Plan(stop=Stop(se=0.0)))
    drawn = simulate("2pl", 3, 5, seed=1)
    with pytest.raises(UsageError, match="ascending numbers of items from 1 to 5"):
        replay(replace(SPREAD, items=drawn.bank.items), drawn.table, after=(4, 2))
