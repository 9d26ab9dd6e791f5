"""Starting a daemon in the background and hearing, exactly, how it went.

The child gets its options as one JSON argument and one end of a pipe. It writes JSON lines to it:
`{"doors": true}` once shims may connect, then `{"ok": info}` when its house is open, or
`{"error": {kind, text}}`. A child that dies without a word is told by its exit status and the end
of `daemon.out`.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from server.state import DaemonInfo, StateFolder
from tasks import DaemonError, Frozen, ProctorError, SandboxError, UsageError

START_S = 120.0
"""How long a daemon may take to start (probing sandboxes, importing torch once)."""

C = TypeVar("C")

TierName = Literal["auto", "zygote", "bwrap", "landlock", "none"]

_INHERITED = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "PATH",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
)
_KINDS: Mapping[str, type[ProctorError]] = {
    kind.__name__: kind for kind in (DaemonError, SandboxError, UsageError)
}


class DaemonOptions(Frozen):
    """What a daemon is started with."""

    home: Path
    runs: Path
    """Where practice runs are written; graded attempts name their own run folder."""
    sandbox: TierName = "auto"
    """`none` is `--no-sandbox`."""
    port: int = 0
    """Loopback port of streamable HTTP; 0: any free one."""
    idle_exit_s: float = 3600.0
    """Seconds without an attempt, a session and a connection after which it ends; 0: never."""
    open: bool = False
    """Practice over loopback HTTP needs no token."""
    spares: int = 1
    """Kernels kept warm for the next attempt."""


def start_daemon(options: DaemonOptions, *, wait_s: float = START_S) -> DaemonInfo:
    """Return the daemon of `options.home`, started now if there is none, once its house is open.

    Raises:
        DaemonError: it did not start, or the one that runs has another sandbox than was asked.
        SandboxError: no sandbox passed its probe; the text says what to install.
    """
    state = StateFolder(options.home)
    deadline = time.monotonic() + wait_s
    info = state.info()
    while info is None:
        if state.held():
            # Another process starts one right now: its note is coming, or its death.
            _pause(deadline, state)
        else:
            with _Newborn(options, state, deadline) as newborn:
                info = newborn.house()
        info = info or state.info()
    return _fitting(info, options)


def reach(options: DaemonOptions, dial: Callable[[], C], *, wait_s: float = START_S) -> C:
    """Return what `dial` gives once the doors of `options.home` are open, its house open or not.

    A daemon is started if there is none. `dial` raises ConnectionError or FileNotFoundError while
    nobody answers.

    Raises:
        DaemonError: it did not start.
        SandboxError: it ended at once, because no sandbox passed its probe.
    """
    state = StateFolder(options.home)
    deadline = time.monotonic() + wait_s
    while (connection := _dialled(dial)) is None:
        if state.held():
            _pause(deadline, state)
            continue
        with _Newborn(options, state, deadline) as newborn:
            if newborn.doors() and (connection := _dialled(dial)) is None:
                newborn.house()  # its doors have closed again: its next word says why
        if connection is not None:
            break
    return connection


def _dialled(dial: Callable[[], C]) -> C | None:
    try:
        return dial()
    except (FileNotFoundError, ConnectionError):
        return None


def _fitting(info: DaemonInfo, options: DaemonOptions) -> DaemonInfo:
    asked, has = options.sandbox, info.tier
    if asked == has or (asked == "auto" and has != "none"):
        return info
    wanted = "a sandboxed one" if asked == "auto" else f"--sandbox {asked}"
    raise DaemonError(
        f"The daemon of {options.home} (pid {info.pid}) runs kernels with sandbox `{has}`, but "
        f"{wanted} was asked for. Stop it with `proctor serve stop`, or set PROCTOR_HOME to "
        "another folder."
    )


class _Newborn:
    """A daemon that was started just now, and the pipe in which it says how that goes."""

    def __init__(self, options: DaemonOptions, state: StateFolder, deadline: float) -> None:
        state.prepare()
        self._state = state
        self._deadline = deadline
        heard, spoken = os.pipe()
        # Unbuffered: what select sees is what is there.
        self._pipe = os.fdopen(heard, "rb", buffering=0)
        try:
            with state.output.open("wb") as output:
                self._child = subprocess.Popen(
                    # -P: nothing in the folder we stand in can shadow our modules.
                    [sys.executable, "-P", "-m", "server.daemon", options.model_dump_json()],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=state.home,
                    env={**_environment(os.environ), "PROCTOR_READY_FD": str(spoken)},
                    pass_fds=(spoken,),
                    start_new_session=True,
                )
        finally:
            os.close(spoken)

    def __enter__(self) -> "_Newborn":
        return self

    def __exit__(self, *raised: object) -> None:
        self._pipe.close()
        # It may outlive us; where it does not, it must not stay behind as a zombie.
        threading.Thread(target=self._child.wait, daemon=True).start()

    def doors(self) -> bool:
        """Wait until shims may connect; False if another daemon was quicker.

        Raises:
            ProctorError: it did not start; its own words.
        """
        return self._word() is not None

    def house(self) -> DaemonInfo | None:
        """Wait for the open house; None if another daemon was quicker.

        Raises:
            ProctorError: it did not start; its own words.
        """
        word = self._word()
        while word is not None and "ok" not in word:
            word = self._word()
        return None if word is None else DaemonInfo.model_validate(word["ok"])

    def _word(self) -> dict[str, Any] | None:
        left = max(0.0, self._deadline - time.monotonic())
        ready, _, _ = select.select([self._pipe], [], [], left)
        if not ready:
            os.killpg(self._child.pid, signal.SIGKILL)
            raise DaemonError(f"The daemon did not start in time. {_tail(self._state)}")
        line = self._pipe.readline()
        if not line:
            status = self._child.wait()
            raise DaemonError(
                f"The daemon died while starting (exit status {status}). {_tail(self._state)}"
            )
        word = json.loads(line)
        if "error" not in word:
            return word
        self._child.wait()
        fault = word["error"]
        if fault["kind"] == "DaemonError" and self._state.held():
            return None  # lost the race to start: the winner is what the caller wants
        raise _KINDS.get(fault["kind"], DaemonError)(fault["text"])


def _pause(deadline: float, state: StateFolder) -> None:
    if time.monotonic() > deadline:
        raise DaemonError(
            f"Some process holds {state.lock_file} but no daemon answers in {state.home}. "
            "`proctor serve stop` ends it."
        )
    time.sleep(0.02)


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    # An agent CLI's environment holds keys of model providers; the daemon has no use for them.
    return {name: inherited[name] for name in _INHERITED if name in inherited}


def _tail(state: StateFolder) -> str:
    try:
        text = state.output.read_text(errors="replace").strip()
    except OSError:
        text = ""
    return f"Its last words: {text[-2000:]}" if text else f"Its log is {state.log}."
