"""`strategic/information_control`: the optimum against brute force, its laws, bad actions."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ground_truth import TRUTHS, draw, played, related
from ground_truth.strategic._control_solver import (
    Solution,
    State,
    added,
    after_outcome,
    after_reading,
    at,
    constant_value,
    envelope,
    solved,
    start,
)
from ground_truth.strategic._control_world import ControlKey, ControlWorld
from ground_truth.strategic.information_control import course
from tasks import AgentFault, InstanceId, Split, family
from tasks.strategic._control_game import BUY, OPERATE, ControlPublic

NAME = "strategic/information_control"
FAMILY, TRUTH = family(NAME), TRUTHS.find(NAME)
SMALL = {"rounds": 3, "reports": 2}


def instance(seed: int, preset: str = "easy", variant: str = "") -> InstanceId:
    return InstanceId(NAME, FAMILY.version, preset, Split.PRIVATE, seed, variant)


@cache
def key(seed: int, preset: str = "easy") -> ControlKey:
    return draw(instance(seed, preset), b"secret").key


def game(seed: int) -> ControlPublic:
    """A game small enough for a tree."""
    whole = key(seed, "medium").game
    return whole.model_copy(update={**SMALL, "plan": whole.plan[: SMALL["rounds"]]})


def tree(g: ControlPublic, state: State) -> float:
    """Expected total of optimal play by walking every branch."""
    if state.round == g.rounds:
        return 0.0
    options = [operated(g, state, mode) for mode in range(len(g.modes))]
    if min(state.left, state.reports):
        options += [bought(g, state, source) for source in range(len(g.sources))]
    return max(options)


def operated(g: ControlPublic, state: State, mode: int) -> float:
    m, total = g.modes[mode], -g.switching[state.mode][mode]
    good = (1 - state.belief) * m.success[0] + state.belief * m.success[1]
    for won, chance, pay in ((True, good, m.gain), (False, 1 - good, -m.loss)):
        total += chance * (pay + tree(g, after_outcome(g, state, mode, success=won)))
    return total


def bought(g: ControlPublic, state: State, source: int) -> float:
    s, total = g.sources[source], -g.sources[source].price
    for reading in range(len(s.readings)):
        chance = (1 - state.belief) * s.rates[0][reading] + state.belief * s.rates[1][reading]
        total += chance * tree(g, after_reading(g, state, source, reading))
    return total


@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_is_that_of_a_full_tree(seed: int) -> None:
    g = game(seed)
    assert Solution(g).optimum == pytest.approx(tree(g, start(g)), abs=1e-6)


@pytest.mark.parametrize("preset", list(FAMILY.presets))
def test_optimal_play_earns_the_optimum_on_average(preset: str) -> None:
    g, rng = key(1, preset).game, np.random.default_rng(5)
    totals: list[float] = []
    for _ in range(400):
        hidden = course(g, rng)
        world = ControlWorld(hidden)
        played(world, TRUTH.reference(g))
        totals.append(world.total)
    error = float(np.std(totals)) / len(totals) ** 0.5
    assert np.mean(totals) == pytest.approx(solved(g).optimum, abs=4 * error)


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=60), st.data())
def test_envelopes_are_maxima_and_add(
    lines: list[tuple[float, float]], data: st.DataObject
) -> None:
    some = np.array(lines)
    other = np.array([[1.0, -2.0], [0.0, 3.0]])
    b = data.draw(st.floats(0, 1))
    highest = float((some[:, 0] + b * (some[:, 1] - some[:, 0])).max())
    both = added(envelope(some), envelope(other))
    assert at(envelope(some), b) == pytest.approx(highest, abs=1e-7)
    assert at(both, b) == pytest.approx(highest + at(other, b), abs=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 3))
def test_no_play_has_negative_regret_and_it_adds_up_to_what_is_given_away(
    luck: int, seed: int
) -> None:
    k, rng = key(seed), np.random.default_rng(luck)
    actions = played(ControlWorld(k), TRUTH.noisy(None, k.game, rng, 0.7))
    verdict = k.verdict(actions)
    assert all(step.regret >= 0.0 for step in verdict.steps)
    assert verdict.regret == pytest.approx(sum(step.regret for step in verdict.steps))
    assert verdict.ability == pytest.approx(max(0.0, 1 - verdict.regret / verdict.scale))


def test_the_expected_regret_of_a_single_mode_is_the_scale() -> None:
    g, rng = key(2, "medium").game, np.random.default_rng(3)
    best = max(range(len(g.modes)), key=lambda mode: constant_value(g, mode))
    do = {"do": OPERATE + g.modes[best].name, "probability": 0.5}
    regrets = [course(g, rng).verdict([do] * g.rounds).regret for _ in range(600)]
    error = float(np.std(regrets)) / len(regrets) ** 0.5
    assert np.mean(regrets) == pytest.approx(g.scale, abs=4 * error + 1e-3 * g.scale)


def test_a_price_never_makes_the_game_worth_more() -> None:
    g = game(0)
    dearer = g.model_copy(
        update={"sources": tuple(s.model_copy(update={"price": s.price * 3}) for s in g.sources)}
    )
    assert Solution(dearer).optimum <= Solution(g).optimum
    free = g.model_copy(
        update={"sources": tuple(s.model_copy(update={"price": 0.0}) for s in g.sources)}
    )
    assert Solution(free).optimum >= Solution(g).optimum


def test_amounts_scale_the_value_and_no_action() -> None:
    base, there = key(4), related(instance(4, variant="units"), b"secret").drawn
    factor = there.public.scale / base.game.scale
    assert solved(there.public).optimum == pytest.approx(
        solved(base.game).optimum * factor, rel=1e-8
    )


def test_stopping_early_is_played_on_and_stated_beliefs_count_as_worst() -> None:
    k = key(5)
    whole = played(ControlWorld(k), TRUTH.reference(k.game))
    cut = k.verdict(whole[:1])
    assert not cut.done
    assert cut.axes["belief"] < k.verdict(whole).axes["belief"] == 1.0
    nothing = k.verdict([])
    stay = {"do": OPERATE + k.game.modes[k.game.start].name, "probability": 0.5}
    assert nothing.axes["belief"] == 0.0
    assert nothing.regret == pytest.approx(k.verdict([stay] * k.game.rounds).regret)


def test_a_report_too_many_is_refused_and_changes_nothing() -> None:
    k = key(6)
    world, buy = ControlWorld(k), {"do": BUY + k.game.sources[0].name, "probability": 0.5}
    for _ in range(k.game.per_round):
        world.act(buy)
    before = world.observe()
    with pytest.raises(AgentFault, match=r"may be bought in one round\. Operate a mode"):
        world.act(buy)
    assert world.observe() == before


@pytest.mark.parametrize("preset", list(FAMILY.presets))
def test_the_view_tells_nothing_of_what_is_hidden(preset: str) -> None:
    k = key(7, preset)
    flipped = k.model_copy(update={"path": tuple(1 - z for z in k.path)})
    assert ControlWorld(k).observe() == ControlWorld(flipped).observe()
    assert FAMILY.brief(k.game) == FAMILY.brief(flipped.game)


def test_the_stated_odds_hold_in_drawn_instances() -> None:
    """The belief of one who was shown readings is calibrated: selection looks at no course."""
    gaps: list[float] = []
    for seed in range(60):
        k = key(seed)
        world = ControlWorld(k)
        for action in played(ControlWorld(k), TRUTH.reference(k.game)):
            gaps.append(k.path[world.state.round] - world.state.belief)
            world.act(action)
    clusters = np.array(gaps)
    assert abs(clusters.mean()) <= 4 * clusters.std() / 60**0.5
