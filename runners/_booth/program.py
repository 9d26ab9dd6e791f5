"""Where a CLI lies on this machine, which version it is, and what of it a booth must show."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from runners._booth.declaration import CliTool

_SYSTEM = (Path("/usr"), Path("/bin"), Path("/nix/store"))
SHOWN = "/opt/cli"
"""Where the booth shows what is not of the system."""


@dataclass(frozen=True)
class Program:
    """An installed CLI."""

    path: Path
    """Resolved; what is started where there is no sandbox."""
    inside: str
    """The same file as the booth shows it."""
    binds: tuple[tuple[Path, str], ...]
    """What the booth must show, read-only: (here, there)."""


def found(tool: CliTool, environ: Mapping[str, str]) -> Program | None:
    """The CLI on the PATH of `environ`; None if it is not installed."""
    path = shutil.which(tool.program, path=environ.get("PATH", os.defpath))
    if path is None:
        return None
    real = Path(path).resolve()
    inside, binds = _shown(real)
    return Program(real, inside, (*binds, *_node(environ)))


def version(tool: CliTool, program: Program) -> str:
    """Its version: of its npm package, else as it says itself; '' if neither tells."""
    for folder in program.path.parents:
        package = folder / "package.json"
        if package.is_file():
            told = json.loads(package.read_text())
            if told.get("name") == tool.package:
                return str(told.get("version", ""))
    return _spoken(program.path, program.path.stat().st_mtime_ns)


def _shown(real: Path) -> tuple[str, tuple[tuple[Path, str], ...]]:
    if _of_system(real):
        return str(real), ()
    # An npm package needs those beside it: the whole outermost node_modules, nothing around it.
    modules = [folder for folder in real.parents if folder.name == "node_modules"]
    if modules:
        root = modules[-1]
        there = f"{SHOWN}/node_modules"
        return f"{there}/{real.relative_to(root).as_posix()}", ((root, there),)
    there = f"{SHOWN}/bin/{real.name}"
    return there, ((real, there),)


def _node(environ: Mapping[str, str]) -> tuple[tuple[Path, str], ...]:
    path = shutil.which("node", path=environ.get("PATH", os.defpath))
    if path is None or _of_system(Path(path).resolve()):
        return ()
    return ((Path(path).resolve(), f"{SHOWN}/node/bin/node"),)


def _of_system(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in _SYSTEM)


@lru_cache
def _spoken(path: Path, changed: int) -> str:
    """First word with a dot and a digit that `--version` says; asked once a file and change."""
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    words = done.stdout.split()
    return next((word for word in words if "." in word and word[:1].isdigit()), "")
