"""The ladder of graded agents: its lapses, without a server."""

import io
import json
import random
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from runners._core import agent_named
from runners._desk import RefusedError
from runners._solutions import SOLUTIONS
from runners.agents._lapses import (
    COUNTING,
    MISREADING,
    READINGS,
    holds,
    misreading,
    slipping,
    spoiled,
)
from runners.agents.ladder import SOLVERS, TOP, Rung
from tasks import JSON, UsageError

ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "posterior": {"$ref": "#/$defs/Shares"},
        "action": {"enum": ["stay", "go"], "type": "string"},
        "edges": {"type": "array", "items": {"type": "string"}},
    },
    "$defs": {
        "Shares": {
            "type": "array",
            "items": {"type": "number", "minimum": 0, "maximum": 1},
            "minItems": 3,
            "maxItems": 3,
            "x-sums-to": 1.0,
        }
    },
}
RIGHT: dict[str, Any] = {"posterior": [0.7, 0.2, 0.1], "action": "go", "edges": ["a", "b", "c"]}


def test_there_are_at_least_twelve_rungs_and_each_errs_less_than_the_one_below():
    assert TOP >= 12
    for below, above in pairwise(SOLVERS):
        assert below.span < above.span
        assert below.misread > above.misread
        assert below.slip > above.slip
    assert SOLVERS[-1] == Rung()
    assert not SOLVERS[-1].lapses


def test_rungs_have_names_and_none_is_diagnostic():
    for rung in range(1, TOP + 1):
        assert not agent_named(f"ladder:{rung}").diagnostic
    assert "misreads 0.03" in agent_named("ladder:+misread=0.03+slip=0.1").summary


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ladder:0", "ladder:1 to ladder:14"),
        ("ladder:15", "There is no rung '15'"),
        ("ladder:7+slip=0.1", "There is no rung"),
        ("ladder:+slpi=0.1", r"Did you mean slip"),
        ("ladder:+slip=2", "at most 1"),
        ("ladder:+span=0", "above 0"),
    ],
)
def test_a_wrong_rung_says_what_there_is(name: str, says: str):
    with pytest.raises(UsageError, match=says):
        agent_named(name)


def test_plain_ladder_asks_for_a_rung():
    with pytest.raises(UsageError, match="needs a rung"):
        agent_named("ladder").ready(["strategic/auctions"])


def test_whoever_never_slips_hands_in_what_was_found():
    assert spoiled(RIGHT, ANSWER, random.Random(1), 0.0) == RIGHT


def test_whoever_always_slips_hands_in_nothing_of_it_but_half_of_a_sum():
    found: Any = spoiled(RIGHT, ANSWER, random.Random(1), 1.0)
    assert sum(found["posterior"]) == pytest.approx(1.0)
    assert found["posterior"] != RIGHT["posterior"]
    assert all(
        share >= right / 2 for share, right in zip(found["posterior"], [0.7, 0.2, 0.1], strict=True)
    )
    assert not set(found["edges"]) & {"a", "b", "c"}


def test_slips_are_as_frequent_as_was_asked():
    rng = random.Random(2)
    kept = sum(
        spoiled({"action": "none"}, ANSWER, rng, 0.25) == {"action": "none"} for _ in range(2000)
    )
    assert 0.71 <= kept / 2000 <= 0.79


def test_draws_follow_from_the_generator_alone():
    first, again = (spoiled(RIGHT, ANSWER, random.Random(3), 0.5) for _ in range(2))
    assert first == again


def notebook(folder: Path, task: JSON, misread: float) -> dict[str, Any]:
    """A notebook's names after the cell that makes it misread."""
    (folder / "task").mkdir(exist_ok=True)
    (folder / "task" / "instance.json").write_text(json.dumps(task))
    names: dict[str, Any] = {}
    exec(MISREADING.format(seed=1, misread=misread), names)  # the cell, as a kernel runs it
    return names


def test_a_figure_is_misread_from_the_neighbouring_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    task = {
        "fee": 3,
        "prior": [0.5, 0.3, 0.2],
        "sources": [
            {"name": "a", "hit": 0.9, "rates": [1]},
            {"name": "b", "hit": 0.7, "rates": [2]},
        ],
    }
    names = notebook(tmp_path, task, 1.0)
    assert json.load(names["_misread_task"]()) == {
        "fee": 3,
        "prior": [0.3, 0.5, 0.3],
        "sources": [
            {"name": "a", "hit": 0.7, "rates": [2]},
            {"name": "b", "hit": 0.9, "rates": [1]},
        ],
    }
    assert json.load(notebook(tmp_path, task, 0.0)["_misread_task"]()) == task


def test_figures_are_misread_as_often_as_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    task = list(range(2000))
    read = json.load(notebook(tmp_path, task, 0.1)["_misread_task"]())
    assert 0.07 <= sum(a != b for a, b in zip(read, task, strict=True)) / 2000 <= 0.13


def test_a_measured_effect_is_misread_within_the_range_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    effects = {f"e{i}": i / 100 for i in range(100)}
    read = notebook(tmp_path, {}, 0.5)["_misread_effects"](effects)
    assert list(read) == list(effects)
    assert all(0 <= effect <= 0.99 for effect in read.values())
    assert 30 <= sum(read[name] != effects[name] for name in effects) <= 70


def test_the_figures_of_a_task_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    notebook(tmp_path, {"a": [1, 2.5, True, "x"], "b": {"c": 3}}, 0.0)
    said = io.StringIO()
    with redirect_stdout(said):
        exec(COUNTING, {})
    assert said.getvalue() == "3\n"


def test_the_thread_is_kept_by_the_square_of_the_figures():
    rng = random.Random(4)
    kept = sum(holds(100, 100.0, rng) for _ in range(4000)) / 4000
    assert kept == pytest.approx(0.3679, abs=0.03)
    kept = sum(holds(200, 100.0, rng) for _ in range(4000)) / 4000
    assert kept == pytest.approx(0.0183, abs=0.01)


@pytest.mark.parametrize("name", SOLUTIONS.names())
def test_every_solution_reads_its_figures_where_they_can_be_misread(name: str):
    source = (Path(__file__).parents[2] / "runners/_solutions" / f"{name}.py").read_text()
    assert any(reading in source for reading in READINGS), (
        f"the ladder cannot misread what {name} reads; add its reading to READINGS"
    )


def test_cells_read_what_is_misread_and_a_failed_one_gives_a_guess():
    ran: list[str] = []

    async def execute(code: str) -> str:
        ran.append(code)
        if "fails" in code:
            raise RefusedError("KeyError: it made no sense")
        return "ok"

    reading = misreading(execute, ANSWER, random.Random(5))
    assert anyio.run(reading, 'with open("task/instance.json") as file:') == "ok"
    assert ran == ["with _misread_task() as file:"]
    assert set(json.loads(anyio.run(reading, "fails"))) == {"posterior", "action", "edges"}


def test_a_refused_slip_is_followed_by_the_step_that_was_meant():
    taken: list[Any] = []

    async def act(action: JSON) -> dict[str, JSON]:
        if action != RIGHT:
            raise RefusedError("not allowed")
        taken.append(action)
        return {"done": False}

    anyio.run(slipping(act, ANSWER, random.Random(6), 1.0), RIGHT)
    assert taken == [RIGHT]
