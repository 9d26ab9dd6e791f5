"""The explanatory model through `fit`: features and parts help where responses are few."""

from dataclasses import replace

import numpy as np
import pytest

from evaluators.irt import Covariates, fit, simulate
from evaluators.irt._responses import ResponseTable
from evaluators.irt._simulation import simulate_responses
from tasks import UsageError


def planted(agents: int, items: int, seed: int = 0, observed: float = 1.0):
    """2PL items whose intercepts follow two features; agents made of LLM and scaffold."""
    rng = np.random.default_rng(seed)
    drawn = simulate("2pl", agents, items, seed=seed)
    features = {"steps": rng.normal(size=items), "noise": rng.normal(size=items)}
    x = np.column_stack(
        [rng.normal(0, 0.3, items), -1.5 * features["steps"] + rng.normal(0, 0.5, items)]
    )
    llm, scaffold = rng.integers(8, size=agents), rng.integers(4, size=agents)
    theta = rng.normal(0, 0.8, 8)[llm] + rng.normal(0, 0.5, 4)[scaffold]
    theta = theta + rng.normal(0, 0.2, agents)
    theta = (theta - theta.mean()) / theta.std()
    bank = replace(drawn.bank, x=x)
    table = simulate_responses(bank, theta, seed=seed, observed=observed)
    labels = {"llm": tuple(f"l{k}" for k in llm), "scaffold": tuple(f"s{k}" for k in scaffold)}
    told = replace(table, of_items=Covariates(numbers=features), of_agents=Covariates(labels))
    return told, bank, theta


def rmse(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((found - truth) ** 2)))


def test_few_agents_know_items_better_with_features():
    gains: list[float] = []
    for seed in range(2):
        table, bank, _ = planted(12, 300, seed)
        plain, told = fit(table, "2pl"), fit(table, "explanatory")
        gains.append(rmse(told.bank.x[:, 1], bank.x[:, 1]) / rmse(plain.bank.x[:, 1], bank.x[:, 1]))
    assert np.mean(gains) < 0.85


def test_few_items_know_agents_better_with_their_parts():
    gains: list[float] = []
    for seed in range(2):
        table, _, theta = planted(200, 40, seed, observed=0.2)
        plain, told = fit(table, "2pl"), fit(table, "explanatory")
        gains.append(rmse(told.abilities.theta, theta) / rmse(plain.abilities.theta, theta))
    assert np.mean(gains) < 0.9


def test_intervals_of_items_cover_the_truth():
    inside: list[np.ndarray] = []
    for seed in range(2):
        table, bank, _ = planted(40, 300, seed)
        told = fit(table, "explanatory").bank
        sd = np.sqrt(told.covariance[:, 1, 1])
        inside.append(np.abs(told.x[:, 1] - bank.x[:, 1]) < 1.645 * sd)
    assert 0.83 < np.mean(inside) < 0.97


def test_what_explains_is_said():
    table, _, _ = planted(60, 100)
    notes = " ".join(fit(table, "explanatory").notes)
    assert "2 features explain" in notes
    assert "llm and scaffold explain" in notes


def test_with_nothing_to_explain_by_it_says_what_to_give():
    table, _, _ = planted(20, 30)
    bare: ResponseTable = replace(table, of_items=Covariates(), of_agents=Covariates())
    with pytest.raises(UsageError, match="--items FEATURES"):
        fit(bare, "explanatory")
