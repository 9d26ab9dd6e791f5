"""Cards and the report that binds runs together."""

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from huggingface_hub import ModelCard

from evaluators.tables._cards import card_names
from tasks import Stamp, UsageError

EVIL = "<script>alert(1)</script> [x](javascript:alert(2)) ![p](http://evil/x.png) | end"
N = 31


@pytest.fixture(scope="module")
def runs(shared_synth: Any) -> list[Path]:
    base = [0.4 + 0.01 * k for k in range(N)]
    evil = shared_synth.run(
        "cheater",
        [
            shared_synth.score(1, 0.2, flags=(EVIL,)),
            shared_synth.score(2, None, status="invalid", note=EVIL),
        ],
    )
    found = [
        shared_synth.model("direct:openai/gpt-x", base),
        shared_synth.model("tool:openai/gpt-x", [one + 0.2 for one in base], "tool"),
        evil,
    ]
    for run in found:
        (run / "notebooks").mkdir()
        scores = json.loads((run / "results" / "scores.json").read_text())["scores"]
        for score in scores:
            (run / score["notebook"]).write_text("{}")
    return found


@pytest.fixture(scope="module")
def report(shared_synth: Any, runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "report"
    words = ["--baseline", "direct:openai/gpt-x", "--expect", "gemini"]
    done = shared_synth.call("report", *runs, "--out", out, *words)
    assert done.exit_code == 0, done.exception
    assert done.stdout.strip().endswith("index.html")
    return out


def test_the_report_binds_everything(report: Path):
    names = {str(p.relative_to(report)) for p in report.rglob("*") if p.is_file()}
    assert names == {
        "index.md",
        "index.html",
        *(f"comparison_table.{kind}" for kind in ("md", "csv", "tex", "json")),
        "leaderboard_summary.json",
        "leaderboard_report.md",
        "headline_candidates.md",
        "paired_deltas.jsonl",
        "comparison_summary.json",
        "comparison_report.md",
        "paired_results.jsonl",
        "scores.png",
        "scores.svg",
        "cost_vs_score.png",
        "cost_vs_score.svg",
        "cards/cheater.md",
        "cards/direct-openai-gpt-x.md",
        "cards/tool-openai-gpt-x.md",
    }
    index = (report / "index.md").read_text()
    for heading in (
        "## Caveats",
        "## Scores",
        "## Plots",
        "## Leaderboard",
        "### Pending",
        "### Direct, tool, reflective",
        "### Headline candidates",
        "## Compared with direct:openai/gpt-x",
        "## Cards",
        "## Flagged",
        "## Set aside",
        "## Runs",
        "## Files",
        "## Notebooks",
    ):
        assert f"\n{heading}\n" in index, heading
    assert "gemini: no run of it was named" in index
    # The cheater did not play all: that is told, and what both played is compared.
    assert "attempts are left out that cheater" in index


def test_every_link_of_the_index_leads_somewhere(report: Path):
    page = (report / "index.html").read_text()
    links = set(re.findall(r'href="([^"]*)"', page))
    assert len(links) > 60
    targets = set(re.findall(r'id="([^"]*)"', page))
    for link in links:
        if link.startswith("#"):
            assert link[1:] in targets, link
        else:
            assert (report / unquote(link)).exists(), link


def test_the_html_is_one_file_and_runs_nothing(report: Path):
    page = (report / "index.html").read_text()
    assert "<script" not in page
    assert not re.search(r"\son\w+=", page.partition("<body>")[2].replace("&quot;", ""))
    assert "javascript:" not in "".join(re.findall(r'(?:href|src)="([^"]*)"', page))
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "default-src 'none'" in page


def test_a_report_can_be_made_again_with_less(
    synth: Any, runs: list[Path], report: Path, tmp_path: Path
):
    again = tmp_path / "again"
    shutil.copytree(report, again)
    assert synth.call("report", runs[2], "--out", again).exit_code == 0
    left = {p.name for p in again.iterdir()}
    assert "headline_candidates.md" not in left
    assert "comparison_report.md" not in left
    assert "cost_vs_score.svg" not in left


def test_the_report_in_json(synth: Any, runs: list[Path], tmp_path: Path):
    said = json.loads(synth.call("report", *runs, "--out", tmp_path / "r", "--json").stdout)
    assert all(Path(name).is_file() for name in [said["index"], *said["files"]])
    assert said["caveats"]


def test_a_card_is_read_by_the_hubs_own_library(synth: Any, runs: list[Path], tmp_path: Path):
    out = tmp_path / "cards"
    assert synth.call("card", *runs, "--out", out).exit_code == 0
    card: Any = ModelCard.load(out / "tool-openai-gpt-x.md")
    results = card.data.eval_results
    assert results is not None
    figures = {one.metric_type: one for one in results}
    assert figures["mean_score"].metric_value == pytest.approx(0.75, abs=1e-6)
    assert figures["mean_score"].dataset_name == "strategic/bayesian_games:easy"
    assert figures["mean_score"].metric_args == {"n": N, "instances": N}
    assert card.data.base_model == "gpt-x"
    text = card.text
    for word in (
        "# tool:openai/gpt-x",
        "## Setup",
        "setting: max\\_tokens | 512",
        "## Scores",
        "floor 0.500: the policy prior",
        "cost 7.7500 (list)",
        "## What this is not",
        "## Caveats",
    ):
        assert word in text, word


def test_the_card_of_one_who_gave_nothing_has_no_figures(synth: Any):
    run = synth.run("a", [synth.score(1, None, status="invalid", note="never seen")])
    card: Any = ModelCard(synth.call("card", run).stdout)
    assert card.data.eval_results is None


def test_cards_of_one_agent(synth: Any, runs: list[Path]):
    said = json.loads(synth.call("card", *runs, "--agent", "cheater", "--json").stdout)
    assert list(said["cards"]) == ["cheater"]
    assert isinstance(synth.call("card", *runs, "--agent", "nobody").exception, UsageError)


def test_cards_never_share_a_file():
    names = card_names(["a:b", "a/b", "A-b", "../../x", "a-b-2"])
    files = {name.lower() for name in names.values()}
    assert len(files) == 5
    assert not any("/" in name or name.startswith(".") for name in names.values())


def test_a_diagnostic_agents_card_says_so(synth: Any):
    run = synth.run("oracle", [synth.score(1, 1.0, stamp=Stamp.DIAGNOSTIC)])
    assert "not ranked (stamped diagnostic)" in synth.call("card", run).stdout
