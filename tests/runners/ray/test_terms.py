"""What a node checks before it starts anything. No cluster is needed to ask it."""

import os
import platform
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest

from runners._ray import RayStage, ray_engine
from runners._ray_node import PREFIX, SIGN, Node, Terms, _claimed
from tasks import UsageError


class Rooms:
    """Rooms of a node that must not get as far as starting."""

    def versions(self) -> Mapping[str, str]:
        return {"proctor": "1", "python": "3"}

    def secret(self) -> str:
        return "a secret"


class SilentRooms(Rooms):
    """Rooms whose daemon does not start."""

    def start_node(self, runs: Path, sandbox: str, secret: str) -> None:
        home = Path(os.environ["PROCTOR_HOME"])
        raise UsageError(f"asked for {sandbox} with {secret} in {home.parent.name} {runs.name}")


def opened(rooms: type[Rooms], folder: Path, **changed: object) -> None:
    terms = {
        "rooms": f"{__name__}:{rooms.__name__}",
        "sandbox": "none",
        "agents": ("nop",),
        "versions": {"proctor": "1"},
        "runs": str(folder),
        "sign": "sign",
        **changed,
    }
    anyio.run(Node().open, Terms(**terms), "a secret")  # pyright: ignore[reportArgumentType]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROCTOR_HOME", "somewhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / SIGN).write_text("sign")
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"versions": {"proctor": "2"}}, "proctor 1 instead of 2"),
        ({"sign": "another"}, "does not see the folder"),
        ({"runs": "nowhere"}, "does not see the folder nowhere"),
        ({"agents": ("nop", "solvr")}, "Did you mean solver"),
    ],
    ids=["version", "another", "folder", "agent"],
)
def test_a_node_that_cannot_play_says_why_and_starts_nothing(
    changed: dict[str, object], told: str, runs: Path, tmp_path: Path
):
    with pytest.raises(UsageError, match=told):
        opened(Rooms, runs, **changed)
    assert list(tmp_path.glob(f"*{PREFIX}*")) == []


def test_a_node_names_its_machine(runs: Path):
    with pytest.raises(UsageError, match=platform.node()):
        opened(Rooms, runs, versions={"proctor": "2"})


def test_a_node_has_a_state_folder_of_its_own_and_the_secret_in_it(runs: Path):
    with pytest.raises(UsageError, match=f"asked for none with a secret in {PREFIX}.* runs"):
        opened(SilentRooms, runs)


def test_what_a_killed_node_left_is_removed_by_the_next_and_a_living_one_is_not(
    runs: Path, tmp_path: Path
):
    left = tmp_path / f"{PREFIX}left"
    (left / "state").mkdir(parents=True)
    (left / "held").touch()
    living, handle = _claimed()
    (living / "state").mkdir()
    try:
        with pytest.raises(UsageError, match="asked for"):
            opened(SilentRooms, runs)
        assert not left.exists()
        assert living.exists()
    finally:
        os.close(handle)


async def enter(runs: Path, address: str) -> None:
    stage = RayStage(runs=str(runs), agents=("nop",), address=address)
    async with ray_engine(stage, Rooms()):
        pytest.fail("it opened")


def test_without_ray_it_says_what_to_install(runs: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install -e '\.\[ray\]'"):
        anyio.run(enter, runs, "auto")


@pytest.mark.parametrize("form", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}"])
def test_where_no_cluster_answers_it_says_so_at_once(form: str, runs: Path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        address = form.format(port=taken.getsockname()[1])
        with pytest.raises(UsageError, match=f"No Ray cluster answers at {address}"):
            anyio.run(enter, runs, address)
