"""Writes the files of a report or a fit: each replaced atomically, stale ones removed."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from tasks import RecordError
from tasks._record import LocalDisk, save


def save_files(
    folder: Path, files: Mapping[str, bytes], stale: Iterable[str] = (), what: str = "report"
) -> list[Path]:
    """Write files below a folder.

    Args:
        folder: Made if it is not there.
        files: Content by path relative to it.
        stale: Names that an earlier report may have left; those not written now are removed.
        what: They are, for the message.

    Raises:
        RecordError: it cannot be written.
    """
    disk = LocalDisk()
    try:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            save(disk, path, data)
        for name in {*stale} - {*files}:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise RecordError(
            f"The {what} cannot be written to {folder}: {error.strerror or error}. Name a folder "
            "that you may write with --out."
        ) from error
    return [folder / name for name in files]
