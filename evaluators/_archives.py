"""Archives of runs: one .tar.gz, the same bytes for the same files, checked back after writing.

Members are sorted and carry no times, owners or modes, so that two archives of one run are equal.
The first member, MANIFEST.json, holds the SHA-256 of every other. Archives are read with care:
regular files only, no path that leads out, size caps.
"""

import gzip
import hashlib
import io
import json
import stat
import tarfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from tasks import RecordError, UsageError
from tasks._record import RunFolder, dump

SUFFIX = ".tar.gz"
MANIFEST = "MANIFEST.json"
_BLOCK = 1 << 20
_MAX_MANIFEST = 64 << 20
_MAX_MEMBER = 1 << 30


@dataclass(frozen=True)
class Archive:
    """An archive that was written and read back."""

    path: Path
    files: int
    bytes: int
    """Size of the archive."""
    sha256: str
    """Of the archive."""
    skipped: tuple[str, ...]
    """What lay in the run but is no regular file."""


def write_archive(run: RunFolder, target: Path) -> Archive:
    """Pack a run into `target` and compare every member with the run's files.

    Raises:
        UsageError: `target` exists.
        RecordError: it could not be written, or the run changed meanwhile; no archive is left.
    """
    if target.exists():
        raise UsageError(f"{target} exists already; an archive never overwrites. Name another.")
    draft = target.with_name(f".{target.name}.tmp")
    try:
        files, skipped = _files(run.path)
        manifest = {name: _digest(path) for name, path in files.items()}
        _pack(draft, run.path.name, files, manifest)
        with open_archive(draft) as (unpacked, _):
            changed = [n for n, p in files.items() if _digest(unpacked.path / n) != _digest(p)]
        if changed:
            raise RecordError(f"{run.path} changed while it was archived: {', '.join(changed)}.")
        draft.replace(target)
    except OSError as error:
        raise RecordError(f"{target} could not be written: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return Archive(target, len(files), target.stat().st_size, _digest(target), tuple(skipped))


@contextmanager
def open_archive(path: Path) -> Generator[tuple[RunFolder, Mapping[str, str]]]:
    """Unpack an archive into a temporary folder, checking every member against the manifest.

    Yields:
        The unpacked run, and the manifest (SHA-256 by relative path).

    Raises:
        RecordError: it is not an archive of ours, or a member is missing, extra or changed.
    """
    with TemporaryDirectory(prefix="proctor-") as scratch:
        try:
            name, manifest = _unpack(path, Path(scratch))
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            raise RecordError(f"{path} is not an archive of a run: {error}.") from error
        yield RunFolder(Path(scratch) / name), manifest


def _pack(target: Path, root: str, files: Mapping[str, Path], manifest: Mapping[str, str]) -> None:
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        data = dump(manifest)
        tar.addfile(_member(f"{root}/{MANIFEST}", len(data)), io.BytesIO(data))
        for name, path in files.items():
            with path.open("rb") as file:
                tar.addfile(_member(f"{root}/{name}", path.stat().st_size), file)


def _member(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info


def _unpack(path: Path, scratch: Path) -> tuple[str, dict[str, str]]:
    seen: set[str] = set()
    with tarfile.open(path, mode="r:gz") as tar:
        first = tar.next()
        root = "" if first is None else PurePosixPath(first.name).parts[0]
        manifest = _manifest(tar, first, root)
        for info in tar:
            if info is first:
                continue
            name = _inner(info, root)
            if name in seen or name not in manifest:
                raise ValueError(f"{info.name} is not in its manifest")
            seen.add(name)
            target = scratch / root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = tar.extractfile(info)
            assert source is not None
            if _copy(source, target) != manifest[name]:
                raise ValueError(f"{info.name} is not the file that was archived")
    missing = sorted(set(manifest) - seen)
    if missing:
        raise ValueError(f"{', '.join(missing)} are missing")
    return root, manifest


def _manifest(tar: tarfile.TarFile, first: tarfile.TarInfo | None, root: str) -> dict[str, str]:
    if first is None or _inner(first, root) != MANIFEST or first.size > _MAX_MANIFEST:
        raise ValueError(f"it does not begin with {MANIFEST}")
    source = tar.extractfile(first)
    assert source is not None
    raw = json.loads(source.read())
    if not isinstance(raw, dict) or not all(isinstance(v, str) for v in raw.values()):
        raise ValueError(f"{MANIFEST} is not a manifest")
    return {str(name): str(value) for name, value in raw.items()}


def _inner(info: tarfile.TarInfo, root: str) -> str:
    parts = PurePosixPath(info.name).parts
    inside = len(parts) > 1 and parts[0] == root and root not in (".", "..", "/")
    if not inside or ".." in parts or not info.isreg() or info.size > _MAX_MEMBER:
        raise ValueError(f"{info.name} is not a plain file within one folder")
    return "/".join(parts[1:])


def _copy(source: IO[bytes], target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(root: Path) -> tuple[dict[str, Path], list[str]]:
    files: dict[str, Path] = {}
    skipped: list[str] = []
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            files[path.relative_to(root).as_posix()] = path
        elif not stat.S_ISDIR(mode):
            skipped.append(path.relative_to(root).as_posix())
    return files, skipped
