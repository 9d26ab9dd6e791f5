"""Scripted agents sit a suite for real; every report is made of what they left."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pytest
from typer.testing import CliRunner

from evaluators.tables._cli import app

PROCTOR = Path(sys.executable).parent / "proctor"
FAMILY = "strategic/bayesian_games"
AGENTS = "solver,random,nop,reference"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, shared_home: Path) -> Path:
    folder = tmp_path_factory.mktemp("real")
    words = ["run", FAMILY, "--agents", AGENTS, "--n", "2", "--no-sandbox", "--json"]
    done = subprocess.run(
        [PROCTOR, *words, "--runs", folder],
        capture_output=True,
        text=True,
        env={**os.environ, "PROCTOR_HOME": str(shared_home), "OMP_NUM_THREADS": "1"},
        cwd="/",
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def said(*words: str | Path) -> Any:
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.timeout(300)
def test_the_table_has_the_means_of_the_scores(runs: Path):
    rows = {row["agent"]: row for row in said("table", runs)["rows"]}
    assert set(rows) == set(AGENTS.split(","))
    for path in runs.glob("*/results/scores.json"):
        scores = json.loads(path.read_text())["scores"]
        row = rows[scores[0]["agent"]]
        assert row["n"] == len(scores) == 2
        assert row["mean_score"] == pytest.approx(sum(s["ability"] for s in scores) / 2)
        for notebook in row["notebooks"]:
            nbformat.validate(nbformat.read(notebook, as_version=4))
    assert rows["solver"]["normalised_score"] == pytest.approx(1.0)
    assert rows["reference"]["stamp"] == "diagnostic"


def test_the_comparison_pairs_real_attempts(runs: Path):
    found = said("compare", runs, "--baseline", "nop")
    (row,) = (
        r["comparison"]
        for r in found["rows"]
        if (r["candidate"], r["quantity"], r["family"]) == ("solver", "score", "")
    )
    assert (row["pairs"], row["clusters"]) == (2, 2)
    assert row["delta"]["value"] == pytest.approx(1.0)


def test_unsandboxed_and_scripted_runs_are_never_ranked(runs: Path):
    board = said("leaderboard", runs, "--expect", "claude")
    assert {row["rank"] for row in board["rows"]} == {None}
    assert {row["agent"]: row["label"] for row in board["rows"]} == {
        "solver": "non-model",
        "random": "non-model",
        "nop": "non-model",
        "reference": "diagnostic",
    }
    assert all(row["latency_p50_ms"] > 0 for row in board["rows"])
    assert "claude" in board["pending"]


def test_the_report_links_to_the_notebooks_that_were_saved(runs: Path, tmp_path: Path):
    out = tmp_path / "report"
    said("report", runs, "--out", out, "--baseline", "random")
    links = set(re.findall(r'href="([^"#]*)"', (out / "index.html").read_text()))
    saved = {path.resolve() for path in runs.glob("*/notebooks/*.ipynb")}
    assert len(saved) == 8
    assert saved <= {(out / unquote(link)).resolve() for link in links}
