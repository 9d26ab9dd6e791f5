"""`proctor connect --stdio`: a byte relay between an agent CLI's pipes and the daemon's socket.

It owns nothing, so it may die at any moment: the attempt lives in the daemon until its lease ends,
and a new shim with the same token finds it again. Only the standard library is imported on the way
to the first byte. stdout carries JSON-RPC and nothing else; everything said to people is on stderr.

The first line each way on the socket is a greeting: `{"proctor": 1, "token": …, "pid": …}` and
`{"ok": true}` or `{"error": text}`. A daemon whose house could not open says as its last line
`{"proctor": 1, "told": …, "error": …}`: what the agent hears to whatever it asks from then on, and
what the operator hears.
"""

import contextlib
import json
import os
import re
import select
import signal
import socket
import sys
import threading
from typing import NoReturn

EXIT_NO_DAEMON = 4
"""The exit code of `DaemonError`."""

_CHUNK = 1 << 16
_DRAIN_S = 5.0
_ORPHAN_POLL_S = 2.0
_RESPONSE_ID = re.compile(rb'\{"jsonrpc":"2\.0","id":("(?:[^"\\]|\\.)*"|-?\d+),"(?:result|error)"')

_FAREWELL = b'{"proctor":'

RequestId = str | int


class Lines:
    """Gathers chunks into whole lines."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their ends."""
        self._rest += chunk
        if b"\n" not in chunk:
            return []
        *lines, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        return lines


class Ledger:
    """Ids of requests that the client still waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[RequestId, None] = {}
        self._settled = threading.Event()
        self._settled.set()
        self._asked = threading.Event()

    def sent(self, line: bytes) -> None:
        """Note a line from the client."""
        message = _object(line)
        asked = message.get("id")
        if "method" in message and isinstance(asked, str | int):
            with self._lock:
                self._pending[asked] = None
                self._settled.clear()
                self._asked.set()
        elif message.get("method") == "notifications/cancelled":
            # The daemon answers no cancelled request.
            params = message.get("params")
            self.settle(params.get("requestId") if isinstance(params, dict) else None)

    def answered(self, line: bytes) -> None:
        """Note a line from the daemon."""
        match = _RESPONSE_ID.match(line)
        if match is not None:
            self.settle(json.loads(match[1]))
        elif b'"method"' not in line[:200]:
            self.settle(_object(line).get("id"))

    def pending(self) -> list[RequestId]:
        """The ids in the order they were asked."""
        with self._lock:
            return list(self._pending)

    def await_asked(self) -> list[RequestId]:
        """Wait until something is pending."""
        self._asked.wait()
        return self.pending()

    def settle(self, answered: object) -> None:
        """Note that a request has its answer, or needs none."""
        if isinstance(answered, str | int):
            with self._lock:
                self._pending.pop(answered, None)
                if not self._pending:
                    self._asked.clear()
                    self._settled.set()

    def wait(self, seconds: float) -> None:
        """Wait until nothing is pending, at most `seconds`."""
        self._settled.wait(seconds)


def main(environ: "os._Environ[str] | dict[str, str]" = os.environ) -> int:
    """Relay until one side closes; return the exit code."""
    # Default actions: the process is gone at once, with nothing to save.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    home = _home(environ)
    try:
        wire = _greet(_connect(os.path.join(home, "mcp.sock"), home), environ.get("PROCTOR_TOKEN"))  # noqa: PTH118
    except OSError as error:
        _say(f"the daemon of {home} does not answer ({error}). `proctor serve status` tells more.")
        return EXIT_NO_DAEMON
    except Refused as refusal:
        _say(str(refusal))
        return EXIT_NO_DAEMON
    return _relay(wire)


class Refused(Exception):  # noqa: N818 - it is an answer, not a defect
    """The daemon, or its start, said no; the text says why."""


def _relay(wire: socket.socket) -> int:
    ledger = Ledger()
    outward = threading.Thread(target=_client_to_daemon, args=(wire, ledger), daemon=True)
    outward.start()
    gathered = Lines()
    farewell: dict[str, object] | None = None
    while True:
        try:
            chunk = wire.recv(_CHUNK)
        except OSError:
            chunk = b""
        if not chunk:
            break
        # Whole lines only: a daemon that dies in a line must not leave half of it on stdout.
        lines = gathered.feed(chunk)
        if lines and lines[-1].startswith(_FAREWELL):
            farewell = _object(lines.pop())
        if lines:
            _write(1, b"\n".join(lines) + b"\n")
            # Noted after it is written: the last answer noted may end the process.
            for line in lines:
                ledger.answered(line)
    if farewell is not None:
        _say(str(farewell["error"]))
        _answer_all(ledger, str(farewell["told"]))
    return _mourn(ledger)


def _client_to_daemon(wire: socket.socket, ledger: Ledger) -> None:
    parent = os.getppid()
    gathered = Lines()
    while True:
        ready, _, _ = select.select([0], [], [], _ORPHAN_POLL_S)
        if not ready:
            if os.getppid() != parent:
                os._exit(0)
            continue
        chunk = os.read(0, _CHUNK)
        if not chunk:
            break
        # Noted before it is sent, or the answer could overtake the note.
        for line in gathered.feed(chunk):
            ledger.sent(line)
        # If the daemon is gone, whoever reads from it will know what to answer.
        with contextlib.suppress(OSError):
            wire.sendall(chunk)
    ledger.wait(_DRAIN_S)
    os._exit(0)


def _answer_all(ledger: Ledger, text: str) -> NoReturn:
    # The client's process ends with its stdin; until then every question has an answer.
    while True:
        for asked in ledger.await_asked():
            _fail(asked, text)
            ledger.settle(asked)


def _mourn(ledger: Ledger) -> int:
    text = (
        "The Proctor daemon is gone, and with it this notebook's kernel; what had run is saved in "
        "the notebook. Restart this MCP server to go on."
    )
    for asked in ledger.pending():
        _fail(asked, text)
    _say("the daemon closed the connection; `proctor serve logs` tells more.")
    return EXIT_NO_DAEMON


def _fail(asked: RequestId, text: str) -> None:
    error = {"jsonrpc": "2.0", "id": asked, "error": {"code": -32000, "message": text}}
    _write(1, json.dumps(error).encode() + b"\n")


def _connect(path: str, home: str) -> socket.socket:
    try:
        return _dial(path)
    except (FileNotFoundError, ConnectionRefusedError):
        # Only now are the heavy imports paid: a daemon takes longer to start anyway.
        from pathlib import Path

        from server.launch import DaemonOptions, reach
        from tasks import ProctorError

        options = DaemonOptions(home=Path(home), runs=Path("runs").absolute())
        try:
            return reach(options, lambda: _dial(path))
        except ProctorError as error:
            raise Refused(str(error)) from error


def _dial(path: str) -> socket.socket:
    wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    if len(os.fsencode(path)) <= 100:
        wire.connect(path)
        return wire
    folder, name = os.path.split(path)
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        wire.connect(f"/proc/self/fd/{handle}/{name}")
    finally:
        os.close(handle)
    return wire


def _greet(wire: socket.socket, token: str | None) -> socket.socket:
    wire.sendall(json.dumps({"proctor": 1, "token": token, "pid": os.getpid()}).encode() + b"\n")
    line = b""
    while not line.endswith(b"\n"):
        # One byte at a time: what follows the greeting belongs to the relay.
        byte = wire.recv(1)
        if not byte:
            raise Refused("the daemon closed the connection during the greeting.")
        line += byte
    answer = _object(line)
    if not answer.get("ok"):
        raise Refused(str(answer.get("error", "the daemon refused the connection.")))
    return wire


def _home(environ: "os._Environ[str] | dict[str, str]") -> str:
    asked = environ.get("PROCTOR_HOME")
    if asked:
        return os.path.abspath(os.path.expanduser(asked))  # noqa: PTH100, PTH111 - pathlib is slow to load
    import platformdirs

    return platformdirs.user_state_dir("proctor")


def _object(line: bytes) -> dict[str, object]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(handle, view) :]
        except BrokenPipeError:
            os._exit(0)


def _say(text: str) -> None:
    _write(2, f"proctor connect: {text}\n".encode())


if __name__ == "__main__":
    sys.exit(main())
