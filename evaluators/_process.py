"""Runs the score process and survives it.

Covers: scoring happens in a process of its own that never ran agent code, started with `python -I`
(no PYTHON* variables, no user site, nothing of the working directory), an empty environment, `/` as
its directory, limits on memory and processor time, and no right to write files; its verdict comes
back over a pipe that no agent ever had. If it dies or hangs on one request, that request fails and
the next one gets a fresh process. Does not cover: a hostile *unit* (family, truth or measure): that
is the operator's own code.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tasks import JSON, EvaluatorError, Frozen

MAX_REPLY = 16 * 2**20
"""Bytes of one reply."""
_ROOT = Path(__file__).resolve().parent.parent
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from evaluators._child import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]))"
)
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LC_ALL": "C.UTF-8",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class ProcessLimits(Frozen):
    """What the score process may use."""

    memory_mb: int = 4096
    """Private writable memory (RLIMIT_DATA)."""
    cpu_s: int = 3600
    """Processor time of one process, over all its requests."""
    wall_s: float = 300.0
    """Wall time of one request."""


class ScoreProcess:
    """A score process that is started when first asked and anew after it died."""

    def __init__(self, limits: ProcessLimits | None = None) -> None:
        self._limits = limits or ProcessLimits()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Process id of the child, if one is alive."""
        return None if self._child is None else self._child.pid

    def ask(self, request: Mapping[str, JSON]) -> JSON:
        """Send one request and wait for its value.

        Raises:
            EvaluatorError: the process refused, died, or took longer than it may.
        """
        child = self._start()
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            reply = json.loads(self._line(child))
        except (OSError, ValueError) as error:
            raise EvaluatorError(f"The score process died ({self._end()}): {error}") from error
        if "error" in reply:
            raise EvaluatorError(f"The score process failed: {reply['error']}")
        return reply["value"]

    def stop(self) -> None:
        """End the child at once."""
        self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is not None:
            self._end()
        if self._child is None:
            numbers = [str(self._limits.memory_mb), str(self._limits.cpu_s)]
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", _BOOT, str(_ROOT), *numbers],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_ENVIRONMENT,
            )
        return self._child

    def _line(self, child: subprocess.Popen[bytes]) -> bytes:
        assert child.stdout is not None
        deadline = time.monotonic() + self._limits.wall_s
        data = b""
        while not data.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                raise OSError(f"no reply within {self._limits.wall_s:g} s")
            piece = os.read(child.stdout.fileno(), 1 << 16)
            data += piece
            if not piece or len(data) > MAX_REPLY:
                raise OSError("its reply was cut" if not piece else "its reply was too long")
        return data

    def _end(self) -> str:
        child, self._child = self._child, None
        if child is None:
            return "it had not started"
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                _close(pipe)
        return f"exit status {child.wait()}"


def _close(pipe: object) -> None:
    try:
        pipe.close()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - IO
    except OSError:
        return
