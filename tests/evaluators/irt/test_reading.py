"""Response tables from files: ours, measurement-db's, wide; side files; every kind of bad input."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from evaluators.irt._long_form import FileOptions
from evaluators.irt._reading import read_responses
from evaluators.irt._responses import Covariates, ResponseTable
from evaluators.irt._writing import write_measurement_db, write_responses
from tasks import RecordError, UsageError

PLAIN = "agent,item,score\nb,y,1\na,x,0\na,y,1\nb,x,0.5\n"


def file(folder: Path, text: str, name: str = "scores.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def refused(*paths: Path, options: FileOptions | None = None, **named: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_responses(*paths, options=options or FileOptions(), **named)  # pyright: ignore[reportArgumentType]
    return str(caught.value)


def test_a_csv_gives_sorted_names_and_rows(tmp_path: Path):
    table = read_responses(file(tmp_path, PLAIN))
    assert (table.agents, table.items) == (("a", "b"), ("x", "y"))
    assert table.cells.wide().tolist() == [[0.0, 1.0], [0.5, 1.0]]
    assert table.kind == "continuous"
    assert table.dropped == ()


@pytest.mark.parametrize("name", ["s.csv", "s.csv.gz", "s.tsv", "s.tsv.gz"])
def test_the_name_says_how_a_file_is_read(tmp_path: Path, name: str):
    text = PLAIN.replace(",", "\t") if ".tsv" in name else PLAIN
    assert read_responses(file(tmp_path, text, name)).cells.size == 4


@settings(max_examples=40)
@given(order=st.permutations(PLAIN.splitlines()[1:]), at=st.integers(0, 4))
def test_neither_the_order_of_rows_nor_their_division_into_files_matters(
    tmp_path_factory: pytest.TempPathFactory, order: list[str], at: int
):
    folder = tmp_path_factory.mktemp("rows")
    whole = read_responses(file(folder, PLAIN))
    parts = [part for part in (order[:at], order[at:]) if part]
    files = [
        file(folder, "\n".join(["agent,item,score", *part]) + "\n", f"{k}.csv")
        for k, part in enumerate(parts)
    ]
    again = read_responses(*files)
    assert (again.agents, again.items) == (whole.agents, whole.items)
    for one, other in zip(
        (again.agent, again.item, again.score, again.trials),
        (whole.agent, whole.item, whole.score, whole.trials),
        strict=True,
    ):
        assert np.array_equal(one, other)


def test_names_that_look_like_numbers_stay_names(tmp_path: Path):
    table = read_responses(file(tmp_path, "agent,item,score\n007,1.0,1\n7,1,0\n"))
    assert (table.agents, table.items) == (("007", "7"), ("1", "1.0"))


def test_quotes_commas_and_line_ends_within_names(tmp_path: Path):
    text = 'agent,item,score\r\n"a, the ""first""","x\ny",1\r\nb,z,0\r\n'
    table = read_responses(file(tmp_path, text))
    assert (table.agents, table.items) == (('a, the "first"', "b"), ("x\ny", "z"))


def test_passes_and_fails_may_be_words_of_truth(tmp_path: Path):
    table = read_responses(file(tmp_path, "agent,item,score\na,x,true\na,y,false\nb,x,True\n"))
    assert table.score.tolist() == [1.0, 0.0, 1.0]
    assert table.kind == "binary"


def test_successes_of_trials(tmp_path: Path):
    text = "agent,item,successes,trials\na,x,2,5\nb,x,0,4\nb,y,3,3\n"
    table = read_responses(file(tmp_path, text))
    assert table.kind == "counts"
    assert table.cells.total.tolist() == [2.0, 0.0, 3.0]
    assert table.cells.trials.tolist() == [5.0, 4.0, 3.0]


def test_rounded_means_of_trials_are_whole_again(tmp_path: Path):
    table = read_responses(
        file(tmp_path, "agent,item,score,trials\na,x,0.333,3\na,y,0.667,3\nb,x,1,3\n")
    )
    assert table.cells.total.tolist() == [1.0, 2.0, 3.0]
    assert table.kind == "counts"


def test_a_trial_column_tells_repeats_apart_from_0_or_from_1(tmp_path: Path):
    for first in (0, 1):
        rows = "".join(f"a,x,{first + k},{k % 2}\nb,x,{first + k},1\n" for k in range(3))
        table = read_responses(file(tmp_path, f"agent,item,trial,score\n{rows}"))
        assert table.trial.tolist() == [1, 2, 3, 1, 2, 3]
        assert table.cells.total.tolist() == [1.0, 3.0]


def test_repeats_are_numbered_on_request_only(tmp_path: Path):
    path = file(tmp_path, "agent,item,score\na,x,1\nb,x,1\n\na,x,0\na,x,1\n")
    said = refused(path)
    assert "2 rows give a pair of agent and item again" in said
    assert "agent 'a', item 'x'" in said
    # The blank line counts as an editor counts it.
    assert "lines 2, 5 of scores.csv" in said
    assert "--repeats" in said
    table = read_responses(path, options=FileOptions(repeats=True))
    assert table.trial.tolist() == [1, 2, 3, 1]
    assert table.cells.trials.tolist() == [3.0, 1.0]


def test_a_pair_in_two_files_is_named_with_both(tmp_path: Path):
    one, two = file(tmp_path, PLAIN), file(tmp_path, "agent,item,score\na,x,1\n", "two.csv")
    said = refused(one, two)
    assert "line 3 of scores.csv and line 2 of two.csv" in said


def test_a_trial_twice_is_refused(tmp_path: Path):
    said = refused(file(tmp_path, "agent,item,trial,score\na,x,1,1\na,x,1,0\n"))
    assert "in trial 1: lines 2, 3" in said


BAD = {
    "agent,item,score\na,x,1\na,y,\nb,x,nan\n": (
        "2 of 3 rows have no score",
        "lines 3, 4 of scores.csv",
        "--drop-blank",
    ),
    "agent,item,score\na,x,1\nb,x,1.5\nb,y,-2\n": (
        "2 of 3 rows have a score outside [0, 1] (-2 to 1.5)",
        "lines 3, 4",
    ),
    "agent,item,score\na,x,inf\nb,x,1\n": ("outside [0, 1]", "line 2"),
    "agent,item,score\na,x,good\nb,x,1\nb,y,bad\n": (
        "Column 'score' must hold numbers",
        "'bad', 'good' in lines 2, 4",
    ),
    "agent,item,score\n,x,1\nb,x,1\n": ("name no agent (blank)", "line 2"),
    "agent,item,score\na,x,1\nb,,1\n": ("name no item (blank)", "line 3"),
    "agent,item,successes,trials\na,x,6,5\nb,x,1,5\n": (
        "more successes than trials",
        "line 2",
    ),
    "agent,item,successes,trials\na,x,0,0\nb,x,1,5\n": ("trials that are no count", "line 2"),
    "agent,item,score,trials\na,x,1,2.5\nb,x,1,5\n": ("trials that are no count", "(2.5)"),
    "agent,item,successes,trials,score\na,x,1,5,0.9\n": ("score is not successes / trials",),
    "agent,item,successes\na,x,1\n": ("no column 'trials'",),
    "agent,item,score,trial\na,x,1,one\n": ("Column 'trial' must hold numbers", "'one'"),
    "agent,item,score,trial\na,x,1,-1\na,y,1,1.5\n": ("no such number", "lines 2, 3"),
    "agent,item,score\na,x,1\nb,x\n": ("Line 3 of scores.csv has 2 columns, its header 3",),
    "agent;item;score\na;x;1\n": ("parted by commas", "';'"),
    "agent,item,score,score\na,x,1,1\n": ("column 'score' more than once",),
    "agent,item,score\n": ("has no rows below its header",),
    "": ("is empty",),
    "model,task,result\na,x,1\n": ("no column 'agent' and no column 'item'", "--wide"),
    "agent,item,mark\na,x,1\n": ("no column 'score'; it has agent, item, mark", "--rename"),
    "agent,item,score,mood\na,x,1,good\na,y,1,bad\nb,x,1,bad\nb,y,0,bad\n": (
        "Column 'mood' of scores.csv is constant neither within agents nor within items",
        "--ignore mood",
    ),
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_said_with_its_lines(tmp_path: Path, text: str):
    said = refused(file(tmp_path, text))
    for part in BAD[text]:
        assert part in said


def test_many_bad_rows_are_counted_and_the_first_named(tmp_path: Path):
    rows = "".join(f"a{k},x,2\n" for k in range(1200))
    said = refused(file(tmp_path, f"agent,item,score\n{rows}"))
    assert "1,200 of 1,200 rows" in said
    assert "lines 2, 3, 4, 5, 6 and 1,195 more of scores.csv" in said


def test_what_is_no_file_of_rows_is_refused(tmp_path: Path):
    assert "There is no file" in refused(tmp_path / "absent.csv")
    assert "none of .csv" in refused(file(tmp_path, PLAIN, "scores.txt"))
    assert "cannot be read as Parquet" in refused(file(tmp_path, PLAIN, "scores.parquet"))
    assert "is a run folder, or holds one" in refused(tmp_path)
    bad = tmp_path / "latin.csv"
    for rows in ("å,x,1\n", "a,x,1\n" * 20_000 + "å,x,1\n"):
        bad.write_bytes(f"agent,item,score\n{rows}".encode("latin-1"))
        assert "UTF-8" in refused(bad)
    assert "Name at least one" in refused()
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(PLAIN.encode())[:20])
    with pytest.raises((UsageError, RecordError), match=r"broken\.csv\.gz"):
        read_responses(broken)


def test_blanks_are_left_out_and_counted_on_request(tmp_path: Path):
    path = file(tmp_path, "agent,item,score\na,x,1\na,y,\nb,x,0\nb,y,NaN\n")
    table = read_responses(path, options=FileOptions(drop_blank=True))
    assert table.cells.size == 2
    (lost,) = table.dropped
    assert lost.rows == 2
    assert "scores.csv" in lost.reason
    # An item that nobody has a score of is not in the table.
    assert table.items == ("x",)


def test_a_wide_matrix_is_read_on_request_only(tmp_path: Path):
    path = file(tmp_path, "model,x,y,z\na,1,,0\nb,0,1,1\n")
    assert "--wide" in refused(path)
    table = read_responses(path, options=FileOptions(wide=True))
    assert (table.agents, table.items) == (("a", "b"), ("x", "y", "z"))
    assert np.array_equal(table.cells.wide(), [[1, np.nan, 0], [0, 1, 1]], equal_nan=True)
    bad = file(tmp_path, "model,x,y\na,1,2\nb,0,1\n", "bad.csv")
    assert "line 2 of bad.csv" in refused(bad, options=FileOptions(wide=True))


def test_columns_are_renamed_and_ignored(tmp_path: Path):
    path = file(tmp_path, "model,task,result,seconds\na,x,1,3\na,y,0,2\nb,x,1,4\nb,y,1,9\n")
    options = FileOptions(
        {"model": "agent", "task": "item", "result": "score"}, ignore=("seconds",)
    )
    assert read_responses(path, options=options).cells.total.tolist() == [1, 0, 1, 1]
    said = refused(path, options=FileOptions({"modle": "agent"}))
    assert "no column 'modle' to rename. Did you mean model" in said


def test_further_columns_tell_of_agents_or_of_items(tmp_path: Path):
    text = (
        "agent,item,score,llm,date,family,length,hidden\n"
        "a,x,1,gpt,20250101,logic,10,\na,y,0,gpt,20250101,maths,20,5\n"
        "b,x,1,,2025-02-01,logic,10,\nb,y,1,,2025-02-01,maths,20,5\n"
    )
    table = read_responses(file(tmp_path, text))
    assert table.of_agents.labels == {"llm": ("gpt", ""), "date": ("20250101", "2025-02-01")}
    assert table.of_items.labels == {"family": ("logic", "maths")}
    assert table.of_items.numbers["length"].tolist() == [10.0, 20.0]
    assert np.array_equal(table.of_items.numbers["hidden"], [np.nan, 5.0], equal_nan=True)


def test_side_files_of_agents_and_items(tmp_path: Path):
    scores = file(tmp_path, PLAIN)
    agents = file(tmp_path, "agent,llm,size\nb,opus,2\nc,other,3\na,gpt,1\n", "agents.csv")
    items = file(tmp_path, "item,topic,length\ny,maths,7\n", "items.csv.gz")
    table = read_responses(scores, agents=agents, items=items)
    assert table.of_agents.labels["llm"] == ("gpt", "opus")
    assert table.of_agents.numbers["size"].tolist() == [1.0, 2.0]
    assert table.of_items.labels["topic"] == ("", "maths")
    assert np.array_equal(table.of_items.numbers["length"], [np.nan, 7.0], equal_nan=True)


def test_a_side_file_of_several_data_sets_asks_which(tmp_path: Path):
    scores = file(tmp_path, PLAIN)
    items = file(tmp_path, "dataset,item,length\none,x,1\ntwo,x,2\ntwo,y,3\n", "items.csv")
    said = refused(scores, items=items)
    assert "--dataset" in said
    assert "one, two" in said
    table = read_responses(scores, items=items, options=FileOptions(dataset="two"))
    assert table.of_items.numbers["length"].tolist() == [2.0, 3.0]
    assert "Did you mean two" in refused(scores, items=items, options=FileOptions(dataset="twoo"))


def test_bad_side_files_are_refused(tmp_path: Path):
    scores = file(tmp_path, PLAIN)
    twice = file(tmp_path, "item,length\nx,1\nx,2\n", "twice.csv")
    assert "names the item 'x' 2 times (lines 2, 3 of twice.csv)" in refused(scores, items=twice)
    strange = file(tmp_path, "item,length\nq,1\n", "strange.csv")
    assert "names none of the 2 items" in refused(scores, items=strange)
    other = file(tmp_path, "thing,length\nx,1\n", "other.csv")
    assert "no column 'item'" in refused(scores, items=other)
    npz = tmp_path / "items.npz"
    np.savez(npz, item=np.array(["x", "y"]), X=np.ones((3, 2)))
    assert "shape (3, 2) for 2 items" in refused(scores, items=npz)
    np.savez(npz, name=np.array(["x"]))
    assert "holds the arrays 'item'" in refused(scores, items=npz)


def test_two_sources_that_disagree_are_told(tmp_path: Path):
    scores = file(tmp_path, "agent,item,score,llm\na,x,1,gpt\nb,x,0,opus\n")
    agents = file(tmp_path, "agent,llm\na,claude\n", "agents.csv")
    said = refused(scores, agents=agents)
    assert "disagree about the agent 'a': its llm is 'gpt' in one and 'claude'" in said


def test_parquet_reads_as_csv_does(tmp_path: Path):
    path = tmp_path / "scores.parquet"
    columns = {"agent": ["b", "a"], "item": [7, 8], "score": [True, False], "size": [1.5, 2.5]}
    parquet.write_table(pa.table(columns), path)
    table = read_responses(path)
    assert (table.agents, table.items) == (("a", "b"), ("7", "8"))
    assert table.score.tolist() == [0.0, 1.0]
    parquet.write_table(pa.table({**columns, "score": [1.0, None]}), path)
    assert "row 2 of scores.parquet" in refused(path)


DB = (
    "subject_id,item_id,benchmark_id,trial,test_condition,response,correct_answer,trace\n"
    's1,00000000000000aa,bench,1,,1.0,A,"long, text"\n'
    "s1,00000000000000bb,bench,1,,0.0,B,x\n"
    "s2,00000000000000aa,bench,1,cold,1.0,A,\n"
    "s2,00000000000000aa,bench,2,cold,0.0,A,\n"
    "s2,00000000000000aa,bench,1,hot,1.0,A,\n"
)


def test_the_long_form_of_measurement_db(tmp_path: Path):
    table = read_responses(file(tmp_path, DB))
    assert table.agents == ("s1", "s2 [cold]", "s2 [hot]")
    assert table.of_agents.labels == {"test_condition": ("", "cold", "hot")}
    assert table.of_items.labels == {"benchmark": ("bench", "bench")}
    assert table.cells.trials.tolist() == [1.0, 1.0, 2.0, 1.0]
    again = DB + "s2,00000000000000aa,bench,1,hot,0.0,A,\n"
    assert "agent 's2 [hot]'" in refused(file(tmp_path, again))


def test_measurement_db_round_trip(tmp_path: Path):
    table = read_responses(file(tmp_path, DB))
    written = write_measurement_db(table, tmp_path / "db.parquet")
    again = read_responses(written[0])
    assert (again.agents, again.items) == (table.agents, table.items)
    assert np.array_equal(again.score, table.score)
    assert np.array_equal(again.trial, table.trial)
    assert again.of_agents == table.of_agents
    found = parquet.read_table(written[0]).to_pylist()
    assert {row["subject_id"] for row in found} == {"s1", "s2"}
    assert {row["test_condition"] for row in found} == {"", "cold", "hot"}


def test_ids_of_measurement_db_follow_its_rule_and_names_come_back(tmp_path: Path):
    table = read_responses(file(tmp_path, "agent,item,successes,trials\na,x,2,3\nb,x,0,2\n"))
    with pytest.raises(UsageError, match="--benchmark"):
        write_measurement_db(table, tmp_path / "db.csv")
    scores, items = write_measurement_db(table, tmp_path / "db.csv", "bench")
    # printf 'bench::x' | sha256sum | head -c 16
    assert read_responses(scores).items == ("7e5cf13c3b84b3cb",)
    again = read_responses(scores, items=items)
    assert again.items == ("x",)
    assert again.trial.tolist() == [1, 2, 3, 1, 2]
    assert again.cells.total.tolist() == [2.0, 0.0]
    half = read_responses(file(tmp_path, "agent,item,score,trials\na,x,0.25,2\nb,x,0,2\n"))
    with pytest.raises(UsageError, match="not k of n"):
        write_measurement_db(half, tmp_path / "half.csv", "bench")


NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=8),
    min_size=1,
    max_size=5,
    unique=True,
).map(sorted)


@st.composite
def tables(draw: st.DrawFn) -> ResponseTable:
    agents, items = draw(NAMES), draw(NAMES)
    pairs = [(a, i) for a in range(len(agents)) for i in range(len(items))]
    kept = sorted(draw(st.sets(st.sampled_from(pairs), min_size=1)))
    agents_kept = sorted({a for a, _ in kept})
    items_kept = sorted({i for _, i in kept})
    scores = draw(st.lists(st.floats(0, 1), min_size=len(kept), max_size=len(kept)))
    trials = draw(st.integers(1, 3))
    rows = [(a, i, s, t) for (a, i), s in zip(kept, scores, strict=True) for t in range(trials)]
    return ResponseTable(
        tuple(agents[a] for a in agents_kept),
        tuple(items[i] for i in items_kept),
        np.array([agents_kept.index(row[0]) for row in rows]),
        np.array([items_kept.index(row[1]) for row in rows]),
        np.array([row[2] for row in rows]),
        np.ones(len(rows)),
        np.array([row[3] + 1 for row in rows]),
    )


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.parquet"])
@settings(max_examples=40)
@given(table=tables())
def test_what_is_written_reads_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, table: ResponseTable
):
    path = tmp_path_factory.mktemp("round") / name
    again = read_responses(*write_responses(table, path))
    assert (again.agents, again.items) == (table.agents, table.items)
    for one, other in zip(
        (again.agent, again.item, again.score, again.trial),
        (table.agent, table.item, table.score, table.trial),
        strict=True,
    ):
        assert np.array_equal(one, other)


def test_covariates_and_counts_read_back_from_parquet(tmp_path: Path):
    table = read_responses(file(tmp_path, "agent,item,successes,trials\na,x,2,3\nb,y,0,2\n"))
    described = replace(
        table,
        of_agents=Covariates(
            {"llm": ("1", ""), "scaffold": ("", "b")}, {"size": np.array([np.nan, 2.5])}
        ),
        of_items=Covariates({}, {"length": np.array([1.0, 2.0])}),
    )
    scores, agents, items = write_responses(described, tmp_path / "t.parquet")
    again = read_responses(scores, agents=agents, items=items)
    assert again.of_agents.labels == described.of_agents.labels
    assert np.array_equal(again.of_agents.numbers["size"], [np.nan, 2.5], equal_nan=True)
    assert again.of_items.numbers["length"].tolist() == [1.0, 2.0]
    assert np.array_equal(again.cells.total, table.cells.total)


REAL = {
    "swebench_verified": (134, 500, 67_000, "binary", 0.515),
    "terminal_bench_2": (112, 89, 9_968, "binary", 0.428),
    "terminal_bench_2_trials": (83, 88, 7_304, "counts", 0.361),
    "swebench_pro": (14, 730, 10_220, "binary", 0.258),
    "gso": (15, 102, 1_530, "binary", 0.125),
    "swebench_full": (24, 2_294, 55_056, "binary", 0.193),
    "bigcodebench": (153, 1_140, 174_420, "binary", 0.445),
    "rewardbench": (149, 2_985, 437_613, "binary", 0.690),
    "mathvista_mini": (101, 1_000, 101_000, "binary", 0.328),
    "mmlu_pro_quarter": (48, 3_065, 141_231, "binary", 0.496),
    "tengu_bench_continuous": (141, 120, 16_844, "continuous", 0.614),
}


@pytest.mark.parametrize("name", REAL)
def test_real_responses_read_in_place(responses_data: Path, name: str):
    table = read_responses(responses_data / f"{name}.csv.gz")
    agents, items, rows, kind, mean = REAL[name]
    assert (len(table.agents), len(table.items), len(table.score)) == (agents, items, rows)
    assert table.kind == kind
    assert float(table.score.mean()) == pytest.approx(mean, abs=6e-4)


def test_real_side_files_read_in_place(responses_data: Path):
    table = read_responses(
        responses_data / "swebench_verified.csv.gz",
        agents=responses_data / "agents.csv.gz",
        items=responses_data / "item_judge_features.csv.gz",
        options=FileOptions(dataset="swebench_verified"),
    )
    assert list(table.of_agents.labels) == ["date", "llm", "scaffold"]
    assert table.of_agents.labels["llm"].count("") == 47
    assert len(table.of_items.numbers) == 15
    assert not any(np.isnan(column).any() for column in table.of_items.numbers.values())
    hashed = read_responses(
        responses_data / "gso.csv.gz", items=responses_data / "item_llm_embed_rp128_gso.npz"
    )
    assert len(hashed.of_items.numbers) == 128
