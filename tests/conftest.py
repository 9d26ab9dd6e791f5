"""What every test may use: a private state folder, and real daemons that die with their tests."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.state import StateFolder


def end_daemon(home: Path) -> None:
    """Kill the daemon of a state folder, if one lives; returns once it is gone."""
    state = StateFolder(home)
    info = state.info()
    if info is None:
        return
    handle = os.pidfd_open(info.pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        _wait(handle)
    finally:
        os.close(handle)


def _wait(pidfd: int) -> None:
    import select

    assert select.select([pidfd], [], [], 30)[0], "the daemon survived SIGKILL"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """PROCTOR_HOME of this test alone, short enough for unix sockets; its daemon is ended."""
    with tempfile.TemporaryDirectory(prefix="pr", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("PROCTOR_HOME", folder)
        monkeypatch.delenv("PROCTOR_TOKEN", raising=False)
        yield Path(folder)
        end_daemon(Path(folder))


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Path]:
    """A state folder that the tests of one module share, for those that need a live daemon."""
    with tempfile.TemporaryDirectory(prefix="pr", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
        end_daemon(Path(folder))
