"""The live self-test: start a room the way every room is started, and attack it.

A found binary or a successful system call proves nothing. Each attack is also run outside, by a
plain process of the same user, where it must get through: without that positive control it proves
nothing either.
"""

import hashlib
import json
import os
import platform
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Generator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio

from server.sandboxes import _attacks, _view
from server.sandboxes._ask import ask
from server.sandboxes._core import Limits, Probe, ProbeReport, Sandbox
from server.sandboxes._env import environment
from tasks import SandboxError

LIMITS = Limits(memory_mb=1024, disk_mb=8, inodes=500, processes=40, nofile=256, file_mb=64)
"""Small ones, so that reaching them is quick."""
VITAL = frozenset(
    {
        "files.path",
        "files.walk",
        "files.ours",
        "environment",
        "processes.seen",
        "processes.signal",
        "network.tcp",
        "network.udp",
        "sockets.abstract",
        "sockets.path",
        "disk.size",
    }
)
"""Attacks whose control must succeed on every machine. Of the others some machines lack the means
outside as well (no vsock module, a container's filter), and there is nothing to hold back."""
_WRITABLE = ["/work", "/tmp", "/dev/shm", "/run/k"]  # noqa: S108 - the room's
_KINDS = ("net", "ipc", "uts", "pid", "mnt")
_TOPS = ("/work", "/home", "/root", "/var", "/run", "/srv", "/mnt", "/media", "/etc")


async def probe(
    sandbox: Sandbox, versions: Mapping[str, str], leaks: Collection[str] = ()
) -> ProbeReport:
    """Attack a fresh room; `leaks` are attacks that the tier is known not to hold."""
    told = {**versions, "linux": platform.release(), "as": "root" if os.geteuid() == 0 else "user"}
    with targets() as aims:
        try:
            inside = await attack(sandbox, aims)
        except SandboxError as error:
            return ProbeReport(sandbox.tier, passed=False, error=str(error), versions=told)
        outside = await anyio.to_thread.run_sync(control, aims)
    probes = tuple(
        Probe(
            name=name,
            held=not inside[name][0],
            control=outside[name][0],
            detail=inside[name][1],
            expected_leak=name in leaks,
            vital=name in VITAL,
        )
        for name in _attacks.ATTACKS
    )
    passed = not any(probe.failed for probe in probes)
    return ProbeReport(sandbox.tier, passed=passed, probes=probes, versions=told)


async def attack(
    sandbox: Sandbox, aims: Mapping[str, Any], names: Collection[str] = tuple(_attacks.ATTACKS)
) -> dict[str, tuple[bool, str]]:
    """Run attacks inside a fresh room.

    Raises:
        SandboxError: no room could be started, or it died.
    """
    box = await sandbox.start(LIMITS)
    try:
        return await ask(box, _code(), f"run({dict(aims)!r}, {list(names)!r})")
    finally:
        await box.kill()


def _code() -> str:
    """The attacks' text without its last lines, which are for a process of its own."""
    return Path(_attacks.__file__).read_text().partition("\nif __name__ ==")[0]


def control(aims: Mapping[str, Any]) -> dict[str, tuple[bool, str]]:
    """Run the same attacks outside, each of which must get through."""
    eased = {
        **aims,
        "fill": [aims["folder"]],
        "walk": [aims["folder"]],
        "top": aims["folder"],
        "own": [],
    }
    request = json.dumps({"aims": eased, "names": list(_attacks.ATTACKS)})
    with open(aims["canary"]) as inherited:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-P", _attacks.__file__],
            input=request,
            capture_output=True,
            text=True,
            cwd=aims["folder"],
            pass_fds=(inherited.fileno(),),
            check=False,
        )
    if done.returncode:
        raise SandboxError(f"The controls of the self-test could not run: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


@contextmanager
def targets() -> Generator[dict[str, Any]]:
    """Things on the host worth reaching, and how an attack finds them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proctor-probe-")))
        canary = folder / f"canary-{secrets.token_hex(8)}"
        canary.write_text(secrets.token_hex(16))
        # Only the room may hide it, not its permissions.
        folder.chmod(0o755)
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(_echo())
        name = f"proctor-{secrets.token_hex(8)}"
        _listen(stack, "\0" + name)
        _listen(stack, str(folder / "s"))
        yield {
            "folder": str(folder),
            "canary": str(canary),
            "walk": [*_TOPS, str(folder.parent)],
            "top": "/",
            "fill": [".", *_WRITABLE],
            "own": _WRITABLE,
            "ours": _ours(),
            "environment": _variables(),
            "pid": os.getpid(),
            "cmdline": _digest(Path("/proc/self/cmdline").read_bytes()),
            "tcp": tcp.getsockname()[1],
            "udp": udp,
            "abstract": name,
            "unix": str(folder / "s"),
            "namespaces": {kind: str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in _KINDS},
            "hostname": socket.gethostname(),
            "processes": LIMITS.processes,
            "memory_mb": LIMITS.memory_mb,
            "disk_mb": LIMITS.disk_mb,
            "limits": {
                "NPROC": LIMITS.processes,
                "FSIZE": LIMITS.file_mb << 20,
                "NOFILE": LIMITS.nofile,
                "MSGQUEUE": 0,
            },
        }


def _ours() -> list[str]:
    """Names of our files, absolute and as they would lie in a folder of packages."""
    found: list[str] = []
    for path in _view.own_files():
        inner = [path] if path.is_file() else sorted(p for p in path.glob("*") if p.is_file())[:3]
        found += [str(p) for p in inner] + [str(p.relative_to(path.parent)) for p in inner]
    root = Path(_view.__file__).resolve().parents[2]
    return [*found, str(root / "ground_truth" / "_core.py"), "ground_truth/_core.py"]


def _variables() -> list[str]:
    """Digests of our environment's variables, but those a room has just so."""
    given = environment(LIMITS).items()
    return [_digest(f"{k}={v}".encode()) for k, v in os.environ.items() if (k, v) not in given]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _listen(stack: ExitStack, address: str) -> None:
    listener = stack.enter_context(socket.socket(socket.AF_UNIX))
    listener.bind(address)
    listener.listen()


@contextmanager
def _echo() -> Generator[int]:
    """A datagram socket on loopback that answers, and its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))

        def answer() -> None:
            with suppress(OSError):
                while True:
                    data, sender = sock.recvfrom(10)
                    if not data:
                        return
                    sock.sendto(data, sender)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        port = sock.getsockname()[1]
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
                stop.sendto(b"", ("127.0.0.1", port))
            thread.join()
