"""The system call filter of a room, assembled by hand so that no C library need be installed.

A deny list by purpose: what an honest numerical notebook never calls and what an escape, a hidden
store of memory or an attack on the kernel needs. Calls newer than this table do not exist for a
room (ENOSYS), so that a new kernel opens no new door. Each group can be left out by name, which is
how the tests prove that each is needed.

Source: linux/seccomp.h, linux/filter.h; numbers from asm/unistd.h of both architectures, checked
against libseccomp by a test where that is installed.
"""

import base64
import errno
import platform
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tasks import SandboxError

DENIED: dict[str, dict[str, tuple[int, int]]] = {
    "namespaces": {
        "unshare": (272, 97),
        "setns": (308, 268),
        "mount": (165, 40),
        "umount2": (166, 39),
        "pivot_root": (155, 41),
        "chroot": (161, 51),
        "open_tree": (428, 428),
        "move_mount": (429, 429),
        "fsopen": (430, 430),
        "fsconfig": (431, 431),
        "fsmount": (432, 432),
        "fspick": (433, 433),
        "mount_setattr": (442, 442),
    },
    "tracing": {
        "ptrace": (101, 117),
        "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271),
        "pidfd_getfd": (438, 438),
        "kcmp": (312, 272),
        "process_madvise": (440, 440),
    },
    "kernel": {
        "bpf": (321, 280),
        "perf_event_open": (298, 241),
        "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426),
        "io_uring_register": (427, 427),
        "userfaultfd": (323, 282),
        "keyctl": (250, 219),
        "add_key": (248, 217),
        "request_key": (249, 218),
        "kexec_load": (246, 104),
        "kexec_file_load": (320, 294),
        "init_module": (175, 105),
        "finit_module": (313, 273),
        "delete_module": (176, 106),
        "reboot": (169, 142),
        "swapon": (167, 224),
        "swapoff": (168, 225),
        "acct": (163, 89),
        "quotactl": (179, 60),
        "quotactl_fd": (443, 443),
        "settimeofday": (164, 170),
        "clock_settime": (227, 112),
        "clock_adjtime": (305, 266),
        "adjtimex": (159, 171),
        "sethostname": (170, 161),
        "setdomainname": (171, 162),
        "syslog": (103, 116),
        "name_to_handle_at": (303, 264),
        "open_by_handle_at": (304, 265),
        "fanotify_init": (300, 262),
        "vhangup": (153, 58),
        "iopl": (172, -1),
        "ioperm": (173, -1),
        "modify_ldt": (154, -1),
        "uselib": (134, -1),
        "personality": (135, 92),
        "lookup_dcookie": (212, 18),
        "remap_file_pages": (216, 234),
    },
    # Memory that no limit of a process counts.
    "memory": {
        "memfd_create": (319, 279),
        "memfd_secret": (447, 447),
        "shmget": (29, 194),
        "semget": (64, 190),
        "msgget": (68, 186),
        "mq_open": (240, 180),
    },
}
GROUPS = (*DENIED, "families", "terminal")
"""Everything that can be left out by name."""

_LAST_KNOWN = 462  # mseal, Linux 6.10
_SOCKET, _CLONE, _CLONE3, _IOCTL = (41, 198), (56, 220), (435, 435), (16, 29)
_NEW_NAMESPACE = 0x7E020000  # all CLONE_NEW* flags that clone(2) takes
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARG0, _ARG1, _ARG2, _ARG3 = 0, 4, 16, 24, 32, 40
_AND = 0x54
_FAST_OPEN = 0x20000000
_SENDS = (((44, 206), _ARG3), ((46, 211), _ARG2), ((307, 269), _ARG3))  # sendto, sendmsg, sendmmsg


@dataclass(frozen=True)
class Machine:
    """One architecture: its audit code and its column in the tables."""

    audit: int
    column: int


_MACHINES = {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}

Code = list[bytes]


def program(
    dropped: Collection[str] = (), *, shared_net: bool = False, machine: str = platform.machine()
) -> str:
    """The filter as base64 of BPF instructions, without the groups named in `dropped`.

    `shared_net` is for rooms without a network namespace: of the internet only TCP sockets can be
    made, whose connections Landlock refuses, and not even a first packet leaves with "fast open".

    Raises:
        SandboxError: no table for this architecture.
    """
    if machine not in _MACHINES:
        raise SandboxError(
            f"No system call table for {machine!r}; there are tables for "
            f"{' and '.join(_MACHINES)}. Sealed rooms need one of these."
        )
    arch = _MACHINES[machine]
    code = [
        _op(_LOAD, _ARCH),
        _op(_JEQ, arch.audit, 1, 0),
        _op(_RET, _KILL),
        _op(_LOAD, _NR),
        _op(_JGE, _LAST_KNOWN + 1, 0, 1),  # also every call of the x32 kind (bit 30)
        _op(_RET, _ERRNO | errno.ENOSYS),
    ]
    for group, calls in DENIED.items():
        if group not in dropped:
            for numbers in calls.values():
                code += _when(numbers[arch.column], [_deny(errno.EPERM)])
    if "namespaces" not in dropped:
        # glibc falls back from clone3, whose flags a filter cannot read, to clone.
        code += _when(_CLONE3[arch.column], [_deny(errno.ENOSYS)])
        code += _when(_CLONE[arch.column], _flags(_NEW_NAMESPACE, _ARG0))
    if "families" not in dropped:
        code += _when(_SOCKET[arch.column], _tcp_only() if shared_net else _families())
    if shared_net:
        for numbers, flags in _SENDS:
            code += _when(numbers[arch.column], _flags(_FAST_OPEN, flags))
    if "terminal" not in dropped:
        code += _when(_IOCTL[arch.column], _values(_ARG1, (_TIOCSTI, _TIOCLINUX)))
    code.append(_op(_RET, _ALLOW))
    return base64.b64encode(b"".join(code)).decode()


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)


def _deny(number: int) -> bytes:
    return _op(_RET, _ERRNO | number)


def _when(number: int, body: Code) -> Code:
    """`body`, which must end in a return, for one system call; nothing if it has no number."""
    return [] if number < 0 else [_op(_JEQ, number, 0, len(body)), *body]


def _flags(mask: int, offset: int) -> Code:
    """Deny if any bit of an argument is in `mask`."""
    return [_op(_LOAD, offset), _op(_JSET, mask, 0, 1), _deny(errno.EPERM), _op(_RET, _ALLOW)]


def _values(offset: int, bad: Sequence[int]) -> Code:
    """Deny if an argument has one of these values."""
    code = [_op(_LOAD, offset)]
    for value in bad:
        code += [_op(_JEQ, value, 0, 1), _deny(errno.EPERM)]
    return [*code, _op(_RET, _ALLOW)]


def _families() -> Code:
    """Sockets of the room itself: unix, internet, and routing netlink (libzmq asks for it)."""
    allow = _op(_RET, _ALLOW)
    code = [_op(_LOAD, _ARG0)]
    for family in (_UNIX, _INET, _INET6):
        code += [_op(_JEQ, family, 0, 1), allow]
    code += [_op(_JEQ, _NETLINK, 0, 3), _op(_LOAD, _ARG2), _op(_JEQ, 0, 0, 1), allow]
    return [*code, _deny(errno.EAFNOSUPPORT)]


def _tcp_only() -> Code:
    """Unix sockets, routing netlink, and of the internet plain TCP (no UDP, raw or MPTCP)."""
    allow, deny = _op(_RET, _ALLOW), _deny(errno.EAFNOSUPPORT)
    code = [_op(_LOAD, _ARG0), _op(_JEQ, _UNIX, 0, 1), allow]
    code += [_op(_JEQ, _NETLINK, 0, 4), _op(_LOAD, _ARG2), _op(_JEQ, 0, 0, 1), allow, deny]
    code += [_op(_JEQ, _INET, 2, 0), _op(_JEQ, _INET6, 1, 0), deny]
    code += [_op(_LOAD, _ARG1), _op(_AND, 0xF), _op(_JEQ, 1, 1, 0), deny]
    code += [_op(_LOAD, _ARG2), _op(_JEQ, 0, 0, 1), allow, _op(_JEQ, 6, 0, 1), allow, deny]
    return code
