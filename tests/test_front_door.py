"""The command line as its users meet it: a process, its output, its exit code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proctor import VERBS, main
from tasks import family

ROOT = Path(__file__).parents[1]
PROCTOR = Path(sys.executable).parent / "proctor"
PAIRS: list[tuple[str, ...]] = [
    ("tasks", "list"),
    ("tasks", "show"),
    ("tasks", "check"),
    ("runs", "list"),
    ("runs", "show"),
    ("runs", "delete"),
    ("runs", "archive"),
    ("runs", "verify"),
    ("serve", "start"),
    ("serve", "stop"),
    ("serve", "status"),
    ("serve", "logs"),
    ("secret", "show"),
    ("secret", "create"),
    ("secret", "rotate"),
    ("secret", "backup"),
    ("secret", "restore"),
    ("robustness", "run"),
    ("robustness", "summarise"),
    ("robustness", "list-variants"),
    ("inspect", "failures"),
    ("inspect", "tools"),
    ("stats", "power"),
    ("stats", "compare"),
    ("stats", "summary"),
    ("irt", "fit"),
    ("irt", "design"),
    ("irt", "models"),
    ("irt", "diagnose"),
    ("irt", "predict"),
    ("irt", "link"),
    ("irt", "convert"),
    ("irt", "next"),
    ("irt", "simulate"),
    ("export", "harbor"),
    ("export", "serve"),
    ("demo",),
    ("run",),
    ("score",),
    ("table",),
    ("compare",),
    ("leaderboard",),
    ("card",),
    ("report",),
    ("replay",),
    ("connect",),
    ("doctor",),
]


def proctor(*words: str | Path, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROCTOR, *words],
        capture_output=True,
        text=True,
        cwd=cwd or "/",
        timeout=100,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"},
    )


def test_help_names_every_verb_and_the_exit_codes():
    done = proctor("--help")
    assert done.returncode == 0
    said = " ".join(done.stdout.split())
    assert all(verb in said for verb in VERBS)
    assert "Exit codes: 0 done" in said
    assert "130 interrupted" in said


@pytest.mark.parametrize("words", PAIRS, ids=" ".join)
def test_every_verb_has_help_with_an_example(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
):
    for asked in {words, words[:1]}:
        with pytest.raises(SystemExit) as ended:
            main([*asked, "--help"])
        assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "Example" in said
    assert f"proctor {' '.join(words)}" in " ".join(said.split())


def test_version():
    done = proctor("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("proctor ")


def test_shell_completion_knows_the_verbs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("_PROCTOR_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "proctor ta")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert proctor().stdout.split() == ["tasks", "table"]
    monkeypatch.setenv("COMP_WORDS", "proctor tasks ")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert proctor().stdout.split() == ["list", "show", "check"]


def test_tasks_list_says_one_json_object_and_nothing_else(home: Path):
    done = proctor("tasks", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    names = [task["name"] for task in json.loads(done.stdout)["tasks"]]
    assert {"strategic/bayesian_games", "interp/one_head"} <= set(names)


def test_tasks_show_gives_the_brief_of_a_public_instance(home: Path):
    done = proctor("tasks", "show", "strategic/bayesian_games", "--seed", "7", "--json")
    shown = json.loads(done.stdout)
    version = family("strategic/bayesian_games").version
    assert shown["brief"]["instance"] == f"strategic/bayesian_games@{version}:easy:public:7"
    assert shown["brief"]["stamp"] == "practice"
    assert "posterior" in shown["brief"]["answer_schema"]["properties"]
    people = proctor("tasks", "show", "strategic/bayesian_games", "--seed", "7")
    assert "What is asked" in people.stdout


def test_tasks_check_says_in_words_what_holds(home: Path):
    done = proctor("tasks", "check", "strategic/bayesian_games", "--json")
    assert done.returncode == 0
    said = json.loads(done.stdout)
    assert said["broken"] == 0
    assert all(" " in check["promise"] for check in said["checks"])


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("tsks",), 2, "Did you mean 'tasks'"),
        (("tasks", "show", "strategic/bayesian"), 2, "Did you mean strategic/bayesian_games"),
        (("tasks", "list", "strategi"), 2, "Did you mean strategic"),
        (("run", "strategc"), 2, "Did you mean strategic"),
        (("run", "strategic", "--agents", "solvr"), 2, "Did you mean solver"),
        (("run", "strategic", "--agents", ","), 2, "agent"),
        (("run", "strategic", "--preset", "eazy"), 2, "Did you mean easy"),
        (("run", "strategic", "--sandbox", "zygot"), 2, "Did you mean zygote"),
        (("run", "strategic", "--n", "0"), 2, "--n"),
        (("score", "/nowhere"), 3, "/nowhere"),
        (("runs", "verify", "nothing-here"), 2, "nothing-here"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_mistakes_are_told_in_one_message(words: tuple[str, ...], code: int, text: str, home: Path):
    done = proctor(*words, cwd=home)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert text in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_traceback_is_shown_on_request_only(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PROCTOR_DEBUG", "1")
    assert "Traceback" in proctor("tasks", "show", "nothing").stderr


def test_the_shim_is_dispatched_before_anything_heavy():
    code = (
        "import sys, runpy; sys.argv = ['proctor', 'connect', '--stdio'];\n"
        "import server.shim; server.shim.main = lambda: 0\n"
        "import proctor\n"
        "try:\n    proctor.main()\nexcept SystemExit as end:\n    print(end.code)\n"
        "print(sorted({'typer', 'mcp', 'pydantic', 'torch', 'anyio'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd="/", check=True
    )
    assert done.stdout.split("\n")[:2] == ["0", "[]"]


def test_the_python_face():
    import proctor as face

    config = face.EvalConfig(suite="strategic", agents=("nop",))
    assert config.n == 1
    with pytest.raises(AttributeError, match="no attribute 'EvalConfg'"):
        _ = face.EvalConfg  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("script", ["run_strategic.sh", "run_circuits.sh"])
def test_shell_runners_are_posix_and_pass_everything_on(script: str, home: Path):
    path = ROOT / "runners" / script
    shell = shutil.which("dash") or "/bin/sh"
    done = subprocess.run(
        [shell, path, "--agents", "solvr"], capture_output=True, text=True, check=False, cwd=home
    )
    assert done.returncode == 2
    assert "Did you mean solver" in done.stderr
    assert os.access(path, os.X_OK)
