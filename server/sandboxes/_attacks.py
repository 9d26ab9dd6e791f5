"""Attempted escapes, as code that runs inside a room and, as its positive control, outside.

Self-contained: its *text* is sent to a kernel as a cell, and the same text is run by a plain
interpreter on the host, where every attack must succeed or it proves nothing. `run(aims)` gives for
each attack whether it got through and what was seen. All are bounded and undo what they did.
"""
# Runs on the other side: plain `os` calls, the room's own folders.
# ruff: noqa: PTH108, PTH115, PTH118, PTH119, PTH123, PTH208, S108

import ctypes
import errno
import hashlib
import importlib.util
import mmap
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

Aims = dict[str, Any]
Outcome = tuple[bool, str]
_LIBC = ctypes.CDLL(None, use_errno=True)
_MB = 1 << 20
_CALLS = {  # name: (x86_64, aarch64, arguments)
    "io_uring_setup": (425, 425, (0, 0)),
    "userfaultfd": (323, 282, (1,)),
    "bpf": (321, 280, (0, 0, 0)),
    "perf_event_open": (298, 241, (0, 0, -1, -1, 0)),
    "keyctl": (250, 219, (0, -3, 1)),
    "add_key": (248, 217, (0, 0, 0, 0, 0)),
}
_WRITABLE = ("/work", "/run/k", "/tmp", "/dev/shm")


def files_path(aims: Aims) -> Outcome:
    """Read the canary by every way its path can be spelled."""
    path = aims["canary"]
    ways = [path, f"/proc/self/root{path}", f"/proc/1/root{path}", f"/proc/self/cwd/../..{path}"]
    ways += [f"{'../' * 20}{path[1:]}", f"/work/../{path}", f"/proc/{aims['pid']}/root{path}"]
    ways += [f"/proc/{aims['pid']}/cwd/{path[1:]}", f"//{path}"]
    return _first(ways, _content)


def files_walk(aims: Aims) -> Outcome:
    """Find the canary's name anywhere below the folders where secrets could lie."""
    name = os.path.basename(aims["canary"])
    for top in aims["walk"]:
        for folder, _, names in os.walk(top):
            if name in names and _content(os.path.join(folder, name)):
                return True, os.path.join(folder, name)
    return False, "not found"


def files_ours(aims: Aims) -> Outcome:
    """Read or import our code: the keys' rooms, graders, the server."""
    for name in ("ground_truth", "evaluators", "server", "tasks", "runners", "proctor"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None and (seen := _content(spec.origin)):
            return True, f"import {name}: {spec.origin}: {seen}"
    return _first(
        [os.path.join(top, n) for top in ("/", *sys.path) for n in aims["ours"]], _content
    )


def environment(aims: Aims) -> Outcome:
    """Find a variable of the server's in any environment that can be read."""
    found = [f"{k}={v}".encode() for k, v in os.environ.items()]
    for entry in _pids():
        with suppress(OSError), open(f"/proc/{entry}/environ", "rb") as file:
            found += file.read().split(b"\0")
    hits = {_digest(item) for item in found} & set(aims["environment"])
    return bool(hits), f"{len(hits)} variables of the server's among {len(found)}"


def processes_seen(aims: Aims) -> Outcome:
    """See the server's process."""
    for entry in _pids():
        with suppress(OSError), open(f"/proc/{entry}/cmdline", "rb") as file:
            if _digest(file.read()) == aims["cmdline"]:
                return True, f"process {entry} is the server"
    return False, f"{len(_pids())} processes in sight"


def processes_signal(aims: Aims) -> Outcome:
    """Signal the server's process (signal 0: a permission check only)."""
    if _another(aims):
        return False, "another process has that number here"
    os.kill(aims["pid"], 0)
    return True, f"may signal {aims['pid']}"


def processes_memory(aims: Aims) -> Outcome:
    """Open the memory of the server's process."""
    with open(f"/proc/{aims['pid']}/mem", "rb"):
        return not _another(aims), "opened"


def network_tcp(aims: Aims) -> Outcome:
    """Connect to a listener on the host's loopback."""
    with closing(socket.create_connection(("127.0.0.1", aims["tcp"]), timeout=5)):
        return True, "connected"


def network_udp(aims: Aims) -> Outcome:
    """Exchange a datagram with the host's loopback."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.settimeout(5)
        sock.connect(("127.0.0.1", aims["udp"]))
        sock.send(b"?")
        return True, repr(sock.recv(10))


def network_interfaces(aims: Aims) -> Outcome:
    """See an interface other than a loopback of one's own."""
    names = [name for _, name in socket.if_nameindex() if name != "lo"]
    return bool(names), " ".join(names) or "lo only"


def sockets_abstract(aims: Aims) -> Outcome:
    """Connect to an abstract unix socket of the host."""
    with closing(socket.socket(socket.AF_UNIX)) as sock:
        sock.connect("\0" + aims["abstract"])
        return True, "connected"


def sockets_path(aims: Aims) -> Outcome:
    """Connect to a unix socket of the host by its path."""
    with closing(socket.socket(socket.AF_UNIX)) as sock:
        sock.connect(aims["unix"])
        return True, "connected"


def sockets_families(aims: Aims) -> Outcome:
    """Create a socket that leaves the network namespace or reaches rare kernel code."""
    rare = {"vsock": (40, 1, 0), "alg": (38, 5, 0), "packet": (17, 3, 0), "tipc": (30, 2, 0)}
    rare |= {"generic netlink": (16, 3, 16), "audit": (16, 3, 9), "bluetooth": (31, 3, 0)}
    made: list[str] = []
    for name, (family, kind, protocol) in rare.items():
        with suppress(OSError), closing(socket.socket(family, kind, protocol)):
            made.append(name)
    return bool(made), " ".join(made) or "none"


def namespaces_own(aims: Aims) -> Outcome:
    """Share a namespace with the server."""
    links = aims["namespaces"]
    shared = [kind for kind in links if os.readlink(f"/proc/self/ns/{kind}") == links[kind]]
    return bool(shared), " ".join(shared) or "none shared"


def namespaces_new(aims: Aims) -> Outcome:
    """Make a user namespace (the door to most kernel exploits), by unshare and by clone."""
    user, clone = 0x10000000, _number(56, 220)
    made = ["unshare"] if _in_child(lambda: _LIBC.unshare(user) >= 0) else []
    if _in_child(lambda: _LIBC.syscall(clone, user | signal.SIGCHLD, 0, 0, 0, 0) >= 0):
        made.append("clone")
    return bool(made), " ".join(made) or "refused"


def mounts(aims: Aims) -> Outcome:
    """Reach mount(2): refused by the filter before its arguments are looked at, or not."""
    return _reached({"mount": (165, 40, (0, 0, 0, 0, 0)), "fsopen": (430, 430, (0, 0))})


def kernel_calls(aims: Aims) -> Outcome:
    """Reach system calls with a history of exploits."""
    return _reached(_CALLS)


def tracing(aims: Aims) -> Outcome:
    """Reach ptrace, in a child that dies of it."""
    reached = _in_child(lambda: _LIBC.syscall(_number(101, 117), 0, 0, 0, 0) >= 0)
    return reached, "traced" if reached else "refused"


def terminal(aims: Aims) -> Outcome:
    """Reach the ioctl that types into one's controlling terminal."""
    master, slave = os.openpty()
    name = os.ttyname(slave)
    os.close(slave)

    def types() -> bool:
        os.setsid()
        own = os.open(name, os.O_RDWR)
        ctypes.set_errno(0)
        return _LIBC.ioctl(own, 0x5412, 0) >= 0 or ctypes.get_errno() != errno.EPERM

    try:
        reached = _in_child(types)
        return reached, "typed" if reached else "refused"
    finally:
        os.close(master)


def privileges(aims: Aims) -> Outcome:
    """Hold a capability, or be able to gain one by a setuid program."""
    with open("/proc/self/status") as file:
        fields = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    held = [k for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb") if int(fields[k], 16)]
    held += ["no_new_privs unset"] if fields["NoNewPrivs"] == "0" else []
    return bool(held), " ".join(held) or "none"


def limits(aims: Aims) -> Outcome:
    """Have, or raise to, a limit above the room's."""
    import resource

    wide: list[str] = []
    for name, most in aims["limits"].items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        if 0 <= hard <= most:
            with suppress(ValueError, OSError):
                resource.setrlimit(number, (most + 1, most + 1))
                wide.append(name)
        else:
            wide.append(name)
    return bool(wide), " ".join(wide) or "all bound"


def identity(aims: Aims) -> Outcome:
    """Be root of this machine: limits of processes do not bind it."""
    with open("/proc/self/uid_map") as file:
        first = file.read().split()
    real = os.getuid() == 0 and first[:2] == ["0", "0"]
    with suppress(OSError):
        os.setuid(0)
        real = True
    return real, "root" if real else f"uid {os.getuid()}"


def processes_many(aims: Aims) -> Outcome:
    """Start more threads (which count as processes) than the room may have."""
    gate, made = threading.Event(), 0
    before = threading.stack_size(1 << 16)
    try:
        for _ in range(aims["processes"] + 1):
            threading.Thread(target=gate.wait, daemon=True).start()
            made += 1
    except RuntimeError:
        return False, f"stopped at {made}"
    finally:
        gate.set()
        threading.stack_size(before)
    return True, f"{made} started"


def memory_private(aims: Aims) -> Outcome:
    """Map more private memory than the room may have."""
    size = (aims["memory_mb"] + 64) * _MB
    with closing(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)):
        return True, f"{size // _MB} MB"


def memory_uncounted(aims: Aims) -> Outcome:
    """Get memory that no limit counts: memfd, SysV segments, message queues."""
    ways = {"memfd_create": (319, 279, (0, 0)), "memfd_secret": (447, 447, (0,))}
    ways |= {"shmget": (29, 194, (0, 0, 0)), "mq_open": (240, 180, (0, 0, 0, 0))}
    return _reached(ways)


def disk_size(aims: Aims) -> Outcome:
    """Write more into any folder than it may hold."""
    for folder in aims["fill"]:
        path = os.path.join(folder, f"fill-{os.getpid()}")
        written = 0
        with suppress(OSError), open(path, "wb", buffering=0) as file:
            while written <= aims["disk_mb"] * _MB:
                written += file.write(b"\1" * _MB)
        with suppress(OSError):
            os.unlink(path)
        if written > aims["disk_mb"] * _MB:
            return True, f"{written // _MB} MB in {folder}"
    return False, "full in time"


def disk_elsewhere(aims: Aims) -> Outcome:
    """Write where nothing is meant to be written (such a folder has no size)."""
    for folder, names, _ in os.walk(aims["top"]):
        names[:] = [n for n in names if os.path.join(folder, n) not in (*_WRITABLE, "/proc")]
        path = os.path.join(folder, f".w{os.getpid()}")
        with suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            os.unlink(path)
            return True, folder
        if folder.count("/") > 1:
            names.clear()
    return False, "nowhere else"


def descriptors(aims: Aims) -> Outcome:
    """Hold a descriptor of something outside the room."""
    strange: list[str] = []
    for entry in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            link = os.readlink(f"/proc/self/fd/{entry}")
            own = link.startswith((*aims["own"], "socket:", "pipe:", "/dev/", "/proc/"))
            if not own and link not in ("anon_inode:[eventpoll]", "anon_inode:[eventfd]"):
                strange.append(link)
    return bool(strange), " ".join(strange) or "none"


def hostname(aims: Aims) -> Outcome:
    """Know the machine's name."""
    return socket.gethostname() == aims["hostname"], socket.gethostname()


ATTACKS: dict[str, Callable[[Aims], Outcome]] = {
    attack.__name__.replace("_", ".", 1): attack
    for attack in (
        *(files_path, files_walk, files_ours, environment),
        *(processes_seen, processes_signal, processes_memory, processes_many),
        *(network_tcp, network_udp, network_interfaces),
        *(sockets_abstract, sockets_path, sockets_families),
        *(namespaces_own, namespaces_new, mounts, kernel_calls, tracing, terminal),
        *(privileges, identity, limits, memory_private, memory_uncounted),
        *(disk_size, disk_elsewhere, descriptors, hostname),
    )
}


def run(aims: Aims, names: list[str]) -> dict[str, Outcome]:
    """Try the attacks; an error is a refusal, and its name is the detail."""
    outcomes: dict[str, Outcome] = {}
    for name in names:
        try:
            outcomes[name] = ATTACKS[name](aims)
        except OSError as error:
            outcomes[name] = False, errno.errorcode.get(error.errno or 0, repr(error))
        except Exception as error:  # noqa: BLE001 - whatever stopped it, it was stopped
            outcomes[name] = False, repr(error)[:200]
    return outcomes


def _pids() -> list[str]:
    return [entry for entry in os.listdir("/proc") if entry.isdigit()]


def _another(aims: Aims) -> bool:
    """Whether the server's number belongs to some other process in this namespace."""
    with suppress(OSError), open(f"/proc/{aims['pid']}/cmdline", "rb") as file:
        return _digest(file.read()) != aims["cmdline"]
    return False


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _content(path: str) -> str:
    """The beginning of a file, '' if it cannot be read or is empty."""
    with suppress(OSError), open(path, "rb") as file:
        data = file.read(40)
        return repr(data) if data else ""
    return ""


def _first(items: list[str], test: Callable[[str], str]) -> Outcome:
    for item in items:
        if seen := test(item):
            return True, f"{item}: {seen}"
    return False, f"none of {len(items)} ways"


def _number(x86_64: int, aarch64: int) -> int:
    return x86_64 if os.uname().machine == "x86_64" else aarch64


def _reached(calls: dict[str, tuple[int, int, tuple[int, ...]]]) -> Outcome:
    """Which calls get past a filter: with such arguments they fail, but for another reason."""
    through: list[str] = []
    for name, (x86_64, aarch64, arguments) in calls.items():
        ctypes.set_errno(0)
        result = _LIBC.syscall(_number(x86_64, aarch64), *map(ctypes.c_long, arguments))
        if result >= 0 and name in ("memfd_create", "memfd_secret", "userfaultfd"):
            os.close(result)
        if result >= 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS, errno.EACCES):
            through.append(name)
    return bool(through), " ".join(through) or "all refused"


def _in_child(test: Callable[[], bool]) -> bool:
    """Whether `test` holds in a forked child, which then ends at once."""
    pid = os.fork()
    if pid == 0:
        passed = False
        with suppress(BaseException):
            passed = bool(test())
        os.kill(os.getpid(), signal.SIGKILL) if not passed else os._exit(42)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42


if __name__ == "__main__":
    import json

    print(json.dumps(run(**json.load(sys.stdin))))  # noqa: T201 - a process of its own
