"""Files an agent left in `outputs/`, brought out of a room before it is destroyed.

A room is hostile: names and sizes are the agent's. Folders are read through the room's own
descriptors (no links, regular files only), and what is over a cap stays behind, named.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.sandboxes import Box
from tasks import SandboxError

FOLDER = "outputs"
MAX_FILES = 200
MAX_FILE = 20 * 2**20
"""Bytes."""
MAX_TOTAL = 100 * 2**20
"""Bytes."""
MAX_DEPTH = 4
MAX_SEEN = 2_000
"""Names looked at."""


@dataclass
class Handed:
    """What was brought out."""

    files: int = 0
    size: int = 0
    left: int = 0
    """Files that stayed behind: over a cap, links, odd names."""

    @property
    def note(self) -> str:
        """One sentence for the record; empty if there was nothing."""
        if not self.files and not self.left:
            return ""
        behind = f"; {self.left} were left behind" if self.left else ""
        return f"{self.files} files ({self.size:,} bytes) were handed in{behind}."


def hand_in(box: Box, target: Path) -> Handed:
    """Copy `outputs/` of a room to `target`, which is made only if there is something."""
    handed = Handed()
    for seen, (name, size) in enumerate(_files(box, FOLDER, MAX_DEPTH, handed)):
        if seen >= MAX_SEEN or handed.files >= MAX_FILES:
            handed.left += 1
            break
        if size > MAX_FILE or handed.size + size > MAX_TOTAL:
            handed.left += 1
            continue
        try:
            data = box.read_file(name, MAX_FILE)
        except SandboxError:
            handed.left += 1
            continue
        path = target / name.removeprefix(f"{FOLDER}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        handed.files += 1
        handed.size += len(data)
    return handed


def _files(box: Box, folder: str, depth: int, handed: Handed) -> Iterator[tuple[str, int]]:
    try:
        entries = box.list_files(folder)
    except SandboxError:
        return  # no such folder, or a dead room: nothing was left
    for entry in entries[:MAX_SEEN]:
        name = f"{folder}/{entry.name}"
        if not _plain(entry.name) or entry.kind not in ("file", "folder"):
            handed.left += 1
        elif entry.kind == "file":
            yield name, entry.size
        elif depth > 1:
            yield from _files(box, name, depth - 1, handed)
        else:
            handed.left += 1


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and "/" not in name and name.isprintable()
