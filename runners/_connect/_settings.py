"""A client's settings file: what it says of us, and how our entry gets in and out again.

Before our first change a file is copied beside itself (`NAME.before-proctor`). Taking the entry out
gives back those very bytes where nothing else was changed since, and removes the copy.
"""

import contextlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from runners._connect import _json_text, _toml_text
from runners._connect._client import Client, Server
from tasks import JSON, UsageError

SUFFIX = ".before-proctor"
TAIL = ("connect", "--stdio")
"""Last words of the command in an entry of ours."""

State = Literal["absent", "ours", "other", "unreadable"]
"""Of our entry: not there; there; a server of our name that is not ours; the file is broken."""

_COMMENT = re.compile(r"^\s*//|/\*|,\s*[}\]]", re.MULTILINE)


class _Format(NamedTuple):
    """The text functions of one file format."""

    found: Callable[[str, Sequence[str]], JSON]
    put: Callable[[str, Sequence[str], JSON], str]
    take: Callable[[str, Sequence[str]], str]
    empty: str


_JSON = _Format(_json_text.found, _json_text.put, _json_text.take, "{}\n")
_TOML = _Format(_toml_text.found, _toml_text.put, _toml_text.take, "")


@dataclass(frozen=True)
class Settings:
    """One settings file of one client, as it was read; it need not exist."""

    client: Client
    asked: Path
    """As the client names it; links are followed when it is written."""
    text: str | None
    """None: there is no such file."""
    mark: str = ""
    """A byte order mark, kept."""

    @property
    def entry(self) -> JSON:
        """What stands under our name; None if nothing does.

        Raises:
            UsageError: the file is broken.
        """
        with self._told():
            return self._format.found(self._content, self.client.path)

    def state(self) -> State:
        """Whether our entry is in it."""
        try:
            entry = self.entry
        except UsageError:
            return "unreadable"
        return "absent" if entry is None else "ours" if _ours(entry) else "other"

    def connect(self, server: Server) -> bool:
        """Put our entry in; False if it stands there already.

        Raises:
            UsageError: the file is broken, has comments that we would lose, cannot be written, or
                has another server of our name.
        """
        wanted = self.client.entry(server)
        now = self.entry
        if now == wanted:
            return False
        if now is not None and not _ours(now):
            raise UsageError(
                f"{self.asked} has a server {self.client.path[1]!r} that is not ours: "
                f"{json.dumps(now)[:200]}. Rename or remove it, then give this command again."
            )
        with self._told():
            text = self._format.put(self._content, self.client.path, wanted)
        with self._writing() as target:
            if self.text is not None and not _copy(target).exists():
                _write(_copy(target), (self.mark + self.text).encode(), like=target)
            _write(target, (self.mark + text).encode(), like=target)
        return True

    def disconnect(self) -> bool:
        """Take our entry out, and nothing else; False if it was not there.

        Raises:
            UsageError: the file is broken, cannot be written, or the server of our name is not
                ours.
        """
        now = self.entry
        if now is not None and not _ours(now):
            raise UsageError(
                f"The server {self.client.path[1]!r} in {self.asked} is not ours; it stays."
            )
        with self._writing() as target:
            copy = _copy(target)
            if now is not None:
                self._restore(target, copy.read_bytes() if copy.exists() else None)
            copy.unlink(missing_ok=True)
        return now is not None

    def snippet(self, server: Server) -> str:
        """The entry as text to be pasted."""
        return self._format.put(self._format.empty, self.client.path, self.client.entry(server))

    @property
    def _format(self) -> _Format:
        return _TOML if self.asked.suffix == ".toml" else _JSON

    @property
    def _content(self) -> str:
        return self.text if self.text is not None and self.text.strip() else self._format.empty

    def _restore(self, target: Path, before: bytes | None) -> None:
        key = self.client.path[:1]
        text = self._format.take(self._content, self.client.path)
        was = None if before is None else before.decode().removeprefix(self.mark)
        was = self._format.empty if was is not None and not was.strip() else was
        if self._format.found(text, key) == {} and (
            was is None or self._format.found(was, key) is None
        ):
            text = self._format.take(text, key)
        if was is None and not self._format.found(text, ()):
            target.unlink()  # we had made it
        elif before is not None and repr(self._format.found(text, ())) == repr(
            self._format.found(was or "", ())
        ):
            _write(target, before, like=target)
        else:
            _write(target, (self.mark + text).encode(), like=target)

    @contextlib.contextmanager
    def _told(self):  # noqa: ANN202 - a context manager of nothing
        try:
            yield
        except (ValueError, RecursionError) as error:
            kind = "TOML" if self._format is _TOML else "JSON"
            what = (
                "has comments or trailing commas, which would be lost"
                if kind == "JSON" and _COMMENT.search(self.text or "")
                else f"is no valid {kind}: {error}"
            )
            raise UsageError(
                f"{self.asked} {what}. Nothing was written. `proctor connect "
                f"{self.client.program} --print` shows what to paste."
            ) from error

    @contextlib.contextmanager
    def _writing(self):  # noqa: ANN202 - a context manager of the file to write
        try:
            target = self.asked.resolve()
            target.parent.mkdir(parents=True, exist_ok=True)
            yield target
        except OSError as error:
            raise UsageError(f"{self.asked} cannot be written: {error.strerror}.") from error


def read(client: Client, file: Path) -> Settings:
    """Read a client's settings file.

    Raises:
        UsageError: it is there but cannot be read, or is no UTF-8.
    """
    try:
        text = file.read_bytes().decode()
    except FileNotFoundError:
        return Settings(client, file, None)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}. Nothing was written.") from error
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return Settings(client, file, text.removeprefix(mark), mark)


def _ours(entry: JSON) -> bool:
    if not isinstance(entry, dict):
        return False
    command, words = entry.get("command"), entry.get("args")
    said = [*(command if isinstance(command, list) else [command]), *(words or [])]
    return tuple(said[-2:]) == TAIL


def _copy(target: Path) -> Path:
    return target.with_name(target.name + SUFFIX)


def _write(target: Path, data: bytes, like: Path) -> None:
    """Replace `target` in one step; mode and owner are those of `like`, else 0600 and ours."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if like.exists():
                about = like.stat()
                os.fchmod(file.fileno(), stat.S_IMODE(about.st_mode))
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), about.st_uid, about.st_gid)
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
