"""Starting a daemon in the background and hearing, exactly, how it went.

The child gets its options as one JSON argument and one end of a pipe. It writes one JSON line to
it: `{"ok": info}` once every socket answers, or `{"error": {kind, text, exit_code}}`. A child that
dies without a word is told by its exit status and the end of `daemon.out`.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from server.state import DaemonInfo, StateFolder
from tasks import DaemonError, Frozen, ProctorError, SandboxError, UsageError

START_S = 120.0
"""How long a daemon may take to start (probing sandboxes, importing torch once)."""

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
    """Return the daemon of `options.home`, started now if there is none.

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
            info = _spawn(options, state, deadline)
        info = info or state.info()
    return _fitting(info, options)


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


def _spawn(options: DaemonOptions, state: StateFolder, deadline: float) -> DaemonInfo | None:
    state.prepare()
    heard, spoken = os.pipe()
    try:
        with state.output.open("wb") as output:
            child = subprocess.Popen(
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
    with os.fdopen(heard, "rb") as pipe:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        word = pipe.readline() if ready else None
    if word is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise DaemonError(f"The daemon did not start in time. {_tail(state)}")
    return _verdict(word, child, state)


def _verdict(
    word: bytes, child: "subprocess.Popen[bytes]", state: StateFolder
) -> DaemonInfo | None:
    if not word:
        status = child.wait()
        raise DaemonError(f"The daemon died while starting (exit status {status}). {_tail(state)}")
    message = json.loads(word)
    if "ok" in message:
        # The daemon may outlive us; where it does not, it must not stay behind as a zombie.
        threading.Thread(target=child.wait, daemon=True).start()
        return DaemonInfo.model_validate(message["ok"])
    child.wait()
    fault = message["error"]
    if fault["kind"] == "DaemonError" and state.held():
        return None  # lost the race to start: the winner's note is what the caller wants
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
