"""What was played elsewhere comes home: parcels, sent whole to a folder that fsspec reaches.

A parcel is the run folder of one sitting: its record, notebook, outputs, and what was set aside on
the way. It is sent to a place of its own, `parcel.json` (every file's size and hash) last, so that
half a parcel is no parcel. The runner alone puts parcels into the run folder: it checks every
hash, then moves the parts, the attempt's own folder last and in one step. So a sitting that was
played twice, by a machine that was thought to be lost, is still counted once.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import tenacity
from fsspec.core import url_to_fs  # pyright: ignore[reportUnknownVariableType]
from pydantic import AfterValidator, ValidationError

from runners._ledger import Ledger
from runners._plan import Sitting
from tasks import Frozen, RecordError, UsageError
from tasks._record import LocalDisk, RunFolder

MANIFEST = "parcel.json"
TRIES = 5
"""How often a file is sent or fetched before its error is told."""
_PERMANENT = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError)
_BLOCK = 1 << 20


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{name!r} does not lie within a parcel")
    return name


class Entry(Frozen):
    """One file of a parcel."""

    size: int
    """Bytes."""
    sha256: str


class Manifest(Frozen):
    """parcel.json: what a whole parcel holds."""

    version: int = 1
    files: dict[Annotated[str, AfterValidator(_inside)], Entry]


@dataclass(frozen=True)
class Depot:
    """A folder on any file system that fsspec speaks to."""

    fs: Any
    """The `fsspec.AbstractFileSystem`."""
    root: str
    pause: Callable[[tenacity.RetryCallState], float] = field(
        default=tenacity.wait_random_exponential(multiplier=0.5, max=20)
    )
    """Seconds before a file is tried again."""

    @classmethod
    def at(cls, url: str) -> "Depot":
        """The folder at a URL (`s3://…`, `gs://…`, `memory://…`) or a path.

        Raises:
            UsageError: no file system goes by that name, or its package is missing.
        """
        try:
            fs, root = url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise UsageError(
                f"{url!r} cannot be reached: {error}. Name a folder, or a URL whose file system "
                "fsspec knows (`s3://` needs `pip install s3fs`)."
            ) from error
        return cls(fs, str(root).rstrip("/"))

    @property
    def local(self) -> bool:
        """Whether its root is a path of this machine."""
        return "file" in self.fs.protocol

    def below(self, *names: str) -> "Depot":
        """A folder in this one."""
        return Depot(self.fs, "/".join([self.root, *names]), self.pause)

    def names(self) -> list[str]:
        """Every file below, relative, sorted; none if there is no such folder."""
        self.fs.invalidate_cache()
        return sorted(str(path)[len(self.root) + 1 :] for path in self.fs.find(self.root))

    def folders(self) -> list[str]:
        """Names of the folders in this one, sorted."""
        self.fs.invalidate_cache()
        if not self.fs.exists(self.root):
            return []
        found = [one for one in self.fs.ls(self.root, detail=True) if one["type"] == "directory"]
        return sorted(str(one["name"]).rstrip("/").rpartition("/")[2] for one in found)

    def holds(self, name: str) -> bool:
        """Whether there is a file of that name in it."""
        self.fs.invalidate_cache()
        return bool(self.fs.exists(f"{self.root}/{name}"))

    def put(self, source: Path, name: str) -> None:
        """Send one file; its size there is what it is here when this returns.

        Raises:
            OSError: it could not be sent, however often it was tried.
        """
        self._again(self._put, source, name)

    def write(self, data: bytes, name: str) -> None:
        """Send bytes as one file."""
        self._again(self._write, data, name)

    def read(self, name: str) -> bytes:
        """The content of one file.

        Raises:
            FileNotFoundError: there is none.
        """
        return self._again(self.fs.cat_file, f"{self.root}/{name}")

    def fetch(self, name: str, target: Path) -> None:
        """Copy one file to this machine; its folder is made."""
        target.parent.mkdir(parents=True, exist_ok=True)
        self._again(self.fs.get_file, f"{self.root}/{name}", str(target))

    def remove(self) -> None:
        """Delete this folder with all that is in it; one that is not there is fine."""
        if self.fs.exists(self.root):
            self.fs.rm(self.root, recursive=True)

    def drop(self, name: str) -> None:
        """Delete one file; one that is not there is fine."""
        if self.holds(name):
            self.fs.rm_file(f"{self.root}/{name}")

    def _put(self, source: Path, name: str) -> None:
        path = f"{self.root}/{name}"
        self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.fs.put_file(str(source), path)
        self.fs.invalidate_cache()
        there, here = self.fs.info(path)["size"], source.stat().st_size
        if there != here:
            raise OSError(f"{path} has {there} bytes instead of {here}")

    def _write(self, data: bytes, name: str) -> None:
        path = f"{self.root}/{name}"
        self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.fs.pipe_file(path, data)

    def _again(self, call: Callable[..., Any], *arguments: object) -> Any:
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(TRIES),
            wait=self.pause,
            retry=tenacity.retry_if_exception(_passing),
            reraise=True,
        )
        return retrying(call, *arguments)


def _passing(error: BaseException) -> bool:
    return isinstance(error, OSError) and not isinstance(error, _PERMANENT)


def send(folder: Path, depot: Depot) -> Manifest:
    """Send the run folder of one sitting; the manifest last.

    Links and what is no regular file stay behind; so do the folder's own notes.

    Raises:
        OSError: the depot did not take it.
    """
    files: dict[str, Entry] = {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        files[name] = Entry(size=path.stat().st_size, sha256=_hash(path))
        depot.put(path, name)
    manifest = Manifest(files=files)
    depot.write(manifest.model_dump_json(indent=1).encode(), MANIFEST)
    return manifest


def receive(depot: Depot, target: Path) -> bool:
    """Fetch a parcel into `target`, every file's hash checked; False if there is no whole one.

    Raises:
        RecordError: a file is not what the manifest says.
    """
    try:
        manifest = Manifest.model_validate_json(depot.read(MANIFEST))
    except FileNotFoundError:
        return False
    except ValidationError as error:
        raise RecordError(f"{depot.root}/{MANIFEST} is not a parcel's list: {error}") from error
    for name, entry in manifest.files.items():
        path = target / name
        if not _lies_there(depot, target):
            depot.fetch(name, path)
        _check(path, entry)
    return True


def commit(parcel: Path, ledger: Ledger, sitting: Sitting) -> None:
    """Move a parcel's parts into the run folder; the attempt's own folder last, in one step.

    The place of the sitting must be free (`Ledger.set_aside`). Doing it again after it was cut
    short mends it.
    """
    place, mine = ledger.place(sitting), Ledger(RunFolder(parcel)).place(sitting)
    for aside in sorted((parcel / "cut" / place.slug).glob(f"{place.n}-*")):
        _move(aside, ledger._free(place))
    _move(mine.outputs, place.outputs)
    _move(parcel / mine.notebook, ledger.path / place.notebook)
    _move(mine.path, place.path)
    LocalDisk().sync_folder(place.path.parent)
    shutil.rmtree(parcel)


def _move(source: Path, target: Path) -> None:
    if not source.exists():
        return
    # What lies there is of a commit that was cut short: the attempt's folder comes last.
    if target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def _files(folder: Path) -> Iterator[Path]:
    for part in ("attempts", "notebooks", "outputs", "cut"):
        for path in sorted((folder / part).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path


def _lies_there(depot: Depot, target: Path) -> bool:
    return depot.local and Path(depot.root) == target


def _check(path: Path, entry: Entry) -> None:
    size = path.stat().st_size if path.exists() else 0
    if size != entry.size or _hash(path) != entry.sha256:
        raise RecordError(
            f"{path} is not what was sent ({size} bytes, {entry.size} were sent): its parcel was "
            "changed on the way. The same command plays the sitting again."
        )
    _sync(path)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
