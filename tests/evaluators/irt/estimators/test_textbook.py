"""LSAT sections 6 and 7 (Bock and Lieberman 1970): five items, a thousand people, known answers."""

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest

from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._responses import Floats, ResponseTable, table_of

# How many people gave each pattern of five answers, from 00000 to 11111.
LSAT6 = [
    3, 6, 2, 11, 1, 1, 3, 4, 1, 8, 0, 16, 0, 3, 2, 15,
    10, 29, 14, 81, 3, 28, 15, 80, 16, 56, 21, 173, 11, 61, 28, 298,
]  # fmt: skip
LSAT7 = [
    12, 19, 1, 7, 3, 19, 3, 17, 10, 5, 3, 7, 7, 23, 8, 28,
    7, 39, 11, 34, 14, 51, 15, 90, 6, 25, 7, 35, 18, 136, 32, 308,
]  # fmt: skip
EXACT = FitOptions(priors=False, tolerance=1e-7, max_iterations=2000)


class Known(NamedTuple):
    """What is published of a fit."""

    counts: list[int]
    model: str
    log_likelihood: float
    values: dict[str, list[float]]
    errors: dict[str, list[float]]


# LSAT6: Thissen (1982), Psychometrika 47, 175-186, in the digits of R's ltm 1.2 and mirt 1.4;
# LSAT7: the example of R's mirt. Rasch difficulties are in units of the log odds.
KNOWN = [
    Known(
        LSAT6,
        "rasch",
        -2466.938,
        {"b": [-2.730, -0.999, -0.240, -1.307, -2.099]},
        {"b": [0.130, 0.079, 0.072, 0.085, 0.105]},
    ),
    Known(
        LSAT6,
        "2pl",
        -2466.653,
        {
            "a": [0.8254, 0.7229, 0.8905, 0.6886, 0.6575],
            "b": [-3.3597, -1.3696, -0.2799, -1.8659, -3.1236],
        },
        {"a": [0.2581, 0.1867, 0.2326, 0.1852, 0.2100]},
    ),
    Known(LSAT7, "2pl", -2658.805, {"a": [0.988, 1.081, 1.706, 0.765, 0.736]}, {}),
]


def lsat(counts: list[int]) -> ResponseTable:
    patterns = np.array(list(product([0, 1], repeat=5)), dtype=float)
    wide = np.repeat(patterns, counts, axis=0)
    return table_of([f"person-{k:04d}" for k in range(1000)], [f"item-{k}" for k in range(5)], wide)


@pytest.mark.parametrize("known", KNOWN, ids=["lsat6-rasch", "lsat6-2pl", "lsat7-2pl"])
def test_the_textbook_values_are_met(known: Known):
    found = fit(lsat(known.counts), known.model, options=EXACT)
    assert found.converged
    assert found.log_likelihood == pytest.approx(known.log_likelihood, abs=2e-3)
    for name, values in known.values.items():
        np.testing.assert_allclose(found.bank.parameters[name], values, atol=3e-3)
    for name, values in known.errors.items():
        np.testing.assert_allclose(found.bank.standard_errors[name], values, atol=1e-3)


def test_the_sd_of_abilities_is_the_common_slope():
    assert fit(lsat(LSAT6), "rasch", options=EXACT).bank.population.sd == pytest.approx(
        0.755, abs=1e-3
    )


def test_standard_errors_are_those_of_the_whole_observed_information():
    """Against second differences of the marginal likelihood, by a quadrature of its own."""
    table = lsat(LSAT7)
    found = fit(table, "2pl", options=EXACT)
    theta, weight = np.polynomial.hermite_e.hermegauss(61)
    scores = table.cells.wide()

    def log_likelihood(x: Floats) -> float:
        a, d = np.exp(x[:5]), x[5:]
        p = 1.0 / (1.0 + np.exp(-(a[:, None] * theta + d[:, None])))
        each = np.exp(scores @ np.log(p) + (1.0 - scores) @ np.log1p(-p))
        return float(np.log(each @ (weight / weight.sum())).sum())

    x = found.bank.x.T.ravel()
    step = 1e-3 * np.eye(10)
    hessian = np.array(
        [
            [
                log_likelihood(x + i + j)
                - log_likelihood(x + i - j)
                - log_likelihood(x - i + j)
                + log_likelihood(x - i - j)
                for j in step
            ]
            for i in step
        ]
    ) / (4.0 * 1e-6)
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian))).reshape(2, 5)
    np.testing.assert_allclose(
        np.sqrt(found.bank.covariance[:, [0, 1], [0, 1]]).T, errors, rtol=2e-3
    )
