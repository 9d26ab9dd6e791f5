"""The daemon's state folder: lock, sockets, tokens, log, and the note that says who serves.

`<home>` is 0700 and holds `daemon.lock` (flock'd while a daemon lives; its pid), `mcp.sock` (shims)
and `operator.sock` (front door) from the first moment, `daemon.json` (pid, port, start, tier) once
operators may open attempts, `practice_token` and `daemon.log`.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Generator
from pathlib import Path

from tasks import DaemonError, Frozen
from tasks import home as default_home
from tasks._locks import locked

SOCKET_PATH_LIMIT = 100
"""Linux refuses unix socket paths of more than 107 bytes; longer ones go through /proc."""


class DaemonInfo(Frozen):
    """Who serves this state folder: the content of `daemon.json`, there once the house is open."""

    pid: int
    port: int
    started: str
    """UTC, ISO 8601."""
    url: str
    """Streamable HTTP endpoint."""
    tier: str
    """Sandbox tier of every kernel of this daemon."""
    runs: Path
    """Where practice runs are written."""
    version: str
    open: bool = False
    """Whether loopback HTTP needs no token (practice only)."""


class StateFolder:
    """Names of everything the daemon keeps under `home`; creates nothing until asked."""

    def __init__(self, home: Path | None = None) -> None:
        self.home = default_home() if home is None else home
        self.lock_file = self.home / "daemon.lock"
        self.note = self.home / "daemon.json"
        self.mcp_socket = self.home / "mcp.sock"
        self.operator_socket = self.home / "operator.sock"
        self.token_file = self.home / "practice_token"
        self.log = self.home / "daemon.log"
        self.output = self.home / "daemon.out"
        """Raw stdout and stderr of a detached daemon, before its log is open."""

    def prepare(self) -> None:
        """Make the folder, private to this user.

        Raises:
            DaemonError: it cannot be made, is another user's, or cannot be written.
        """
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.home.stat().st_uid != os.geteuid():
                raise DaemonError(
                    f"The state folder {self.home} belongs to another user; sockets in it would "
                    "not be private. Set PROCTOR_HOME to a folder of your own."
                )
            self.home.chmod(0o700)
            probe = self.home / f".probe-{secrets.token_hex(4)}"
            probe.touch(mode=0o600)
            probe.unlink()
        except OSError as error:
            raise DaemonError(
                f"The state folder {self.home} cannot be written ({error.strerror or error}). "
                "Set PROCTOR_HOME to a folder that you may write."
            ) from error

    @contextlib.contextmanager
    def lock(self) -> Generator[None]:
        """Hold the folder: one daemon per state folder; the kernel frees it when we die.

        Raises:
            DaemonError: another daemon holds it.
        """
        handle = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DaemonError(self._held()) from None
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(handle)

    def held(self) -> bool:
        """Whether some daemon holds the folder now."""
        return locked(self.lock_file)

    def holder(self) -> int | None:
        """Process id of the daemon that holds the folder, whether its house is open or not."""
        try:
            return int(self.lock_file.read_text()) if self.held() else None
        except (OSError, ValueError):
            return None

    def info(self) -> DaemonInfo | None:
        """The note of the daemon that holds the folder; None if none does or it still opens."""
        if not self.held():
            return None
        try:
            return DaemonInfo.model_validate_json(self.note.read_text())
        except (OSError, ValueError):
            return None

    def publish(self, info: DaemonInfo) -> None:
        """Write the note, whole or not at all."""
        draft = self.note.with_suffix(".tmp")
        write_private(draft, info.model_dump_json(indent=2))
        draft.replace(self.note)

    def withdraw(self) -> None:
        """Remove the note and the sockets."""
        for path in (self.note, self.mcp_socket, self.operator_socket):
            path.unlink(missing_ok=True)

    def practice_token(self) -> str:
        """Token that opens practice over HTTP; made on first use, readable by this user alone."""
        try:
            return self.token_file.read_text().strip()
        except FileNotFoundError:
            token = f"practice-{secrets.token_urlsafe(24)}"
            draft = self.token_file.with_suffix(f".{secrets.token_hex(4)}")
            write_private(draft, token)
            # A link fails where a rename would overwrite a token that is already in use.
            with contextlib.suppress(FileExistsError):
                os.link(draft, self.token_file)
            draft.unlink()
            return self.token_file.read_text().strip()

    def _held(self) -> str:
        try:
            note = DaemonInfo.model_validate_json(self.note.read_text())
            who = f" (pid {note.pid}, {note.url}, since {note.started})"
        except (OSError, ValueError):
            who = ""
        return (
            f"Another daemon{who} serves {self.home} already. Use it, stop it with "
            "`proctor serve stop`, or set PROCTOR_HOME to another folder."
        )


@contextlib.contextmanager
def socket_address(path: Path) -> Generator[str]:
    """An address of `path` that fits into `sockaddr_un`, valid inside the context."""
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
