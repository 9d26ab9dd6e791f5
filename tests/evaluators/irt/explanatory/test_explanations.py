"""What features tell of items, and LLM and scaffold of agents."""

import numpy as np
import pytest

from evaluators.irt._fit import Abilities, ItemBank
from evaluators.irt._model import model_named
from evaluators.irt._responses import Covariates
from evaluators.irt.explanatory.agents import explain_agents
from evaluators.irt.explanatory.items import Difficulties, explain_items
from tasks import UsageError


def bank(b: np.ndarray, se: float = 0.2) -> ItemBank:
    rasch = model_named("rasch")
    x = rasch.draw(np.random.default_rng(0), len(b))
    # Rasch's one working parameter is a difficulty or an easiness: whichever, b comes out.
    sign = rasch.report(np.ones((1, 1)))["b"][0]
    x = b[:, None] * np.sign(sign)
    names = tuple(f"item-{k}" for k in range(len(b)))
    return ItemBank(rasch, rasch.layout(_one_cell()), names, x, np.full((len(b), 1, 1), se**2))


def _one_cell():
    from evaluators.irt._responses import table_of

    return table_of(["a"], ["i", "j"], np.array([[1.0, 0.0]])).cells


def planted(seed: int = 0, n: int = 300):
    rng = np.random.default_rng(seed)
    features = {"steps": rng.normal(3, 2, n), "files": rng.poisson(4, n).astype(float)}
    b = 0.5 * (features["steps"] - 3) / 2 + rng.normal(0, 0.4, n)
    return features, b


def test_the_feature_that_matters_is_told_from_the_one_that_does_not():
    features, b = planted()
    found = explain_items(bank(b + np.random.default_rng(1).normal(0, 0.2, len(b))), features)
    steps, files = found.coefficients
    assert steps.name == "steps"
    assert steps.estimate == pytest.approx(0.5, abs=0.1)
    assert abs(files.estimate) < 3 * files.se
    assert found.residual_sd == pytest.approx(0.4, abs=0.08)
    assert found.explained == pytest.approx(0.25 / (0.25 + 0.16), abs=0.12)


def test_an_item_that_is_harder_than_it_looks_stands_out():
    features, b = planted()
    b[7] += 4.0
    found = explain_items(bank(b), features)
    assert max(found.residuals, key=found.residuals.__getitem__) == "item-7"


def test_unknown_features_stand_at_the_mean():
    features, b = planted()
    found = explain_items(bank(b), features)
    blank = found.predict({"steps": np.array([np.nan]), "files": np.array([np.nan])})
    assert blank.mean[0] == pytest.approx(found.intercept)


def test_the_spread_of_a_difficulty_draws_predictions_to_a_half():
    theta = np.array([2.0])
    sure = Difficulties(np.zeros(1), np.zeros(1)).expected(theta)
    unsure = Difficulties(np.zeros(1), np.full(1, 2.0)).expected(theta)
    drawn = np.random.default_rng(0).normal(0, 2.0, 400_000)
    assert 0.5 < unsure[0, 0] < sure[0, 0]
    assert unsure[0, 0] == pytest.approx(np.mean(1 / (1 + np.exp(-(2.0 - drawn)))), abs=2e-3)


def test_features_that_are_missing_are_named():
    features, b = planted()
    found = explain_items(bank(b), features)
    with pytest.raises(UsageError, match=r"'files' is not given.*Did you mean file"):
        found.predict({"steps": np.zeros(1), "file": np.zeros(1)})
    with pytest.raises(UsageError, match="No item features"):
        explain_items(bank(b), {})


def sitters(seed: int = 0):
    rng = np.random.default_rng(seed)
    llms, scaffolds = [f"llm-{k:02d}" for k in range(20)], [f"scaffold-{k}" for k in range(10)]
    brain = dict(zip(llms, rng.normal(0, 1, 20), strict=True))
    hands = dict(zip(scaffolds, rng.normal(0, 0.5, 10), strict=True))
    pairs = [(a, b) for a in llms for b in scaffolds if rng.random() < 0.5]
    theta = np.array([brain[a] + hands[b] for a, b in pairs]) + rng.normal(0, 0.1, len(pairs))
    agents = tuple(f"{a}+{b}" for a, b in pairs)
    se = np.full(len(pairs), 0.1)
    abilities = Abilities(agents, theta, se, "eap", theta - 0.16, theta + 0.16)
    labels = {"llm": tuple(a for a, _ in pairs), "scaffold": tuple(b for _, b in pairs)}
    return abilities, Covariates(labels), brain, hands


def test_llm_and_scaffold_come_apart():
    abilities, covariates, llms, _ = sitters()
    found = explain_agents(abilities, covariates)
    by_llm = {one.name: one.estimate for one in found.parts[0].effects}
    truth = np.array([llms[name] for name in by_llm])
    assert np.corrcoef(list(by_llm.values()), truth)[0, 1] > 0.98
    assert found.parts[0].sd == pytest.approx(1.0, abs=0.35)
    assert found.parts[1].sd == pytest.approx(0.5, abs=0.25)
    assert list(by_llm.values()) == sorted(by_llm.values(), reverse=True)


def test_a_pair_nobody_ran_is_predicted_from_its_parts():
    abilities, covariates, llms, scaffolds = sitters()
    found = explain_agents(abilities, covariates)
    known, known_sd = found.predict({"llm": ["llm-03"], "scaffold": ["scaffold-2"]})
    new, new_sd = found.predict({"llm": ["llm-99"], "scaffold": ["scaffold-2"]})
    assert known[0] == pytest.approx(llms["llm-03"] + scaffolds["scaffold-2"], abs=0.4)
    assert new_sd[0] > 2 * known_sd[0]
    assert new[0] != known[0]


def test_labels_that_explain_nothing_are_refused():
    abilities, covariates, *_ = sitters()
    with pytest.raises(UsageError, match="No column 'modle'"):
        explain_agents(abilities, covariates, ["modle"])
    alone = Covariates({"llm": ("one",) * len(abilities.agents)})
    with pytest.raises(UsageError, match="fewer than two values"):
        explain_agents(abilities, alone, ["llm"])
