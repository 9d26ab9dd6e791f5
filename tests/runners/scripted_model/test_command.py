"""`proctor scripted-model`, as a user runs it."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

PROCTOR = str(Path(sys.executable).parent / "proctor")


def proctor(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [PROCTOR, "scripted-model", *words], capture_output=True, text=True, check=False
    )


def serving(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [PROCTOR, "scripted-model", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_serves_tells_and_ends_at_a_signal():
    with serving("--script", "words", "--faults", "500", "--json") as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        assert {"claude", "codex", "gemini", "opencode", "qwen", "copilot"} <= set(told["clients"])
        assert all(told["url"] in lines for lines in told["clients"].values())
        body: Any = {"messages": [{"role": "user", "content": "Hello."}]}
        url = f"{told['url']}/v1/messages"
        assert [httpx.post(url, json=body).status_code for _ in range(2)] == [500, 200]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    first, second = (json.loads(line) for line in err.splitlines())
    assert (first["fault"], first["status"], second["said"]) == ("500", 500, "words")


def test_it_says_how_to_point_each_client_at_it(short_path: Path):
    with serving() as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert "any key will do" in lines[0]
    assert lines[2] == "claude:\n"
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:" in lines[3]
    assert process.returncode == 0


def test_it_lists_its_scripts():
    done = proctor("--list", "--json")
    assert {"solver", "pages", "builtin"} <= set(json.loads(done.stdout)["scripts"])
    assert "solver " in proctor("--list").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--script", "solvr"), "Did you mean solver?"),
        (("--faults", "429,cutt"), "Did you mean cut?"),
        (("--unix", "/nowhere/m"), "cannot listen at /nowhere/m"),
    ],
)
def test_bad_words_are_told_and_end_with_2(words: tuple[str, ...], said: str):
    done = proctor(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
