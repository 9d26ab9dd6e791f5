"""No escape from a sealed room: both tiers, as root and as an ordinary user.

Every attack has a positive control (it gets through outside) and every hardening item a mutation
(left out, the attack it answers gets through inside). A tier that does not work here fails.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from server.sandboxes._hardening import ITEMS

HERE = Path(__file__).parent
USER = 12345
SEALED = ("zygote", "bwrap")
USERS = ("root", "user")
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="sealed rooms are Linux's"),
    pytest.mark.timeout(180),
]
both_tiers = pytest.mark.parametrize("tier", SEALED)
both_users = pytest.mark.parametrize("user", USERS)

# What no machine need have outside; everything else must get through there.
OPTIONAL_CONTROLS = {"user": {"identity"}, "root": set[str]()}

Row = tuple[list[str], list[str]]
"""Hardening items left out, and the attacks that must then get through."""
EVERYWHERE: list[Row] = [
    (["view"], ["files.path"]),
    (["mask"], ["files.ours"]),
    (["env"], ["environment"]),
    (["pid"], ["processes.seen"]),
    (["net"], ["network.tcp", "network.udp", "network.interfaces", "sockets.abstract"]),
    (["ipc"], ["namespaces.own"]),
    (["uts"], ["hostname"]),
    (["size"], ["disk.size"]),
    (["capabilities"], ["privileges"]),
    (["nproc"], ["processes.many"]),
    (["data"], ["memory.private"]),
    (["fsize"], ["limits"]),
    (["nofile"], ["limits"]),
    (["seccomp.namespaces"], ["mounts"]),
    (["seccomp.tracing"], ["tracing"]),
    (["seccomp.kernel"], ["kernel.calls"]),
    (["seccomp.memory"], ["memory.uncounted"]),
    (["seccomp.families"], ["sockets.families"]),
    (["seccomp.terminal"], ["terminal"]),
]
# Where two items answer one attack, both are left out: either alone holds it.
ONLY: dict[str, list[Row]] = {
    "zygote root": [(["descriptors"], ["descriptors"])],
    "zygote user": [(["descriptors"], ["descriptors"]), (["userns"], ["identity"])],
    "bwrap root": [],
    "bwrap user": [(["userns", "seccomp.namespaces"], ["namespaces.new"])],
    "root": [
        (["identity"], ["identity", "processes.many"]),
        (["dev", "identity"], ["disk.elsewhere"]),
        (["root", "identity"], ["disk.elsewhere"]),
    ],
    "user": [(["dev"], ["disk.elsewhere"]), (["root"], ["disk.elsewhere"])],
}
# Two live rooms prove the first, a flood of memory the second.
ELSEWHERE = {"devpts", "watch"}


def table(tier: str, user: str) -> list[Row]:
    return [*EVERYWHERE, *ONLY[user], *ONLY[f"{tier} {user}"]]


def command(user: str, name: str, **arguments: Any) -> list[str]:
    words = [sys.executable, "-P", str(HERE / "scene.py"), name, json.dumps(arguments)]
    if user == "root":
        if os.geteuid() != 0:
            pytest.skip("these tests do not run as root here")
        return words
    if os.geteuid() != 0:
        return words
    return [sys.executable, "-P", str(HERE / "as_user.py"), str(USER), *words]


def play(user: str, folder: Path, name: str, **arguments: Any) -> Any:
    """Run a scene as that user and return what it tells."""
    folder.chmod(0o777)
    done = subprocess.run(
        command(user, name, **arguments),
        env={**os.environ, "HOME": str(folder), "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that an ordinary user can reach and no room mounts anything over."""
    folder = Path(tempfile.mkdtemp(prefix="pr", dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@both_tiers
@both_users
def test_every_attack_is_refused_inside_and_gets_through_outside(
    tier: str, user: str, open_folder: Path
) -> None:
    told = play(user, open_folder, "selftest", tier=tier)
    assert told["error"] == ""
    assert told["leaks"] == []
    assert told["passed"]
    assert told["sealed"]
    assert set(told["vacuous"]) <= OPTIONAL_CONTROLS[user]


@both_tiers
@both_users
def test_each_hardening_item_is_needed(tier: str, user: str, open_folder: Path) -> None:
    told = play(user, open_folder, "mutations", tier=tier, table=table(tier, user))
    held = {what: detail for what, (through, detail) in told.items() if not through}
    assert held == {}


def test_every_hardening_item_has_a_mutation() -> None:
    rows = [row for tier in SEALED for user in USERS for row in table(tier, user)]
    tried = {item for dropped, _ in rows for item in dropped}
    assert tried | ELSEWHERE == set(ITEMS)


@both_tiers
@both_users
def test_two_rooms_see_nothing_of_each_other(tier: str, user: str, open_folder: Path) -> None:
    told = play(user, open_folder, "neighbours", tier=tier)
    assert told["own"] == ["abstract", "file", "process", "tcp", "terminal"]
    assert told["other"] == []


@pytest.mark.parametrize(
    ("dropped", "seen"), [("devpts", ["terminal"]), ("net", ["abstract", "tcp"])]
)
def test_forked_rooms_need_terminals_and_networks_of_their_own(
    dropped: str, seen: list[str], open_folder: Path
) -> None:
    told = play("user", open_folder, "neighbours", tier="zygote", dropped=[dropped])
    assert told["other"] == seen


@both_tiers
@both_users
def test_a_fork_bomb_stops_at_the_limit_and_leaves_the_neighbour_alone(
    tier: str, user: str, open_folder: Path
) -> None:
    told = play(user, open_folder, "forks", tier=tier)
    assert 20 <= told["made"] < 40
    assert told["neighbour"] == 42


@both_tiers
@pytest.mark.parametrize("user", ["user"])
@pytest.mark.parametrize("route", ["shared", "processes", "files"])
def test_memory_by_every_route_ends_the_room_and_not_its_neighbour(
    tier: str, user: str, route: str, open_folder: Path
) -> None:
    told = play(user, open_folder, "flood", tier=tier, route=route)
    assert told["died"]
    assert told["verdict"] == "The kernel was killed: it used more than 300 MB of memory."
    assert told["neighbour"] == 42


def test_without_the_watch_a_flood_goes_on(open_folder: Path) -> None:
    told = play("user", open_folder, "flood", tier="zygote", route="shared", dropped=["watch"])
    assert not told["died"]
    assert told["memory_mb"] > 900


def test_a_forked_room_cannot_make_more_files_than_its_limit(open_folder: Path) -> None:
    told = play("user", open_folder, "flood", tier="zygote", route="inodes")
    assert told["files"] < 500


def test_a_bubblewrap_room_that_makes_too_many_files_is_killed(open_folder: Path) -> None:
    told = play("user", open_folder, "flood", tier="bwrap", route="inodes")
    assert told["verdict"] == "The kernel was killed: it made more than 500 files."


@both_tiers
@both_users
def test_links_and_fifos_planted_for_the_host_are_refused(
    tier: str, user: str, open_folder: Path
) -> None:
    secret = open_folder / "secret"
    secret.write_text("the answer")
    told = play(user, open_folder, "planted", tier=tier, secret=str(secret))
    read = told["read"]
    assert read.pop("honest") == "mine"
    assert all(text.startswith("refused: ") for text in read.values()), read
    assert set(told["naive"].values()) == {"the answer"}
    assert told["write"].startswith("refused: ")
    assert not (open_folder / "verdict.json").exists()
    assert told["over"] is None
    assert told["listed"]["fifo"] == "file"
    assert told["listed"]["absolute"] == "link"


@both_tiers
def test_modules_planted_in_work_are_not_loaded_by_the_next_kernel(
    tier: str, open_folder: Path
) -> None:
    told = play("user", open_folder, "traps", tier=tier)
    assert told["loaded"] == []
    assert {"sitecustomize.py", "json.py", "conftest.py"} <= set(told["kept"])


@pytest.mark.parametrize("tier", [*SEALED, "landlock", "none"])
@both_users
def test_a_killed_daemon_leaves_no_process_behind(tier: str, user: str, open_folder: Path) -> None:
    if tier == "landlock" and user == "root":
        pytest.skip("landlock as root needs an interpreter that other users can reach")
    open_folder.chmod(0o777)
    process = subprocess.Popen(
        command(user, "orphans", tier=tier),
        env={**os.environ, "HOME": str(open_folder), "TMPDIR": str(open_folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        pids = json.loads(process.stdout.readline())["pids"]
        assert len(pids) >= 4
        alive = [os.pidfd_open(pid) for pid in pids]
        process.send_signal(signal.SIGKILL)
        survivors = still_alive(alive, 5.0)
    assert survivors == 0


def still_alive(pidfds: list[int], seconds: float) -> int:
    """How many of the processes still live when the time is over; closes the descriptors."""
    poll = select.poll()
    for fd in pidfds:
        poll.register(fd, select.POLLIN)
    left, end = set(pidfds), time.monotonic() + seconds
    while left and (rest := end - time.monotonic()) > 0:
        for fd, _ in poll.poll(rest * 1000):
            poll.unregister(fd)
            left.discard(fd)
    for fd in pidfds:
        os.close(fd)
    return len(left)


def test_the_reduced_tier_leaks_what_it_is_known_to_leak_and_nothing_else(
    open_folder: Path,
) -> None:
    told = play("user", open_folder, "selftest", tier="landlock")
    assert told["passed"], told
    assert not told["sealed"]
    assert set(told["leaks"]) == {
        "namespaces.own",  # there are none of its own
        "hostname",
        "network.interfaces",  # their names; not to be connected through
        "disk.size",  # on the host's disk; the watch ends a room that fills it
        "sockets.path",  # unix sockets of the same user
        "limits",  # processes are counted together with the user's others
        "privileges",  # the bounding set; no_new_privs makes it worthless
    }
