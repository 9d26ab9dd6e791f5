"""`proctor irt …` through the front door: files in, files out, words and exit codes."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.irt._reading import read_responses
from evaluators.irt._saving import read_fit
from evaluators.irt._simulation import simulate
from evaluators.irt._writing import write_responses
from proctor import main

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs a command in this process: exit code, stdout, stderr."""
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["irt", *map(str, words)])
        told = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), told.out, told.err

    return run


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    path = tmp_path / "scores.csv"
    write_responses(simulate("2pl", 40, 15, seed=8).table, path)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def found(told: tuple[int, str, str]) -> Any:
    code, out, _ = told
    assert code == 0
    return json.loads(out)


def test_a_csv_is_fitted_and_written(say: Say, scores: Path, tmp_path: Path):
    code, out, err = say("fit", scores, "--model", "2pl", "--out", tmp_path / "out")
    assert code == 0
    assert "agents, ablest first" in out
    assert "2pl by em: 40 agents, 15 items, 600 cells" in out
    assert "written:" in err
    agents, items = rows(tmp_path / "out" / "agents.csv"), rows(tmp_path / "out" / "items.csv")
    assert len(agents) == 40
    assert {"item", "a", "b", "se_a", "se_b"} <= {*items[0]}
    fit = read_fit(tmp_path / "out")
    assert fit.converged
    assert (tmp_path / "out" / "wright.png").read_bytes().startswith(b"\x89PNG")
    # The ablest agent of the screen is the ablest of the file.
    ablest = max(agents, key=lambda row: float(row["theta"]))["agent"]
    table = out.partition("agents, ablest first")[2]
    assert table.index(ablest) == min(
        table.index(row["agent"]) for row in agents if row["agent"] in table
    )


def test_json_is_one_object_and_says_what_the_files_say(say: Say, scores: Path, tmp_path: Path):
    out = tmp_path / "out"
    told = found(say("fit", scores, "--out", out, "--no-picture", "--json"))
    assert told["converged"] is True
    assert [row["agent"] for row in told["agents"]] == [
        row["agent"] for row in rows(out / "agents.csv")
    ]
    fit = read_fit(out)
    assert np.array_equal([row["theta"] for row in told["agents"]], fit.abilities.theta)
    assert told["files"] == [str(out / name) for name in ("agents.csv", "items.csv", "fit.json")]
    assert json.loads((out / "fit.json").read_text())["asked"]["score"] == ""


def test_what_a_reader_should_know_is_told(say: Say, tmp_path: Path):
    path = tmp_path / "scores.csv"
    table = simulate("2pl", 30, 8, seed=1).table
    write_responses(table, path)
    blank = "".join(f"{agent},dead,0\n" for agent in table.agents) + "agent-00,item-9,\n"
    path.write_text(path.read_text() + blank)
    assert say("fit", path, "--out", tmp_path / "out")[0] == 2
    code, _, err = say(
        "fit", path, "--out", tmp_path / "out", "--drop-blank", "--max-iterations", "1"
    )
    assert code == 0
    assert "left out: 1 rows: Rows of scores.csv have no score" in err
    assert "1 item without a mark from any agent: dead" in err
    assert "NOT CONVERGED" in err
    saved = json.loads((tmp_path / "out" / "fit.json").read_text())
    assert saved["converged"] is False
    assert saved["dropped"][0]["rows"] == 1


@pytest.mark.slow
def test_a_report_holds_all_pictures(say: Say, scores: Path, tmp_path: Path):
    assert say("fit", scores, "--out", tmp_path / "out", "--report")[0] == 0
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"report.html", "wright.png", "wright.svg", "wright.pdf", "fit.json"} <= made


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["fit", "{scores}", "--model", "5pl", "--out", "{out}"], 2, "5pl"),
        (["fit", "{scores}", "--estimator", "magic", "--out", "{out}"], 2, "magic"),
        (["fit", "absent.csv", "--out", "{out}"], 2, "There is no file absent.csv"),
        (["fit", "{scores}", "--score", "grade", "--out", "{out}"], 2, "not 'grade'"),
        (["fit", "{scores}", "--rename", "model", "--out", "{out}"], 2, "OLD=NEW"),
        (["fit", "{scores}", "--model", "beta", "--out", "{out}"], 2, "beta"),
        (["fit", "{scores}", "--out", "{scores}"], 3, "cannot be written"),
        (["design", "absent.csv"], 2, "There is no file"),
        (["predict", "absent", "{scores}"], 3, "There is no fit in absent"),
        (["next", "absent"], 3, "There is no fit in absent"),
        (["link", "absent", "absent"], 3, "There is no fit in absent"),
        (["diagnose", "absent.csv", "--out", "{out}"], 2, "There is no file"),
        (["simulate", "--model", "5pl", "--out", "{out}"], 2, "5pl"),
        (["simulate", "--observed", "2", "--out", "{out}"], 2, "at most 1"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_code(
    say: Say, scores: Path, tmp_path: Path, words: list[str], code: int, said: str
):
    filled = [word.format(scores=scores, out=tmp_path / "out") for word in words]
    ended, out, err = say(*filled)
    assert (ended, out) == (code, "")
    assert said in err
    assert not (tmp_path / "out").exists()


def test_the_design_in_words_and_as_json(say: Say, tmp_path: Path):
    path = tmp_path / "scores.csv"
    path.write_text("agent,item,score\na,x,1\na,y,0\nb,x,0\nb,y,1\nc,z,1\nd,z,0\nd,w,1\n")
    code, out, _ = say("design", path)
    assert code == 0
    assert "4 agents x 4 items, 7 cells" in out
    assert "2 parts that share neither agent nor item" in " ".join(out.split())
    told = found(say("design", path, "--json"))
    assert [one["cells"] for one in told["blocks"]] == [4, 3]
    assert told["remarks"][0]["about"] == "blocks"


def test_models_are_listed_with_their_scores(say: Say):
    code, out, _ = say("models")
    assert code == 0
    told = found(say("models", "--json"))
    names = [one["model"] for one in told["models"]]
    assert {"rasch", "2pl", "3pl", "4pl", "graded", "binomial", "beta_binomial", "beta"} <= {*names}
    assert all(name in out for name in names)


def test_a_simulation_is_written_with_its_truth_and_fitted(say: Say, tmp_path: Path):
    path = tmp_path / "deep" / "scores.parquet"
    told = found(say("simulate", "--agents", "60", "--items", "40", "--out", path, "--json"))
    assert told["rows"] == 2400
    truth = read_responses(*map(Path, told["files"][:1]), agents=told["files"][1])
    assert say("fit", path, "--out", tmp_path / "out", "--no-picture")[0] == 0
    fit = read_fit(tmp_path / "out")
    assert fit.abilities.agents == truth.agents
    assert np.corrcoef(fit.abilities.theta, truth.of_agents.numbers["theta"])[0, 1] > 0.9


def test_full_scores_are_predicted_from_some_items(say: Say, scores: Path, tmp_path: Path):
    bank = tmp_path / "bank"
    assert say("fit", scores, "--out", bank, "--no-picture")[0] == 0
    some = [row for row in rows(scores) if row["item"] in {f"item-{k:02}" for k in range(5)}]
    few = tmp_path / "few.csv"
    few.write_text(
        "agent,item,score\n"
        + "".join(f"new {row['agent']},{row['item']},{row['score']}\n" for row in some)
    )
    told = found(say("predict", bank, few, "--out", tmp_path / "p", "--json"))
    assert len(told["agents"]) == 40
    whole = read_responses(scores).cells.wide().mean(axis=1)
    inside = [
        row["low"] <= mean <= row["high"] for row, mean in zip(told["agents"], whole, strict=True)
    ]
    assert np.mean(inside) > 0.7
    assert all(row["asked"] == 5 for row in told["agents"])
    assert len(rows(tmp_path / "p" / "expected.csv")) == 40 * 15
    normed = say("predict", bank, few, "--norms", scores)
    assert normed[0] == 0
    assert "full score on 15 items" in normed[1]
    known = say("predict", bank, scores, "--norms", scores)
    assert known[0] == 2
    assert "norms" in known[2]
    few.write_text("agent,item,score\nn,item-00,1\nn,strange,1\n")
    assert say("predict", bank, few)[0] == 2
    dropped = found(say("predict", bank, few, "--drop-unknown", "--json"))["dropped"]
    assert dropped[0]["names"] == ["strange"]


def test_the_next_items_are_told(say: Say, scores: Path, tmp_path: Path):
    bank = tmp_path / "bank"
    assert say("fit", scores, "--out", bank, "--no-picture")[0] == 0
    first = found(say("next", bank, "--json"))
    assert len(first["items"]) == 1
    assert first["answered"] == 0
    then = found(say("next", bank, "--answer", f"{first['items'][0]}=1", "-n", "3", "--json"))
    assert len({*then["items"], *first["items"]}) == 4
    assert then["theta"] > first["theta"]
    assert then["se"] < first["se"]
    code, out, err = say("next", bank, scores, "--agent", "agent-03")
    assert (code, out) == (0, "Nothing more: No item is left to ask.\n")
    assert "after 15 answers" in err
    ended = found(say("next", bank, "--answer", "item-00=0", "--most", "1", "--json"))
    assert ended["items"] == []
    assert "1 items were asked" in ended["stop"]
    costs = tmp_path / "costs.csv"
    lines = "".join(f"item-{k:02},{1 if k == 6 else 1e6},g{k % 2}\n" for k in range(15))
    costs.write_text(f"item,seconds,group\n{lines}")
    cheap = ["next", bank, "--rule", "thrifty", "--items", costs, "--cost-by"]
    assert found(say(*cheap, "seconds", "--json"))["items"] == ["item-06"]
    for words, said in (
        ([scores], "say with --agent"),
        ([scores, "--agent", "agent-3"], "Did you mean"),
        (["--answer", "item-00"], "ITEM=SCORE"),
        (["--answer", "item-00=good"], "ITEM=SCORE"),
        (["--answer", "nothing=1"], "no item 'nothing'"),
        (["--rule", "luck"], "luck"),
        (["--cost-by", "seconds"], "--items FILE"),
        (["--items", costs, "--cost-by", "group"], "costs are numbers"),
    ):
        code, out, err = say("next", bank, *words)
        assert (code, out) == (2, "")
        assert said in err


def test_suspect_items_come_first(say: Say, tmp_path: Path):
    table = simulate("2pl", 120, 30, seed=6).table
    score = np.where(table.item == 4, 1 - table.score, table.score)
    path = tmp_path / "scores.csv"
    lines = zip(table.agent, table.item, score, strict=True)
    path.write_text(
        "agent,item,score\n"
        + "".join(f"{table.agents[a]},{table.items[i]},{int(s)}\n" for a, i, s in lines)
    )
    told = found(say("diagnose", path, "--out", tmp_path / "d", "--json"))
    assert told["cards"][0]["item"] == "item-04"
    assert told["cards"][0]["evidence"]
    written = rows(tmp_path / "d" / "items.csv")
    assert written[0]["item"] == "item-04"
    order = [float(row["defect_score"]) for row in written]
    assert order == sorted(order, reverse=True)
    assert say("fit", path, "--out", tmp_path / "fit", "--no-picture")[0] == 0
    code, out, _ = say("diagnose", path, "--fit", tmp_path / "fit", "--out", tmp_path / "e")
    assert code == 0
    assert "item-04" in out
    assert "se_a" in rows(tmp_path / "e" / "items.csv")[0]


def test_one_fit_is_put_on_the_scale_of_another(say: Say, tmp_path: Path):
    truth = simulate("2pl", 300, 30, seed=9)
    wide = truth.table.cells.wide()
    for name, kept in (("all", wide), ("able", wide[truth.theta > 0])):
        path = tmp_path / f"{name}.csv"
        head = ",".join(["agent", *truth.table.items])
        body = [f"{name}{k}," + ",".join(str(int(s)) for s in row) for k, row in enumerate(kept)]
        path.write_text("\n".join([head, *body]) + "\n")
        out = tmp_path / name
        assert say("fit", path, "--wide", "--out", out, "--no-picture")[0] == 0
    told = found(
        say("link", tmp_path / "able", tmp_path / "all", "--out", tmp_path / "linked", "--json")
    )
    # The able half has a higher mean and a smaller spread than the whole.
    assert told["shift"] > 0.5
    assert told["slope"] < 0.8
    linked, whole = read_fit(tmp_path / "linked"), read_fit(tmp_path / "all")
    apart = linked.bank.parameters["b"] - whole.bank.parameters["b"]
    before = read_fit(tmp_path / "able").bank.parameters["b"] - whole.bank.parameters["b"]
    assert np.median(np.abs(apart)) < 0.4 * np.median(np.abs(before))
    assert told["words"][0] in linked.notes
    code, out, _ = say("link", tmp_path / "able", tmp_path / "all", "--no-purify")
    assert code == 0
    assert "stocking-lord over 30 shared items" in " ".join(out.split())
    assert say("link", tmp_path / "able", tmp_path / "all", "--method", "luck")[0] == 2


def test_responses_are_converted_there_and_back(say: Say, scores: Path, tmp_path: Path):
    told = found(
        say(
            "convert",
            scores,
            "--measurement-db",
            "--benchmark",
            "mine",
            "--out",
            tmp_path / "db.parquet",
            "--json",
        )
    )
    assert told["rows"] == 600
    db, items = told["files"]
    code, out, _ = say("convert", db, "--items", items, "--out", tmp_path / "again.csv")
    assert code == 0
    assert "600 rows of 40 agents and 15 items" in out
    before, again = read_responses(scores), read_responses(tmp_path / "again.csv")
    assert (again.agents, again.items) == (before.agents, before.items)
    assert np.array_equal(again.score, before.score)
    assert say("convert", scores, "--measurement-db", "--out", tmp_path / "x.csv")[0] == 2
    assert say("convert", scores, "--out", tmp_path / "x.txt")[0] == 2


def test_help_has_examples_and_names_every_command(say: Say):
    code, out, _ = say("--help")
    assert code == 0
    for verb in (
        "fit",
        "design",
        "diagnose",
        "predict",
        "next",
        "link",
        "simulate",
        "models",
        "convert",
    ):
        assert verb in out
        ended, told, _ = say(verb, "--help")
        assert ended == 0
        assert "Examples:" in told
        assert told.index("Examples:") < told.index("Options")


def test_side_files_and_datasets_are_taken(say: Say, responses_data: Path, tmp_path: Path):
    told = found(
        say(
            "fit",
            responses_data / "gso.csv.gz",
            "--items",
            responses_data / "item_judge_features.csv.gz",
            "--dataset",
            "gso",
            "--out",
            tmp_path / "out",
            "--no-picture",
            "--json",
        )
    )
    assert len(told["items"]) == 102
    assert any("36 items without a mark from any agent" in note for note in told["notes"])
