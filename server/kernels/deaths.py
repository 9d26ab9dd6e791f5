"""How a kernel process ended: as data that a sentence can be made of."""

import fcntl
import os
import signal
import struct

import anyio

_INFO_SIZE = 64
_GET_INFO = 3 << 30 | _INFO_SIZE << 16 | 0xFF << 8 | 11
_WITH_EXIT = 1 << 3
_CODE_AT = 60
UNKNOWN = "its process ended"


class Death:
    """A kernel's end, to come or past."""

    def __init__(self) -> None:
        self.event = anyio.Event()
        self.reason = ""
        """Why, as the end of 'The kernel died: …'; '' while it lives."""

    def is_set(self) -> bool:
        """Whether it has died."""
        return self.event.is_set()

    async def wait(self) -> None:
        """Return when it is dead."""
        await self.event.wait()


def cause(pidfd: int) -> str:
    """How the dead process behind a pidfd ended.

    A parent asks with waitid(2). Nobody else could before Linux 6.15, whose PIDFD_GET_INFO
    (include/uapi/linux/pidfd.h) tells once the parent has reaped it; `UNKNOWN` otherwise.
    """
    try:
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if result is None:
            return UNKNOWN
        exited = result.si_code == os.CLD_EXITED
        return _told(result.si_status if exited else None, None if exited else result.si_status)
    except ChildProcessError:
        pass
    info = bytearray(_INFO_SIZE)
    struct.pack_into("Q", info, 0, _WITH_EXIT)
    try:
        fcntl.ioctl(pidfd, _GET_INFO, info)
    except OSError:
        return UNKNOWN
    (mask,) = struct.unpack_from("Q", info)
    (status,) = struct.unpack_from("i", info, _CODE_AT)
    if not mask & _WITH_EXIT:
        return UNKNOWN
    exited = os.WIFEXITED(status)
    return _told(
        os.WEXITSTATUS(status) if exited else None, None if exited else os.WTERMSIG(status)
    )


def _told(code: int | None, signum: int | None) -> str:
    if code is not None:
        return f"its process exited with code {code}"
    try:
        name = signal.Signals(signum or 0).name
    except ValueError:
        name = f"signal {signum}"
    return f"its process was killed by {name}"
