"""The leaderboard: columns, ranks, costs, pending agents, modes of a model, artefacts."""

import json
import random
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from evaluators.robustness import VariantRecord
from evaluators.tables._headlines import roads
from evaluators.tables._readings import read_runs
from evaluators.tables._standings import Board, Standing, board
from tasks import RecordError, Stamp
from tasks._record import Tokens

GAMES, AUCTIONS = "strategic/bayesian_games", "strategic/auctions"
N = 31


def rows(*runs: Path, **more: Any) -> Board:
    return board(read_runs(runs), **more)


def one(found: Board, agent: str) -> Standing:
    (row,) = (row for row in found.rows if row.agent == agent)
    return row


def near(level: float, count: int = N, salt: int = 0) -> list[float]:
    rng = random.Random(salt)
    return [min(1.0, max(0.0, level + rng.uniform(-0.1, 0.1))) for _ in range(count)]


def test_a_row_holds_what_the_field_publishes(synth: Any):
    score, setup = synth.score, synth.setup()
    scores = [
        score(1, 1.0),
        score(2, 0.5, safety=0.0),
        score(3, 0.0, validity=0.0, flags=("Cell 1 opens a key.",)),
        score(1, 0.7, family=AUCTIONS),
    ]
    notes = [
        synth.played(setup, usage={"metered": Tokens(input=200, output=20)}),
        synth.played(setup),
        synth.played(setup, usage={"cached_requests": 1, "cost_usd": 0.0}),
        synth.played(setup, usage={"provider_errors": 2}),
    ]
    row = one(rows(synth.run("direct:openai/gpt-x", scores, notes)), "direct:openai/gpt-x")
    assert (row.model, row.provider, row.mode) == ("gpt-x", "openai", "direct")
    assert (row.n_envs, row.n_tasks, row.n) == (2, 4, 4)
    assert row.mean_score is not None
    assert row.mean_score.value == pytest.approx((1.0 + 0.5 + 0.0 + 0.7) / 4)
    assert row.normalised_score is not None
    assert row.normalised_score.value == pytest.approx((1.0 + 0.0 - 1.0 + 1.0) / 4)
    assert row.floor == pytest.approx((0.5 * 3 + 0.2) / 4)
    assert (row.validity_rate, row.parse_failure_rate) == (0.75, 0.25)
    assert (row.risk_violation_rate, row.flagged, row.cheat_rate) == (0.25, 1, 0.25)
    assert (row.cost.usd, row.cost.known, row.cost.basis) == (0.75, "full", ("list",))
    # Metered where our proxy stood between, else as told.
    assert (row.tokens_in, row.tokens_out) == (200 + 3 * 100, 20 + 3 * 10)
    # The one that our cache answered has no latency.
    assert (row.n_latency, row.latency_p50_ms, row.latency_p95_ms) == (3, 2000.0, 2000.0)
    assert row.provider_errors == 2


def test_the_interval_is_drawn_over_seeds(synth: Any):
    score = synth.score
    runs = [
        synth.run("one", [score(1, 0.2), score(1, 0.9, n=2)]),
        synth.run("few", [score(k, v, n=n) for k, v in ((1, 0.4), (2, 0.6)) for n in (1, 2, 3)]),
        synth.run("many", [score(k, 0.05 * k) for k in range(1, 12)]),
    ]
    found = rows(*runs)
    lone, few, many = (one(found, name).mean_score for name in ("one", "few", "many"))
    assert lone is not None
    assert few is not None
    assert many is not None
    assert (lone.low, lone.clusters) == (None, 1)
    # By hand: two seeds with means .4 and .6, t of one degree of freedom 12.7; clipped to [0, 1].
    assert (few.low, few.high, few.clusters) == (0.0, 1.0, 2)
    assert few.method.startswith("Student's t")
    assert many.method.startswith("hierarchical bootstrap")
    assert many.low is not None
    assert many.high is not None
    assert many.value == pytest.approx(0.3)
    assert 0.15 < many.low < 0.25
    assert 0.35 < many.high < 0.45


@pytest.mark.parametrize(
    ("costs", "usd", "known", "text"),
    [
        ([None, None], None, "none", "not estimated"),
        ([0.5, None], 0.5, "partial", "at least 0.5000 (1 of 2; list)"),
        ([0.0, 0.0], 0.0, "full", "0.0000 (list)"),
    ],
)
def test_an_unknown_cost_is_never_nought(
    synth: Any, costs: list[float | None], usd: float | None, known: str, text: str
):
    notes = [synth.played(synth.setup(), usage={"cost_usd": cost}) for cost in costs]
    run = synth.run("a", [synth.score(1, 0.5), synth.score(2, 0.5)], notes)
    cost = one(rows(run), "a").cost
    assert (cost.usd, cost.known) == (usd, known)
    said = synth.call("leaderboard", run)
    assert text in said.stdout
    assert ("not estimated" in said.stderr) is (known != "full")


def test_money_for_attempts_that_were_played_again_is_told_apart(synth: Any):
    run = synth.run("a", [synth.score(1, 0.5)], synth.played(synth.setup()))
    cut = run / "cut" / "slug" / "1-1" / "attempt"
    cut.mkdir(parents=True)
    (cut / "played.json").write_text(
        synth.played(synth.setup(), usage={"cost_usd": 0.125}).model_dump_json()
    )
    cost = one(rows(run), "a").cost
    assert (cost.usd, cost.set_aside_usd) == (0.25, 0.125)
    assert "0.1250 set aside" in synth.call("leaderboard", run).stdout


def test_ranks_hold_within_a_track_and_a_set_of_instances(synth: Any):
    strict = synth.played(synth.setup())
    wide = synth.played(synth.setup(settings={"max_tokens": 4096}))
    scores = [synth.score(k, v) for k, v in enumerate(near(0.6))]
    better = [synth.score(k, v) for k, v in enumerate(near(0.8))]
    elsewhere = [synth.score(k + 100, v) for k, v in enumerate(near(0.9))]
    found = rows(
        synth.run("low", scores, strict),
        synth.run("high", better, strict),
        synth.run("twin", better, strict),
        synth.run("wide", better, wide),
        synth.run("other", elsewhere, strict),
        synth.run("solver", better),
        synth.run("oracle", [s.model_copy(update={"stamp": Stamp.DIAGNOSTIC}) for s in better]),
    )
    ranks = {row.agent: row.rank for row in found.rows}
    assert ranks == {
        "high": 1,
        "twin": 1,
        "low": 3,
        "wide": 1,
        "other": 1,
        "solver": None,
        "oracle": None,
    }
    assert [row.rank is None for row in found.rows] == sorted(r.rank is None for r in found.rows)
    assert one(found, "high").exam == one(found, "low").exam != one(found, "other").exam
    assert one(found, "solver").why_not == "non-model"


def test_a_run_that_was_cut_short_is_incomplete_and_not_ranked(synth: Any):
    played = synth.played(synth.setup())
    scores = [synth.score(k, 0.5) for k in range(N)]
    whole, half = (
        synth.run("a", scores, played, planned=N),
        synth.run("b", scores, played, planned=40),
    )
    found = rows(whole, half)
    assert (one(found, "a").label, one(found, "a").rank) == ("strict clean", 1)
    assert (one(found, "b").label, one(found, "b").rank) == ("incomplete", None)
    assert "are missing: b 9." in synth.call("leaderboard", whole, half).stderr


def test_practice_stands_in_a_row_of_its_own(synth: Any):
    played = synth.played(synth.setup())
    exam = synth.run("a", [synth.score(k, 0.5) for k in range(N)], played)
    home = synth.run("a", [synth.score(1, 1.0, stamp=Stamp.PRACTICE)], played)
    found = rows(exam, home)
    assert [(row.stamp, row.ranked, row.n) for row in found.rows] == [
        ("exam", True, N),
        ("practice", False, 1),
    ]


def test_who_could_not_play_is_pending_with_the_reason(synth: Any):
    run = synth.model("claude:sonnet", [0.5])
    note = run.parent / "pending.json"
    note.write_text(json.dumps({"codex": "no key is set", "claude:sonnet": "was not installed"}))
    found = rows(run, note, expected=("claude", "gemini", "claude:sonnet"))
    assert found.pending == {"codex": "no key is set", "gemini": "no run of it was named"}
    said = synth.call("leaderboard", run, "--expect", "gemini")
    assert "pending codex: no key is set" in said.stderr
    note.write_text('["codex"]')
    with pytest.raises(RecordError, match="reasons"):
        rows(run)


def test_modes_of_one_model_are_set_against_each_other(synth: Any):
    base = near(0.5)
    runs = [
        synth.model("reflective:openai/gpt-x", [one + 0.02 for one in base], "reflective"),
        synth.model("direct:openai/gpt-x", base, "direct"),
        synth.model("tool:openai/gpt-x", [one + 0.2 for one in near(0.5, salt=1)], "tool"),
        synth.run("other", [synth.score(1, 0.5)], synth.played(synth.setup("tool", model="y"))),
    ]
    read = read_runs(runs)
    found = roads(read, board(read).rows)
    couples = {
        (row.baseline.partition(":")[0], row.candidate.partition(":")[0]) for row in found.rows
    }
    assert couples == {("direct", "tool"), ("direct", "reflective"), ("tool", "reflective")}
    assert len(found.pairs) == 3 * N
    news = {(one.of, one.baseline, one.candidate): one for one in found.headlines}
    assert set(news) == {
        ("score", "direct:openai/gpt-x", "tool:openai/gpt-x"),
        ("score", "direct:openai/gpt-x", "reflective:openai/gpt-x"),
        ("score", "tool:openai/gpt-x", "reflective:openai/gpt-x"),
    }
    assert not any(one.preliminary for one in found.headlines)
    assert all(one.cost_delta_usd == 0.0 for one in found.headlines)


@pytest.mark.parametrize(
    ("shift", "count", "facts", "expected"),
    [
        (0.2, N, {}, [False]),
        (0.2, 20, {}, [True]),
        (0.009, N, {}, []),
        (0.2, N, {"stamp": Stamp.PRACTICE}, []),
        (0.2, N, {"sandbox": "none"}, []),
    ],
)
def test_headlines_are_large_told_apart_and_of_exams(
    synth: Any, shift: float, count: int, facts: dict[str, Any], expected: list[bool]
):
    base = near(0.5, count)
    runs = [
        synth.run(
            mode,
            [synth.score(k, v + extra, **facts) for k, v in enumerate(base)],
            synth.played(synth.setup(mode)),
        )
        for mode, extra in (("direct", 0.0), ("tool", shift))
    ]
    read = read_runs(runs)
    found = roads(read, board(read).rows).headlines
    assert [one.preliminary for one in found] == expected


def test_noise_is_no_headline(synth: Any):
    runs = [
        synth.model("direct", near(0.5, salt=1)),
        synth.model("tool", near(0.5, salt=2), "tool"),
    ]
    read = read_runs(runs)
    assert roads(read, board(read).rows).headlines == ()


def variant(synth: Any, run_agent: str, seed: int, *, changed: bool) -> tuple[Any, VariantRecord]:
    score = synth.score(seed, 0.5, variant="paraphrase")
    record = VariantRecord(
        run_id="r",
        timestamp="",
        environment=GAMES,
        preset="easy",
        seed=seed,
        n=1,
        parent_task_id="",
        variant_id="",
        variant_type="paraphrase",
        answer_preserving=True,
        base_score=0.75,
        variant_score=0.5,
        score_delta=-0.25,
        base_action=0,
        variant_action=1,
        action_changed=changed,
        gap=0.0,
        became_invalid=False,
        became_unsafe=False,
        risk_violation=False,
        pressure_susceptibility=None,
        base_passed=False,
        variant_passed=False,
        base_violations=(),
        variant_violations=(),
        base_response="",
        variant_response="",
        metadata={"variant_instance": score.instance},
    )
    return score, record


def varied(synth: Any, agent: str, flips: int) -> Path:
    base = [synth.score(k, 0.75) for k in range(N)]
    found = [variant(synth, agent, k, changed=k < flips) for k in range(N)]
    run = synth.run(agent, [*base, *(score for score, _ in found)], synth.played(synth.setup()))
    text = "".join(record.model_dump_json() + "\n" for _, record in found)
    (run / "results" / "robustness_results.jsonl").write_text(text)
    return run


def test_robustness_stands_in_the_row_where_variants_were_played(synth: Any):
    steady, shaky = varied(synth, "steady", 0), varied(synth, "shaky", 20)
    found = rows(steady, shaky, synth.model("plain", near(0.5)))
    row = one(found, "shaky")
    assert (row.n, row.n_variants) == (N, N)
    assert row.paraphrase_consistency == pytest.approx(1 - 20 / N)
    assert row.mean_score_drop == pytest.approx(0.25)
    assert one(found, "plain").paraphrase_consistency is None
    read = read_runs([steady, shaky])
    (news,) = roads(read, board(read).rows).headlines
    assert (news.of, news.candidate, news.baseline) == (
        "paraphrase consistency",
        "steady",
        "shaky",
    )
    assert news.comparison.delta.value == pytest.approx(20 / N)


@pytest.fixture(scope="module")
def models(shared_synth: Any) -> list[Path]:
    base = near(0.5)
    return [
        shared_synth.model("direct:openai/gpt-x", base),
        shared_synth.model("tool:openai/gpt-x", [one + 0.2 for one in base], "tool"),
        shared_synth.run("solver", [shared_synth.score(k, 1.0) for k in range(N)]),
    ]


def test_the_artefacts_say_what_the_command_says(synth: Any, models: list[Path], tmp_path: Path):
    out = tmp_path / "board"
    said = json.loads(synth.call("leaderboard", *models, "--out", out, "--json").stdout)
    assert {p.name for p in out.iterdir()} == {
        "leaderboard_summary.json",
        "leaderboard_report.md",
        "headline_candidates.md",
        "paired_deltas.jsonl",
        "scores.png",
        "scores.svg",
        "cost_vs_score.png",
        "cost_vs_score.svg",
    }
    saved = json.loads((out / "leaderboard_summary.json").read_text())
    assert saved["headline_candidates"] == said["headline_candidates"]
    assert [row["rank"] for row in saved["rows"]] == [1, 2, None]
    deltas = [json.loads(line) for line in (out / "paired_deltas.jsonl").read_text().splitlines()]
    assert [one["score"] for one in deltas] == pytest.approx([0.2] * N)
    assert "score of tool:openai/gpt-x" in (out / "headline_candidates.md").read_text()
    page = (out / "leaderboard_report.md").read_text()
    assert "## Track strict-512, 31 instances" in page
    assert "(#agent-1)" in page
    assert "### Agent 1\n" in page
    assert "## Caveats" in page
    for name in ("scores", "cost_vs_score"):
        with Image.open(out / f"{name}.png") as picture:
            assert min(picture.size) > 100
        ET.parse(out / f"{name}.svg")


def test_the_same_runs_give_the_same_bytes_in_any_order(
    synth: Any, models: list[Path], tmp_path: Path
):
    synth.call("leaderboard", *models, "--out", tmp_path / "a")
    synth.call("leaderboard", *reversed(models), "--out", tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_headlines_of_an_earlier_board_do_not_stay(synth: Any, models: list[Path], tmp_path: Path):
    out = tmp_path / "board"
    synth.call("leaderboard", *models, "--out", out)
    synth.call("leaderboard", models[2], "--out", out)
    assert not (out / "headline_candidates.md").exists()
    assert not (out / "cost_vs_score.png").exists()
    assert (out / "scores.png").exists()


def test_names_with_formulas_and_odd_letters_can_be_plotted(synth: Any, tmp_path: Path):
    run = synth.model("a$\\frac{$ 模型 <b>", near(0.5))
    done = synth.call("leaderboard", run, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.exception
    ET.parse(tmp_path / "out" / "scores.svg")


def test_mixed_runs_are_told(synth: Any):
    score = synth.score
    first = synth.run("a", [score(1, 0.5)], synth.played(synth.setup()))
    second = synth.run(
        "a",
        [score(2, 0.5, sandbox="bwrap", preset="hard")],
        synth.played(
            synth.setup(settings={"max_tokens": 9}),
            usage={
                "cached_requests": 1,
                "metered": Tokens(input=300, output=10),
                "cost_usd": None,
            },
        ),
        versions={"proctor": "2"},
        tools_sha256="e" * 64,
    )
    third = synth.run("b", [score(9, 0.5)], synth.played(synth.setup()))
    notes = "\n".join(
        json.loads(synth.call("table", first, second, third, "--json").stdout)["caveats"]
    )
    for word in (
        "Preliminary",
        "did not all play the same instances",
        "several kernel sandboxes: bwrap, zygote",
        "several versions of Proctor: 1, 2",
        "several tool schemas",
        "Attempts of a differ in setup",
        f"No floor and ceiling for {GAMES}:hard",
        "cost of attempts by a was not estimated",
        "1 attempts had answers of the model from our own cache",
        "Tokens that a reported differ",
    ):
        assert word in notes
