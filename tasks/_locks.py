"""Lock files by which processes say that they hold a folder."""

import fcntl
import os
from pathlib import Path


def locked(path: Path) -> bool:
    """Whether some process holds the lock file at `path`; one that cannot be opened is not held."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
