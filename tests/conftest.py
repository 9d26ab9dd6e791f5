"""What every test may use: a private state folder, and real daemons that die with their tests."""

import os
import select
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from server.state import StateFolder

# Examples are judged by what they give, never by how long a busy machine took for them.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def _end_daemon(home: Path) -> None:
    """Kill the daemon of a state folder, if one lives; returns once it is gone."""
    state = StateFolder(home)
    pid = state.holder()
    if pid is None:
        return
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        assert select.select([handle], [], [], 30)[0], "the daemon survived SIGKILL"
    finally:
        os.close(handle)


@pytest.fixture(scope="session")
def end_daemon() -> Callable[[Path], None]:
    """Kills the daemon of a state folder, if one lives."""
    return _end_daemon


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """PROCTOR_HOME of this test alone, short enough for unix sockets; its daemon is ended."""
    with tempfile.TemporaryDirectory(prefix="pr", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("PROCTOR_HOME", folder)
        monkeypatch.delenv("PROCTOR_TOKEN", raising=False)
        yield Path(folder)
        _end_daemon(Path(folder))


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Path]:
    """A state folder that the tests of one module share, for those that need a live daemon."""
    with tempfile.TemporaryDirectory(prefix="pr", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
        _end_daemon(Path(folder))
