"""Infit and outfit: by hand, in expectation under every kind of model, and of misfits."""

import numpy as np
import pytest

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._model import Layout, model_named
from evaluators.irt._responses import Floats, ResponseTable, table_of
from evaluators.irt._simulation import simulate
from evaluators.irt.fit_statistics.mean_squares import mean_squares, wilson_hilferty
from tasks import UsageError


def known(theta: Floats, agents: tuple[str, ...]) -> Abilities:
    return Abilities(agents, theta, np.zeros(len(theta)), "true", theta, theta)


def rasch(difficulty: Floats) -> ItemBank:
    """A Rasch bank: working parameters as `draw` makes them, shifted to the wanted difficulty."""
    model = model_named("2pl")
    x = model.draw(np.random.default_rng(0), len(difficulty))
    found = model.report(x)
    x = np.concatenate(
        [model.rescaled(x[[at]], found["a"][at], 0.0) for at in range(len(difficulty))]
    )
    found = model.report(x)
    moved = [
        model.rescaled(x[[at]], 1.0, difficulty[at] - found["b"][at])
        for at in range(len(difficulty))
    ]
    x = np.concatenate(moved)
    np.testing.assert_allclose(model.report(x)["a"], 1.0)
    np.testing.assert_allclose(model.report(x)["b"], difficulty, atol=1e-12)
    items = tuple(f"i{at}" for at in range(len(difficulty)))
    return ItemBank(model, Layout(), items, x, np.zeros((len(items), x.shape[1], x.shape[1])))


def test_a_table_of_two_by_two_by_hand():
    # P = logistic(theta - b): 1/2 on the diagonal; P(0 - 1) = .26894, P(1 - 0) = .73106.
    bank = rasch(np.array([0.0, 1.0]))
    table = table_of(["x", "y"], ["i0", "i1"], np.array([[1.0, 1.0], [0.0, 1.0]]))
    found = mean_squares(table, bank, known(np.array([0.0, 1.0]), ("x", "y")))
    p = 1.0 / (1.0 + np.exp(1.0))
    w = p * (1.0 - p)
    # Item 0: x passed at P = 1/2 (z² = 1), y failed at P = 1 - p (r² = (1 - p)²).
    np.testing.assert_allclose(found.items.outfit[0], (1.0 + (1.0 - p) ** 2 / w) / 2.0)
    np.testing.assert_allclose(found.items.infit[0], (0.25 + (1.0 - p) ** 2) / (0.25 + w))
    # Agent x: passed at 1/2, passed at p.
    np.testing.assert_allclose(found.agents.outfit[0], (1.0 + (1.0 - p) ** 2 / w) / 2.0)
    np.testing.assert_array_equal(found.agents.cells, [2, 2])
    # Kurtosis of a Bernoulli: C / W² = 1 / W - 3.
    q = np.sqrt(0.25 / 0.25**2 - 4.0 + 1.0 / w - 4.0) / 2.0
    np.testing.assert_allclose(
        found.items.outfit_z[0], (np.cbrt(found.items.outfit[0]) - 1.0) * 3.0 / q + q / 3.0
    )


@pytest.mark.parametrize(
    ("model", "trials"),
    [("rasch", 1), ("3pl", 1), ("2pl", 4), ("beta_binomial", 5), ("graded", 1), ("beta", 1)],
)
def test_both_are_1_in_the_mean_where_the_model_holds(model: str, trials: int):
    drawn = simulate(model, 400, 120, seed=3, observed=0.7, trials=trials)
    found = mean_squares(drawn.table, drawn.bank, known(drawn.theta, drawn.table.agents))
    for side in (found.items, found.agents):
        assert abs(side.infit.mean() - 1.0) < 0.02
        assert abs(side.outfit.mean() - 1.0) < 0.04
        assert abs(side.infit_z.mean()) < 0.25
        assert 0.75 < side.infit_z.std() < 1.15
        # Single far surprises of Beta scores weigh too much for a normal approximation.
        assert model == "beta" or 0.7 < side.outfit_z.std() < 1.15


def test_a_flipped_item_stands_out_and_a_deterministic_one_is_too_regular():
    drawn = simulate("2pl", 300, 60, seed=1)
    wide = drawn.table.cells.wide()
    order = np.argsort(np.abs(drawn.bank.parameters["b"]))
    flipped, steps = order[0], order[1]
    wide[:, flipped] = 1.0 - wide[:, flipped]
    wide[:, steps] = drawn.theta > drawn.bank.parameters["b"][steps]
    table = table_of(drawn.table.agents, drawn.table.items, wide)
    found = mean_squares(table, drawn.bank, known(drawn.theta, table.agents)).items
    assert np.argmax(found.outfit) == flipped
    assert found.infit_z[flipped] > 5.0
    assert np.argmin(found.infit_z) == steps
    assert found.infit[steps] < 0.8


def test_rows_in_another_order_give_the_same_numbers():
    drawn = simulate("2pl", 40, 30, seed=2, observed=0.5)
    table = drawn.table
    mixed = np.random.default_rng(0).permutation(len(table.score))
    other = ResponseTable(
        table.agents, table.items, table.agent[mixed], table.item[mixed], table.score[mixed],
        table.trials[mixed], table.trial[mixed],
    )  # fmt: skip
    abilities = known(drawn.theta, table.agents)
    one, two = (mean_squares(each, drawn.bank, abilities) for each in (table, other))
    np.testing.assert_array_equal(one.items.outfit, two.items.outfit)


def test_what_the_bank_does_not_know_is_left_out_and_said():
    drawn = simulate("2pl", 30, 10, seed=2)
    abilities = known(drawn.theta[:28], drawn.table.agents[:28])
    found = mean_squares(drawn.table, drawn.bank.take(range(8)), abilities)
    assert found.items.names == drawn.table.items[:8]
    assert [(one.rows, one.names) for one in found.dropped] == [
        (60, drawn.table.items[8:]),
        (16, drawn.table.agents[28:]),
    ]


def test_bad_input_is_said():
    drawn = simulate("2pl", 6, 5, seed=0)
    table, agents = drawn.table, drawn.table.agents
    renamed = table_of(agents, list("abcde"), table.cells.wide())
    for given, abilities, said in (
        (table, known(drawn.theta, ("?",) * 6), "has an ability here"),
        (table, known(np.full(6, np.inf), agents), "must be finite"),
        (table, known(np.ones((6, 2)), agents), "2 dimensions"),
        (renamed, known(drawn.theta, agents), "share none"),
    ):
        with pytest.raises(UsageError, match=said):
            mean_squares(given, drawn.bank, abilities)


def test_wilson_and_hilferty_by_hand():
    np.testing.assert_allclose(wilson_hilferty(np.array([1.331]), np.array([0.3])), [1.1])
