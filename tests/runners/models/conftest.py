"""API agents at the real server: one daemon a module, a run for each command."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PROCTOR = Path(sys.executable).parent / "proctor"


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory, shared_home: Path) -> Callable[..., Any]:
    """Runs `proctor run FAMILY --agents …`; gives each agent's result by its name.

    After the agents may come options.
    """

    def run(family: str, *words: str, env: dict[str, str] | None = None) -> dict[str, Any]:
        folder = tmp_path_factory.mktemp("runs")
        first = next((at for at, one in enumerate(words) if one.startswith("--")), len(words))
        agents, options = ",".join(words[:first]), words[first:]
        asked = ["run", family, "--agents", agents, "--no-sandbox", "--json", *options]
        done = subprocess.run(
            [PROCTOR, *asked, "--runs", str(folder)],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "PROCTOR_HOME": str(shared_home),
                "OMP_NUM_THREADS": "1",
                **(env or {}),
            },
            cwd="/",
            timeout=240,
            check=False,
        )
        assert done.stdout, done.stderr
        return {run["agent"]: run for run in json.loads(done.stdout)["runs"]}

    return run


@pytest.fixture
def played() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What the runner wrote of a run's only attempt."""

    def read(run: dict[str, Any]) -> dict[str, Any]:
        (note,) = Path(run["folder"]).glob("attempts/*/*/played.json")
        return json.loads(note.read_text())

    return read


@dataclass
class Canned:
    """A provider that answers from a list, and notes what it was asked."""

    answers: list[tuple[int, dict[str, str], str]]
    """Status, headers, body, one a request (the last again and again); `{key}` is the request's."""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Path, headers in lower case, and body of each request."""
    url: str = ""


@pytest.fixture
def canned() -> Iterator[Callable[..., Canned]]:
    """Starts canned providers on loopback."""
    servers: list[ThreadingHTTPServer] = []

    def start(*answers: tuple[int, dict[str, str], str]) -> Canned:
        provider = Canned(list(answers))

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                provider.asked.append(
                    {"path": self.path, "headers": headers, "body": json.loads(body)}
                )
                place = min(len(provider.asked), len(provider.answers)) - 1
                status, more, text = provider.answers[place]
                names = ("authorization", "x-api-key", "x-goog-api-key")
                found = [headers[name] for name in names if name in headers]
                key = found[0].removeprefix("Bearer ") if found else ""
                data = text.replace("{key}", key).encode()
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value.replace("{key}", key))
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        provider.url = f"http://127.0.0.1:{server.server_port}"
        return provider

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
