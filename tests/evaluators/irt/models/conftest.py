"""Items of each model to hold its functions against."""

import numpy as np
import pytest

from evaluators.irt._model import MODELS, Layout, Model
from evaluators.irt._responses import Floats

TRIALS = {"binomial": 5, "beta_binomial": 5}
"""Trials a cell, where a model is for several."""


def pytest_generate_tests(metafunc: pytest.Metafunc):
    """A test that asks for `model` is run for each model of one ability on the shelf."""
    if "model" in metafunc.fixturenames:
        names = [name for name in MODELS.names() if not MODELS.find(name).vector]
        metafunc.parametrize("model", [MODELS.find(name) for name in names], ids=names)


@pytest.fixture
def trials(model: Model) -> int:
    return TRIALS.get(model.name, 1)


@pytest.fixture
def layout(model: Model, trials: int) -> Layout:
    return model.simulated_layout(trials)


@pytest.fixture
def x(model: Model) -> Floats:
    """(7, p) items whose scores are not all but certain at abilities within 1 of 0."""
    found = model.draw(np.random.default_rng(5), 7)
    found[:, :2] = np.clip(found[:, :2], -1.5, 1.5)
    if model.name == "beta":
        found[:, 2] = 4.0
    return found


@pytest.fixture
def theta() -> Floats:
    return np.array([-1.0, -0.3, 0.0, 0.8])
