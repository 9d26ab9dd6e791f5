"""Our fits against other people's: Python mirt, girth, R's eRm. Skipped where these are missing."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.irt import FitOptions, fit, simulate
from evaluators.irt._fit import Fit
from evaluators.irt._responses import ResponseTable

PLAIN = FitOptions(priors=False, tolerance=1e-6)
"""Maximum likelihood, as they do it."""


@pytest.fixture(scope="module")
def table() -> ResponseTable:
    """Enough agents for few items: here a fixed grid of 61 nodes does no harm."""
    return simulate("2pl", 800, 20, seed=11).table


@pytest.fixture(scope="module")
def ours(table: ResponseTable) -> Fit:
    return fit(table, "2pl", options=PLAIN)


def test_mirt_2pl(table: ResponseTable, ours: Fit):
    mirt = pytest.importorskip("mirt", reason="Python mirt is not installed")
    y = table.cells.wide().astype(int)
    theirs: Any = mirt.fit_mirt(y, model="2PL", n_quadpts=61, tol=1e-7, max_iter=2000)
    mine = ours.bank.parameters
    assert mine["a"] == pytest.approx(theirs.model.parameters["discrimination"], abs=0.01)
    assert mine["b"] == pytest.approx(theirs.model.parameters["difficulty"], abs=0.01)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, abs=0.05)
    se = ours.bank.standard_errors
    assert se["a"] == pytest.approx(theirs.standard_errors["discrimination"], rel=0.05)
    assert se["b"] == pytest.approx(theirs.standard_errors["difficulty"], rel=0.05)


def test_mirt_scores_eap(table: ResponseTable, ours: Fit):
    mirt = pytest.importorskip("mirt", reason="Python mirt is not installed")
    y = table.cells.wide().astype(int)
    theirs: Any = mirt.fscores(mirt.fit_mirt(y, model="2PL", n_quadpts=61), y, method="EAP")
    assert ours.abilities.theta == pytest.approx(np.ravel(theirs.theta), abs=0.02)


def test_mirt_graded():
    mirt = pytest.importorskip("mirt", reason="Python mirt is not installed")
    drawn = simulate("graded", 600, 12, seed=4)
    mine = fit(drawn.table, "graded", options=PLAIN)
    wide = drawn.table.cells.wide()
    levels = np.unique(wide)
    y = np.searchsorted(levels, wide).astype(int)
    theirs: Any = mirt.fit_mirt(y, model="GRM", n_quadpts=61, tol=1e-7, max_iter=2000)
    assert mine.log_likelihood == pytest.approx(theirs.log_likelihood, abs=0.5)
    slopes = np.ravel(theirs.model.parameters["discrimination"])
    assert mine.bank.parameters["a"] == pytest.approx(slopes, abs=0.03)


def test_girth_2pl(table: ResponseTable, ours: Fit):
    girth = pytest.importorskip("girth", reason="girth is not installed")
    y = table.cells.wide().astype(int).T
    theirs: Any = girth.twopl_mml(y, options={"quadrature_n": 61, "quadrature_bounds": (-5, 5)})
    mine = ours.bank.parameters
    assert mine["a"] == pytest.approx(theirs["Discrimination"], abs=0.05)
    assert mine["b"] == pytest.approx(theirs["Difficulty"], abs=0.05)


def test_erm_rasch(tmp_path: Path):
    """Conditional and marginal maximum likelihood agree on difficulties, up to the origin."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed (Debian: r-cran-erm)")
    found = subprocess.run(
        ["Rscript", "-e", "library(eRm)"], capture_output=True, text=True, check=False
    )
    if found.returncode:
        pytest.skip("R's package eRm is not installed (Debian: r-cran-erm)")
    drawn = simulate("rasch", 600, 15, seed=2)
    np.savetxt(tmp_path / "y.csv", drawn.table.cells.wide(), fmt="%d", delimiter=",")
    code = (
        "library(eRm); y <- as.matrix(read.csv('y.csv', header=FALSE)); r <- RM(y);"
        "write.csv(data.frame(b=-r$betapar, se=r$se.beta), 'b.csv')"
    )
    subprocess.run(["Rscript", "-e", code], cwd=tmp_path, check=True, capture_output=True)
    theirs = np.genfromtxt(tmp_path / "b.csv", delimiter=",", skip_header=1, usecols=(1, 2))
    mine = fit(drawn.table, "rasch", options=PLAIN)
    b = mine.bank.parameters["b"]
    assert b - b.mean() == pytest.approx(theirs[:, 0] - theirs[:, 0].mean(), abs=0.02)
