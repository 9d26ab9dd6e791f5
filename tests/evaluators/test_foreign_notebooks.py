import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluators import score_run, score_saved
from evaluators._cli import app
from ground_truth import draw
from tasks import EvaluatorError, InstanceId, Split, UsageError, family
from tasks._answers import MIME

NAME = "strategic/bayesian_games"
INSTANCE = InstanceId(NAME, family(NAME).version, "easy", Split.PUBLIC, 7)
KEY = [float(p) for p in draw(INSTANCE, b"").key.posterior]
ANSWER = {"posterior": KEY}
WRONG = {"posterior": [0.5, 0.25, 0.25]}


def code(*outputs: Any, source: str = "solve()", count: int = 1) -> dict[str, Any]:
    """A code cell as Scribe writes it: no id, minor 5, sources as lists."""
    return {
        "cell_type": "code",
        "source": [source],
        "metadata": {"execution_status": "complete"},
        "execution_count": count,
        "outputs": list(outputs),
    }


def markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}


def result(data: dict[str, Any]) -> dict[str, Any]:
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data}


def saved(path: Path, *cells: dict[str, Any]) -> Path:
    path.write_text(
        json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    return path


@pytest.mark.parametrize(
    "cell",
    [
        code(stream(f"working\n{json.dumps(ANSWER)}\n")),
        code(result({MIME: ANSWER, "text/plain": "an answer"})),
        code(result({"text/plain": repr(json.dumps(ANSWER))})),
        {
            "cell_type": "markdown",
            "metadata": {},
            "source": f"So:\n```json\n{json.dumps(ANSWER)}\n```",
        },
    ],
)
def test_a_notebook_made_elsewhere_is_scored_as_practice(cell: Any, tmp_path: Path) -> None:
    path = saved(tmp_path / "work.ipynb", code(stream(json.dumps(WRONG)), count=1), cell)
    score = score_saved(path, INSTANCE, tmp_path / "home")
    assert (score.status, score.validity, score.stamp) == ("scored", 1, "practice")
    assert score.ability == pytest.approx(1.0)
    assert score.flags == ()


def test_the_last_answer_that_fits_counts(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "work.ipynb",
        code(stream(json.dumps(ANSWER)), count=1),
        code(stream('{"posterior": [2, 3, 4]}\n'), count=2),
        code(stream("done\n"), count=3),
    )
    assert score_saved(path, INSTANCE, tmp_path / "home").ability == pytest.approx(1.0)


def test_a_notebook_without_an_answer_is_a_zero_and_a_cheats_is_flagged(tmp_path: Path) -> None:
    path = saved(tmp_path / "work.ipynb", code(source="import ground_truth"))
    score = score_saved(path, INSTANCE, tmp_path / "home")
    assert (score.status, score.validity, score.ability) == ("scored", 0, 0)
    assert score.flags == ("Cell 0 imports the hall's own code (ground_truth).",)


@pytest.mark.parametrize(
    "bomb",
    [
        '{"posterior": ' + "[" * 50_000 + "]" * 50_000 + "}",
        '{"posterior": [' + "9" * 5_000 + ", 0, 0]}",
        '{"posterior": [1e999, 0, 0]}',
        '{"posterior": [NaN, 1, 0]}',
        '{"posterior": [1, 0, 0], "posterior": [1, 0, 0]}',
        '{"posterior": [' + "{}," * 300_000 + "1]}",
        '{"posterior": ["' + "x" * 2_000_000 + '"]}',
        "\ud800",
    ],
)
def test_answers_that_bring_down_parsers_are_no_answers(bomb: str, tmp_path: Path) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": bomb}
    score = score_saved(saved(tmp_path / "work.ipynb", code(output)), INSTANCE, tmp_path / "home")
    assert (score.status, score.validity, score.ability) == ("scored", 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"cells": 1, "nbformat": 4}',
        "[" * 100_000,
        "[" + "{}," * 3_000_000 + "{}]",
        '{"cells": [], "nbformat": 3}',
    ],
)
def test_what_is_no_notebook_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "work.ipynb"
    path.write_text(text)
    with pytest.raises(EvaluatorError, match="work"):
        score_saved(path, INSTANCE, tmp_path / "home")


def test_a_link_or_a_pipe_in_the_place_of_a_notebook_is_refused(tmp_path: Path) -> None:
    real = saved(tmp_path / "real.ipynb", code(stream(json.dumps(ANSWER))))
    (tmp_path / "link.ipynb").symlink_to(real)
    os.mkfifo(tmp_path / "pipe.ipynb")
    for name in ("link.ipynb", "pipe.ipynb"):
        with pytest.raises(EvaluatorError):
            score_saved(tmp_path / name, INSTANCE, tmp_path / "home")


def run(*words: str) -> Any:
    return CliRunner().invoke(app, words)


def test_the_command_scores_a_run_and_shows_it(rig: Any) -> None:
    script = rig.script(cells=[("import ground_truth", "")])
    script.answer = rig.oracle(script)
    rig.play(script)
    path = str(rig.run.path)
    shown = run("score", path)
    assert shown.exit_code == 0
    assert "strategic/bayesian_games" in shown.stdout
    assert "flagged" in shown.stderr
    said = json.loads(run("score", path, "--json").stdout)
    assert said["metrics"]["overall"]["mean_score"] == 1.0
    assert said["run"] == path


def test_the_command_scores_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCTOR_HOME", str(tmp_path / "home"))
    path = saved(tmp_path / "work.ipynb", code(stream(json.dumps(ANSWER))))
    words = ("score", "--notebook", str(path), "--instance", str(INSTANCE))
    assert "passed" in run(*words).stdout
    assert json.loads(run(*words, "--json").stdout)["passed"] is True


def test_wrong_words_and_failures_have_their_exit_codes(rig: Any, tmp_path: Path) -> None:
    assert isinstance(run("score").exception, UsageError)
    assert isinstance(run("score", "x", "--notebook", "y").exception, UsageError)
    assert run("score", str(tmp_path)).exception.exit_code == 3
    script = rig.script(preset="easy")
    rig.play(script)
    (rig.home / "secret.json").unlink()
    assert run("score", str(rig.run.path)).exception.exit_code == 5
    assert score_run(rig.run.path, rig.home).scores[0].ability is None
