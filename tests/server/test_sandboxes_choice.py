"""Choosing a sandbox: the live probe decides, a refusal helps; what the layers are made of."""

import ctypes
import ctypes.util
import sys
from pathlib import Path

import pytest

from server.sandboxes import (
    Limits,
    ProbeReport,
    Sandbox,
    SandboxError,
    Setting,
    Tier,
    _cgroup,
    _seccomp,
    _view,
    choose,
)
from server.sandboxes._ask import ask
from server.sandboxes._choose import refusal, tiers
from server.sandboxes._core import Probe
from server.sandboxes._fixes import Host, fix, this_host
from server.sandboxes._hardening import Hardening
from server.sandboxes._view import own_files, view
from tasks import UsageError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="rooms are Linux's")
LIMITS = Limits()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_choose_refuses_an_unknown_tier_and_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean bwrap"):
        await choose("bwarp")


@pytest.mark.anyio
async def test_a_tier_that_leaks_is_refused_with_the_probe_and_the_fix() -> None:
    setting = Setting(preload=(), dropped=frozenset({"net"}))
    with pytest.raises(SandboxError) as caught:
        await choose("bwrap", setting=setting)
    assert caught.value.exit_code == 2
    text = str(caught.value)
    assert "network.tcp leaks: connected" in text
    assert "What to do: " in text
    assert "--no-sandbox" in text


@pytest.mark.anyio
async def test_a_chosen_tier_brings_its_report_for_the_record() -> None:
    sandbox, report = await choose("bwrap", setting=Setting(preload=()))
    await sandbox.close()
    record = report.record()
    assert record["tier"] == "bwrap"
    assert record["sealed"] is True
    assert all(probe.held for probe in report.probes)
    assert report.versions["bubblewrap"].startswith("bubblewrap ")


@pytest.mark.anyio
async def test_no_sandbox_is_a_tier_of_its_own_and_never_sealed() -> None:
    sandbox, report = await choose("none")
    try:
        box = await sandbox.start(LIMITS)
        assert await ask(box, "import kit", "6 * 7") == 42
        assert report.record()["sealed"] is False
        assert box.tier is Tier.NONE
    finally:
        await sandbox.close()


def test_a_vital_control_that_fails_fails_the_tier() -> None:
    vain = Probe("files.path", held=True, control=False, detail="ENOENT", vital=True)
    optional = Probe("sockets.families", held=True, control=False, detail="none")
    report = ProbeReport(Tier.BWRAP, passed=False, probes=(vain, optional))
    assert report.failed == (vain,)
    assert "files.path could not be shown to hold" in refusal([report])


@pytest.mark.parametrize(
    ("host", "words"),
    [
        (Host("Darwin", {}, False, False, 1), "Darwin has no sealed tier"),
        (Host("Linux", {"ID": "debian"}, True, False, 1), "docker run --security-opt"),
        (Host("Linux", {"ID": "ubuntu"}, False, True, 1), "bwrap-userns-restrict"),
        (Host("Linux", {"ID": "ubuntu"}, False, False, 0), "unprivileged_userns_clone=1"),
        (Host("Linux", {"ID": "rocky", "ID_LIKE": "rhel centos"}, False, False, 0), "namespaces=1"),
        (Host("Linux", {"ID": "rocky", "ID_LIKE": "rhel centos"}, False, False, 9), "dnf install"),
        (Host("Linux", {"ID": "arch"}, False, False, 9), "pacman"),
    ],
)
def test_the_fix_is_this_distributions(host: Host, words: str) -> None:
    assert words in fix(host)


def test_a_host_is_read_from_its_files(tmp_path: Path) -> None:
    for name, text in {
        "etc/os-release": 'ID=ubuntu\nVERSION_ID="24.04"\n',
        "proc/sys/user/max_user_namespaces": "100\n",
        "proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n",
        ".dockerenv": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    host = this_host(tmp_path)
    assert host.os_release["ID"] == "ubuntu"
    assert (host.container, host.restricts_userns, host.userns_limit) == (True, True, 100)


def test_system_call_numbers_agree_with_libseccomp() -> None:
    name = ctypes.util.find_library("seccomp")
    if name is None:
        pytest.skip("libseccomp is not installed here; the product does not need it")
    resolve = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    for calls in _seccomp.DENIED.values():
        for call, numbers in calls.items():
            for arch, number in zip((0xC000003E, 0xC00000B7), numbers, strict=True):
                known = resolve(arch, call.encode())
                assert number == known or (number == -1 and known < 0), call


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(SandboxError, match="riscv64"):
        _seccomp.program(machine="riscv64")


def test_an_unknown_hardening_item_is_refused() -> None:
    with pytest.raises(ValueError, match="nett"):
        Hardening({"nett"})


def test_the_view_covers_what_is_hidden_where_a_folder_above_it_is_shown(tmp_path: Path) -> None:
    site = next(path for path in own_files() if path.suffix == ".pth")
    hidden = [site.parent / "anyio"]
    arguments = view(hidden).arguments
    target = f"/opt/venv/lib/{Path(site).parents[1].name}/site-packages/anyio"
    assert arguments[arguments.index(target) - 1] == "--tmpfs"


SEEN = """
import importlib.util, os, sys
def readable(path):
    try: return os.path.isfile(path) and len(open(path, "rb").read(1)) > 0
    except OSError: return False
def seen():
    found = []
    for name in ("tasks", "ground_truth", "evaluators", "server", "runners", "proctor"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None: found.append(spec.origin)
    for top in sys.path:
        for folder, _, names in os.walk(top) if top.startswith("/opt/site") else ():
            found += [os.path.join(folder, name) for name in names]
    return [path for path in found if readable(path)]
"""


@pytest.mark.anyio
@pytest.mark.parametrize("tier", ["zygote", "bwrap"])
async def test_an_installed_wheel_of_ours_is_invisible_in_the_room(
    tier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as from a checkout, but with our packages among the environment's."""
    site = tmp_path / "site-packages"
    files = {"tasks/__init__.py", "ground_truth/keys.py", "proctor.py", "other.py"}
    files |= {"proctor-9.9.dist-info/METADATA", "__pycache__/proctor.cpython-311.pyc"}
    for name in files:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("Metadata-Version: 2.1\nName: proctor\nVersion: 9.9\n")
    record = "".join(f"{name},,\n" for name in sorted(files - {"other.py"}))
    (site / "proctor-9.9.dist-info" / "RECORD").write_text(record)
    for folder in (site, *site.parents[:3]):
        folder.chmod(0o755)
    folders = [*_view.package_folders(), site]
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(_view, "package_folders", folders.__iter__)
    sandbox: Sandbox = tiers().find(tier)(Setting(preload=()))
    try:
        box = await sandbox.start(LIMITS)
        seen = await ask(box, SEEN, "seen()")
    finally:
        await sandbox.close()
    assert [Path(path).name for path in seen] == ["other.py"]


def _tree(root: Path, controllers: str) -> tuple[Path, Path]:
    """A cgroup tree of plain files, in which our process lies in `session/scope`."""
    for folder in (root, root / "session", root / "session" / "scope"):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.subtree_control").write_text("")
    (root / "session" / "cgroup.subtree_control").write_text(controllers)
    own = root / "own"
    own.write_text("1:name=systemd:/\n0::/session/scope\n")
    return root, own


def test_a_delegated_cgroup_is_found_at_the_parent_and_encloses_a_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def passed(made: _cgroup.Delegation) -> None:
        assert made.path.is_dir()

    monkeypatch.setattr(_cgroup, "_enclose_for_trial", passed)
    found = _cgroup.delegation(*_tree(tmp_path, "cpu memory pids\n"))
    assert found is not None
    assert found.path.parent == tmp_path / "session"
    assert (found.path / "cgroup.subtree_control").read_text() == "+memory +pids"
    room = found.enclose(4711, "room", Limits(memory_mb=64, processes=9))
    told = {file.name: file.read_text() for file in room.path.iterdir()}
    assert told["memory.max"] == str(64 << 20)
    assert told["memory.oom.group"] == "1"
    assert told["pids.max"] == "9"
    assert told["cgroup.procs"] == "4711"
    assert not room.overran()
    (room.path / "memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    assert room.overran()


def test_a_cgroup_without_the_controllers_or_refusing_the_trial_is_not_used(tmp_path: Path) -> None:
    assert _cgroup.delegation(*_tree(tmp_path, "cpu pids\n")) is None
    assert _cgroup.delegation(tmp_path, tmp_path / "absent") is None
