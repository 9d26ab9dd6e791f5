"""Our statistics of fit against Python mirt's, at the same parameters and abilities."""

import warnings
from typing import Any

import numpy as np
import pytest

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._model import Layout, model_named
from evaluators.irt._simulation import simulate
from evaluators.irt.fit_statistics.mean_squares import mean_squares
from evaluators.irt.fit_statistics.q3 import local_dependence
from evaluators.irt.fit_statistics.s_x2 import s_x2
from evaluators.irt.person_fit.lz import person_fit


def test_mirt_item_and_person_fit():
    mirt = pytest.importorskip("mirt", reason="Python mirt is not installed")
    pytest.importorskip("pandas", reason="Python mirt gives its statistics as pandas tables")
    drawn = simulate("2pl", 600, 15, seed=2)
    y = drawn.table.cells.wide().astype(int)
    theirs: Any = mirt.fit_mirt(y, model="2PL")
    a, b = (np.asarray(theirs.model.parameters[one]) for one in ("discrimination", "difficulty"))
    x = np.column_stack([np.log(a), -a * b])
    bank = ItemBank(model_named("2pl"), Layout(), drawn.table.items, x, np.zeros((15, 2, 2)))
    theta = drawn.theta
    abilities = Abilities(drawn.table.agents, theta, np.zeros(600), "true", theta, theta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = ["infit", "outfit", "z_infit", "z_outfit"]
        items: Any = mirt.itemfit(theirs, y, statistics=names, theta=theta)
        tests: Any = mirt.itemfit(theirs, y, statistics=["S_X2"], n_quadpts=61, min_expected=0.0)
        merged: Any = mirt.itemfit(theirs, y, statistics=["S_X2"], n_quadpts=61)
        people: Any = mirt.personfit(theirs, y, theta=theta, statistics=["infit", "outfit", "lz"])
        q3: Any = mirt.Q3(theirs.model, y, theta[:, None])
    ours = mean_squares(drawn.table, bank, abilities)
    for name in ("infit", "outfit"):
        np.testing.assert_allclose(getattr(ours.items, name), items[name], rtol=1e-6)
        np.testing.assert_allclose(getattr(ours.agents, name), people[name], rtol=1e-6)
        np.testing.assert_allclose(
            getattr(ours.items, f"{name}_z"), items[f"z_{name}"], rtol=1e-4, atol=1e-4
        )
    np.testing.assert_allclose(
        person_fit(drawn.table, bank, abilities).lz, people["lz"], rtol=1e-5, atol=1e-5
    )
    off = ~np.eye(15, dtype=bool)
    mine = local_dependence(drawn.table, bank, abilities)
    assert mine.items == drawn.table.items
    # Yen's residuals are y - P; mirt's are divided by sqrt(P Q).
    chance = bank.mean(theta).T
    plain: Any = np.corrcoef(y - chance, rowvar=False)
    divided: Any = np.corrcoef((y - chance) / np.sqrt(chance * (1.0 - chance)), rowvar=False)
    np.testing.assert_allclose(mine.q3[off], plain[off], atol=1e-12)
    np.testing.assert_allclose(np.asarray(q3)[off], divided[off], atol=0.01)
    assert np.corrcoef(mine.q3[off], np.asarray(q3)[off])[0, 1] > 0.9
    # Sparse totals are merged by other rules; without merging both are the same.
    tested = s_x2(drawn.table, bank, least=1e-12)
    np.testing.assert_allclose(tested.statistic, tests["S_X2"], rtol=1e-3)
    np.testing.assert_allclose(s_x2(drawn.table, bank).statistic, merged["S_X2"], rtol=0.25)
