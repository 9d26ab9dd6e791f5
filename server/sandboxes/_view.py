"""What of this machine's files a sealed room sees, as arguments for bubblewrap.

The system's `/usr`, the interpreter, its packages without ours, and the kit: all read-only, at
fixed paths under /opt, so that neither the layout of a home folder nor the place of a checkout
shows. Everything else is not hidden but absent.
"""

import importlib.metadata
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import server
import server.kit
from server.sandboxes._env import KIT, PYTHON, VENV
from tasks import SandboxError

_LOOSE = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")


@dataclass(frozen=True)
class Bind:
    """A folder of the host shown in the room, read-only."""

    source: Path
    target: str


@dataclass(frozen=True)
class View:
    """Bubblewrap's file arguments; `{data:…}` stands for a descriptor holding that text."""

    arguments: tuple[str, ...]
    packages: tuple[str, ...]
    """Further folders of packages, for PYTHONPATH."""


def view(hidden: Sequence[Path], *, masked: bool = True) -> View:
    """The room's files. `hidden` is covered wherever a folder above it is shown.

    Raises:
        SandboxError: the interpreter lies where it cannot be shown.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = list(package_folders())
    binds = [Bind(packages[0], f"{VENV}/lib/{version}/site-packages")]
    binds += [Bind(folder, f"/opt/site/{n}") for n, folder in enumerate(packages[1:])]
    base = Path(sys.base_prefix).resolve()
    inside = base == Path("/usr") or Path("/usr") in base.parents
    if not inside:
        binds.append(Bind(base, PYTHON))
    arguments = [*_system(), *parents(bind.target for bind in binds)]
    if inside:
        arguments += ["--symlink", str(base), PYTHON]
    for bind in binds:
        arguments += ["--ro-bind", str(bind.source), bind.target]
    arguments += _environment(base, version)
    arguments += ["--perms", "0755", "--dir", KIT]
    arguments += ["--ro-bind", str(_kit()), f"{KIT}/kit"]
    if masked:
        secret = [*hidden, *own_files()]
        for bind in [*binds, Bind(Path("/usr"), "/usr"), Bind(Path("/nix/store"), "/nix/store")]:
            arguments += _masks(bind, secret)
    return View(
        tuple(arguments), tuple(bind.target for bind in binds[1:] if "/site/" in bind.target)
    )


def own_files() -> list[Path]:
    """Everything of ours on this machine: the rooms' checkout, or their files among packages."""
    found: set[Path] = set()
    root = Path(server.__file__ or "").resolve().parent.parent
    if root not in [folder.resolve() for folder in package_folders()]:
        found.add(root)
    for distribution in importlib.metadata.distributions(name="proctor"):
        found |= set(_tops(distribution))
    return sorted(found)


def _tops(distribution: importlib.metadata.Distribution) -> Iterator[Path]:
    """What a distribution put among the packages: files, and whole folders."""
    for file in distribution.files or []:
        top, *rest = file.parts
        if top != "..":
            whole = file.parts if top == "__pycache__" or not rest else (top,)
            yield Path(str(distribution.locate_file("")), *whole)


def _kit() -> Path:
    return Path(server.kit.__file__ or "").resolve().parent


def package_folders() -> Iterator[Path]:
    """Folders of installed packages, the environment's own first."""
    seen: set[Path] = set()
    asked = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        asked.append(site.getusersitepackages())
    for path in asked:
        folder = Path(path)
        if folder.is_dir() and folder.resolve() not in seen:
            seen.add(folder.resolve())
            yield folder


def _system() -> list[str]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in _LOOSE:
        path = Path("/", name)
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    arguments += ["--ro-bind-try", "/nix/store", "/nix/store", "--perms", "0755", "--dir", "/etc"]
    for name in _ETC:
        arguments += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return arguments


def parents(targets: Iterable[str]) -> list[str]:
    """Make folders above the targets readable: bubblewrap makes them 0700 of its own accord."""
    made: list[str] = []
    for target in targets:
        for parent in reversed(Path(target).parents):
            if str(parent) not in ("/", *made):
                made.append(str(parent))
    return [word for path in made for word in ("--perms", "0755", "--dir", path)]


def _environment(base: Path, version: str) -> list[str]:
    """A virtual environment of the room's own around the packages shown."""
    executable = Path(sys.executable).resolve()
    try:
        program = f"{PYTHON}/{executable.relative_to(base)}"
    except ValueError as error:
        raise SandboxError(
            f"The interpreter {executable} does not lie below its prefix {base}, so a sealed room "
            "cannot be shown it. Use a Python from python.org, uv, pyenv, conda or your system."
        ) from error
    arguments = ["--perms", "0755", "--dir", f"{VENV}/bin", "--symlink", "lib", f"{VENV}/lib64"]
    for name in ("python", "python3", version):
        arguments += ["--symlink", program, f"{VENV}/bin/{name}"]
    config = f"home = {Path(program).parent}\ninclude-system-site-packages = false\n"
    return [
        *arguments,
        "--perms",
        "0644",
        "--ro-bind-data",
        f"{{data:{config}}}",
        f"{VENV}/pyvenv.cfg",
    ]


def _masks(bind: Bind, secret: Sequence[Path]) -> list[str]:
    arguments: list[str] = []
    source = bind.source.resolve()
    for path in secret:
        real = path.resolve()
        if source not in real.parents or not real.exists():
            continue
        target = f"{bind.target}/{real.relative_to(source)}"
        if real.is_dir():
            arguments += ["--perms", "0000", "--size", "4096", "--tmpfs", target]
            arguments += ["--remount-ro", target]
        else:
            arguments += ["--perms", "0444", "--ro-bind-data", "{data:}", target]
    return arguments
