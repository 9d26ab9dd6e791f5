"""The comparison table: what its rows hold, and that it says the same in every form."""

import csv
import io
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluators.tables import rows
from evaluators.tables._rows import rows_of
from tasks import RecordError, Stamp, UsageError

GAMES, AUCTIONS = "strategic/bayesian_games", "strategic/auctions"


@pytest.fixture
def several(synth: Any) -> list[Path]:
    score = synth.score
    return [
        synth.run(
            "tester",
            [
                score(1, 0.9),
                score(2, 0.7),
                score(4, None, status="error", note="it failed"),
                score(6, None, status="invalid", note="never seen"),
                score(5, 0.4, family=AUCTIONS),
            ],
        ),
        synth.run("oracle", [score(1, 1.0, stamp=Stamp.DIAGNOSTIC)]),
        synth.run("cheater", [score(3, 0.1, flags=("Cell 1 reads the grader.",)), score(4, 0.3)]),
    ]


def test_rows_hold_means_floors_counts_and_what_was_set_aside(several: list[Path]):
    found = {(row.family, row.agent): row for row in rows(several)}
    tester = found[GAMES, "tester"]
    assert (tester.n, tester.instances, tester.aside, tester.invalid) == (2, 2, 2, 1)
    assert tester.mean_score == pytest.approx(0.8)
    assert (tester.floor, tester.ceiling) == (0.5, 1.0)
    assert tester.normalised_score == pytest.approx((0.8 - 0.5) / 0.5)
    assert len(tester.notebooks) == 2
    cheater = found[GAMES, "cheater"]
    assert (cheater.flagged, cheater.cheat_rate) == (1, 0.5)
    assert [row.agent for row in rows(several) if row.family == GAMES] == [
        "oracle",
        "tester",
        "cheater",
    ]


def test_a_run_named_twice_or_by_its_folder_counts_once(several: list[Path]):
    assert rows([*several, several[0]]) == rows(several) == rows([several[0].parent])


@given(st.permutations(range(3)))
def test_the_order_of_runs_changes_nothing(shared_synth: Any, order: list[int]):
    sat = shared_synth.sat
    found = [sat("a", 1, 0.25), sat("b", 2, 0.5), sat("a", 3, 1.0)]
    shuffled = [found[at] for at in order]
    plain = [row.model_copy(update={"notebooks": ()}) for row in rows_of(found, {})]
    again = [row.model_copy(update={"notebooks": ()}) for row in rows_of(shuffled, {})]
    assert plain == again


def test_runs_in_any_order_give_the_same_bytes(synth: Any, several: list[Path]):
    said = synth.call("table", *several, "--json").stdout
    for seed in range(3):
        shuffled = random.Random(seed).sample(several, len(several))
        assert synth.call("table", *shuffled, "--json").stdout == said


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1)), min_size=1, max_size=30))
def test_a_rows_mean_is_the_mean_of_its_scores(shared_synth: Any, played: list[tuple[str, float]]):
    sat = shared_synth.sat
    found = rows_of([sat(agent, k, value) for k, (agent, value) in enumerate(played)], {})
    for row in found:
        values = [value for agent, value in played if agent == row.agent]
        assert row.n == len(values)
        assert row.mean_score == pytest.approx(math.fsum(values) / len(values))


def test_every_form_says_the_same(synth: Any, several: list[Path], tmp_path: Path):
    out = tmp_path / "out"
    said = json.loads(synth.call("table", *several, "--out", out, "--json").stdout)
    saved = json.loads((out / "comparison_table.json").read_text())
    assert {p.name for p in out.iterdir()} == {
        f"comparison_table.{kind}" for kind in ("md", "csv", "tex", "json")
    }
    assert saved["caveats"] == said["caveats"]
    for row, kept in zip(said["rows"], saved["rows"], strict=True):
        assert {**row, "notebooks": 0} == {**kept, "notebooks": 0}
        for whole, link in zip(row["notebooks"], kept["notebooks"], strict=True):
            assert (out / link).resolve() == Path(whole).resolve()
    lines = list(csv.DictReader(io.StringIO((out / "comparison_table.csv").read_text())))
    assert [float(line["mean_score"]) for line in lines] == [r["mean_score"] for r in said["rows"]]
    tex = (out / "comparison_table.tex").read_text()
    page = (out / "comparison_table.md").read_text()
    shown = synth.call("table", *several).stdout
    for row in said["rows"]:
        mean = f"{row['mean_score']:.3f}"
        assert mean in tex
        assert mean in page
        assert mean in shown
    assert r"\toprule" in tex
    assert r"strategic/bayesian\_games" in tex
    assert synth.call("table", *several, "--format", "csv").stdout.startswith(
        "family,preset,agent,stamp,n,instances"
    )
    assert r"\bottomrule" in synth.call("table", *several, "--format", "latex").stdout


def test_cells_lead_to_notebooks_that_are_there(synth: Any, several: list[Path], tmp_path: Path):
    from urllib.parse import unquote

    from markdown_it import MarkdownIt

    for run in several:
        for row in rows([run]):
            for name in row.notebooks:
                Path(name).parent.mkdir(exist_ok=True)
                Path(name).write_text("{}")
    out = tmp_path / "elsewhere" / "deep"
    synth.call("table", *several, "--out", out)
    text = (out / "comparison_table.md").read_text()
    tokens = MarkdownIt().enable("table").parse(text)
    links = [
        str(child.attrGet("href"))
        for token in tokens
        for child in token.children or ()
        if child.type == "link_open"
    ]
    files = {unquote(link) for link in links if not link.startswith("#")}
    assert len(files) == 6
    assert all((out / name).is_file() for name in files)
    assert {link for link in links if link.startswith("#")} == {"#row-3", "#row-4"}
    assert "### Row 3\n" in text
    assert "### Row 4\n" in text


def test_the_pivot_sets_families_against_agents(synth: Any, several: list[Path]):
    said = synth.call("table", *several, "--pivot", "--format", "markdown").stdout.splitlines()
    assert said[0] == (
        "| family | preset | floor | ceiling | cheater | oracle (diagnostic) | tester |"
    )
    auctions, games = said[2:4]
    assert auctions.startswith("| strategic/auctions | easy | 0.200 | 0.700 | - | - | [0.400 (n 1)")
    assert r"[0.800 \[0.00, 1.00\] (n 2)](#row-3)" in games
    assert "1 flagged" in games


def test_aside_and_cheating_are_said_beside_ability(synth: Any, several: list[Path]):
    shown = synth.call("table", *several)
    assert "1 invalid, 1 in error" in shown.stdout
    assert "cheat rate" in shown.stdout
    assert "1 attempts are flagged" in shown.stderr


def test_what_is_no_run_is_refused_or_told(synth: Any, several: list[Path], tmp_path: Path):
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    assert isinstance(synth.call("table", nothing).exception, UsageError)
    said = json.loads(synth.call("table", *several, nothing, "--json").stdout)
    assert any("left out" in note and "nothing" in note for note in said["caveats"])
    (several[0] / "results" / "scores.json").unlink()
    assert isinstance(synth.call("table", *several).exception, RecordError)


def test_a_damaged_note_of_a_runner_is_refused_by_name(synth: Any):
    run = synth.run("one", [synth.score(1, 0.5)], synth.played())
    (note,) = run.glob("attempts/*/1/played.json")
    note.write_text('{"tools_listed": true, "wall_s": 1.0, "answer": 42}')
    with pytest.raises(RecordError, match=r"played\.json"):
        rows([run])


def test_a_folder_that_cannot_be_written_is_told(synth: Any, several: list[Path], tmp_path: Path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    error = synth.call("table", *several, "--out", blocked / "x").exception
    assert isinstance(error, RecordError)
    assert "--out" in str(error)


def test_names_that_begin_like_formulas_are_text_in_csv(synth: Any):
    run = synth.run("=HYPERLINK(1)", [synth.score(1, 0.5)])
    (line,) = csv.DictReader(io.StringIO(synth.call("table", run, "--format", "csv").stdout))
    assert line["agent"] == "'=HYPERLINK(1)"


def test_a_run_without_a_measured_attempt_has_tables_too(synth: Any, tmp_path: Path):
    empty = synth.run("a", [], planned=3)
    lost = synth.run("b", [synth.score(1, None, status="error", note="it failed")])
    for runs in ([empty], [lost], [empty, lost]):
        for form in ("table", "markdown", "csv", "latex", "json"):
            assert synth.call("table", *runs, "--format", form).exit_code == 0
            assert synth.call("table", *runs, "--format", form, "--pivot").exit_code == 0
        for verb in ("table", "leaderboard", "card", "report"):
            done = synth.call(verb, *runs, "--out", tmp_path / verb)
            assert done.exit_code == 0, (verb, done.exception)
    notes = json.loads(synth.call("table", empty, "--json").stdout)["caveats"]
    assert any("missing: a 3" in note for note in notes)


def test_caveats_come_with_every_form(synth: Any, several: list[Path]):
    for form in ("table", "markdown", "csv", "latex", "json"):
        done = synth.call("table", *several, "--format", form)
        assert "attempts are flagged" in done.output + done.stderr, form
