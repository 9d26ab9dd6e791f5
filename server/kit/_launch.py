"""The last metres into a room: seals the process it runs in, then becomes the kernel.

Runs inside the room (and in every child of the zygote), so it needs the standard library alone.
It obeys a *plan* that arrives over a socket: steps, each a name and its arguments, in the order in
which the host listed them. What a room is hardened with is therefore data on the host's side.

    host -> room   plan {steps, env, work, sockets, stores, connection}
    room -> host   {"sealed": true} with descriptors: kernel, leader, work, sockets, *stores
    host -> room   {"go": true}          (end of file instead: the host is gone, exit)
    room -> host   {"ready": true} once the kernel's sockets are bound, or {"error": text}
"""

# It starts a hundred times a minute and on nothing but the standard library: plain `os` calls.
# ruff: noqa: PTH103, PTH112, PTH115, PTH123, PTH208

import base64
import contextlib
import ctypes
import fcntl
import gc
import json
import os
import random
import resource
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_READ, _PR_CAPBSET_DROP = 1, 4, 23, 24
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 22, 38, 47
_PR_SET_CHILD_SUBREAPER = 36
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x4000, 1 << 18
_CLONE = {
    "cgroup": 0x02000000,
    "ipc": 0x08000000,
    "mnt": 0x00020000,
    "net": 0x40000000,
    "uts": 0x04000000,
    "user": 0x10000000,
}
_SYS_LANDLOCK = 444  # create_ruleset; add_rule and restrict_self follow (all architectures)
_LANDLOCK_FILE = 0x1 | 0x2 | 0x4 | 0x4000 | 0x8000  # execute, write, read, truncate, ioctl
_MESSAGE = 1 << 17


def main() -> None:
    """Entry of `python _launch.py FD`: obey the plan that comes over the inherited socket."""
    enter(socket.socket(fileno=int(sys.argv[1])))


def enter(channel: socket.socket) -> None:
    """Seal this process by the plan read from `channel`, then run the kernel in it; never returns.

    An error is told to the host and ends the process: nothing half-sealed runs on.
    """
    try:
        plan = _receive(channel)
        for name, *arguments in plan["steps"]:
            STEPS[name](*arguments)
        _dress(plan)
        folders = [plan["work"], plan["sockets"], *plan["stores"]]
        handles = [os.pidfd_open(pid) for pid in (os.getpid(), plan["leader"] or os.getpid())]
        handles += [os.open(path, os.O_PATH | os.O_DIRECTORY) for path in folders]
        socket.send_fds(channel, [b'{"sealed": true}'], handles)
        for handle in handles:
            os.close(handle)
        _receive(channel)
        _silence()
        file = _connection_file(plan)
    except BaseException:  # noqa: BLE001 - whatever it is, the host must hear it and we must die
        _tell(channel, {"error": traceback.format_exc()})
        os._exit(70)
    _run(channel, file)


def _run(channel: socket.socket, file: str) -> None:
    def ready() -> None:
        _tell(channel, {"ready": True})
        channel.close()

    try:
        from kit import _app

        _app.launch(file, ready)
    except BaseException:  # noqa: BLE001
        _tell(channel, {"error": traceback.format_exc()})
        os._exit(71)
    os._exit(0)


def _receive(channel: socket.socket) -> dict[str, Any]:
    data = channel.recv(_MESSAGE)
    if not data:
        os._exit(69)
    return json.loads(data)


def _tell(channel: socket.socket, message: dict[str, Any]) -> None:
    try:
        channel.send(json.dumps(message).encode()[: _MESSAGE // 2])
    except OSError:
        os._exit(69)


def _dress(plan: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(plan["env"])
    os.umask(0o022)
    os.chdir(plan["work"])
    for folder in plan["folders"]:
        os.makedirs(folder, exist_ok=True)
    # The lists of a forked child must not repeat its siblings'.
    random.seed()
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(int.from_bytes(os.urandom(4), "little"))
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.seed()
    sys.argv = ["kernel"]
    gc.enable()


def _silence() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)


def _connection_file(plan: dict[str, Any]) -> str:
    path = f"{plan['sockets']}/connection.json"
    with open(path, "w", opener=lambda p, f: os.open(p, f, 0o600)) as file:
        json.dump(plan["connection"], file)
    return path


# --- steps ---------------------------------------------------------------------------------------


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def _prctl(option: int, *arguments: Any) -> None:
    padded = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in (*arguments, 0, 0, 0, 0)][:4]
    _check(_LIBC.prctl(option, *padded), f"prctl {option}")


def _die_with_parent() -> None:
    _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


def _supervise() -> None:
    """Go on in a child; stay behind as the parent of all orphans and end them with it.

    For tiers without a process namespace. The host's death arrives here as SIGTERM.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    kernel = os.fork()
    if kernel == 0:
        _die_with_parent()
        return

    def end(number: int, frame: object) -> None:
        # May come more than once: each thread of the host that ends in turn sends it.
        del number, frame
        with contextlib.suppress(ProcessLookupError):
            os.kill(kernel, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    _close_all_but_standard()
    while True:
        ended, _ = os.waitpid(-1, 0)
        if ended == kernel:
            break
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        for task in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{task}/children") as file:
                for child in file.read().split():
                    os.kill(int(child), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            os._exit(0)


def _close_all_but_standard() -> None:
    os.closerange(3, 1 << 16)


def _close_descriptors() -> None:
    """Leave open 0, 1, 2 and sockets that carry the plan; a fork inherits no other."""
    for entry in os.listdir("/proc/self/fd"):
        fd = int(entry)
        try:
            keep = fd <= 2 or os.readlink(f"/proc/self/fd/{entry}").startswith("socket:")
        except OSError:
            continue
        if not keep:
            os.close(fd)


def _unshare(*kinds: str) -> None:
    flags = 0
    for kind in kinds:
        flags |= _CLONE[kind]
    _check(_LIBC.unshare(flags), f"unshare {' '.join(kinds)}")


def _mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    _check(
        _LIBC.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()),
        f"mount {kind} on {target}",
    )


def _private() -> None:
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE, "")


def _tmpfs(target: str, options: str) -> None:
    _mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV, options)


def _devpts() -> None:
    _mount("devpts", "/dev/pts", "devpts", _MS_NOSUID | _MS_NOEXEC, "newinstance,ptmxmode=0666")


def _proc() -> None:
    _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "")


def _loopback() -> None:
    """Bring `lo` up: a new network namespace has it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))


def _hostname(name: str) -> None:
    raw = name.encode()
    _check(_LIBC.sethostname(raw, len(raw)), "sethostname")


def _user(inner: int) -> None:
    """Enter a user namespace of our own as `inner`, and forbid any further one below it."""
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    _unshare("user")
    for path, text in (
        ("/proc/self/setgroups", "deny"),
        ("/proc/self/uid_map", f"{inner} {outer_uid} 1"),
        ("/proc/self/gid_map", f"{inner} {outer_gid} 1"),
        ("/proc/sys/user/max_user_namespaces", "0"),
    ):
        with open(path, "w") as file:
            file.write(text)


def _limit(name: str, value: int) -> None:
    resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def _data(more: int) -> None:
    """Let private memory grow by `more` bytes over what this process has mapped already."""
    with open("/proc/self/status") as file:
        mapped = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData:"))
    _limit("DATA", mapped + more)


def _bounding() -> None:
    """Drop every capability from the bounding set."""
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for capability in range(last + 1):
        if _LIBC.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) == 1:
            _prctl(_PR_CAPBSET_DROP, capability)


def _identity(uid: int, gid: int) -> None:
    """Become another user for good."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _capabilities() -> None:
    """Give up every capability of every set."""
    _prctl(_PR_CAP_AMBIENT, 4)
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_LIBC.capset(header, b"\0" * 24), "capset")


def _no_new_privileges() -> None:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _dumpable() -> None:
    """After a change of user /proc/self belongs to root until the process is dumpable again."""
    _prctl(_PR_SET_DUMPABLE, 1)


def _seccomp(program: str) -> None:
    """Install a BPF filter, given as base64 of its instructions (8 bytes each)."""
    raw = base64.b64decode(program)
    code = ctypes.create_string_buffer(raw, len(raw))
    fprog = struct.pack("HxxxxxxP", len(raw) // 8, ctypes.addressof(code))
    _prctl(_PR_SET_SECCOMP, 2, ctypes.c_char_p(fprog))


def _oom(score: int) -> None:
    """Let the kernel's out-of-memory killer take the room before anything else."""
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(score))


def _landlock(rules: list[tuple[int, list[str]]], files: int, net: int, scoped: int) -> None:
    """Deny what is in `files`, `net` and `scoped` (bits of linux/landlock.h) but for the rules.

    Each rule grants bits below its paths; of a file only the bits that a file can have.
    """
    attribute = struct.pack("QQQ", files, net, scoped)
    ruleset = _check(
        _LIBC.syscall(_SYS_LANDLOCK, attribute, 24 if scoped else 16, 0), "landlock_create_ruleset"
    )
    for access, paths in rules:
        for path in paths:
            try:
                fd = os.open(path, os.O_PATH)
            except OSError:
                continue
            rights = access if os.path.isdir(path) else access & _LANDLOCK_FILE
            rule = struct.pack("=Qi", rights & files, fd)
            _check(_LIBC.syscall(_SYS_LANDLOCK + 1, ruleset, 1, rule, 0), f"landlock rule {path}")
            os.close(fd)
    _check(_LIBC.syscall(_SYS_LANDLOCK + 2, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


STEPS: dict[str, Callable[..., None]] = {
    "supervise": _supervise,
    "die_with_parent": _die_with_parent,
    "close_descriptors": _close_descriptors,
    "new_session": lambda: os.setsid() and None,
    "unshare": _unshare,
    "private": _private,
    "tmpfs": _tmpfs,
    "proc": _proc,
    "devpts": _devpts,
    "loopback": _loopback,
    "hostname": _hostname,
    "user": _user,
    "limit": _limit,
    "data": _data,
    "bounding": _bounding,
    "identity": _identity,
    "capabilities": _capabilities,
    "no_new_privileges": _no_new_privileges,
    "dumpable": _dumpable,
    "seccomp": _seccomp,
    "oom": _oom,
    "landlock": _landlock,
}


if __name__ == "__main__":
    main()
