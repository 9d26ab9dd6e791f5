"""Rooms as the daemon uses them: start and stop, files, usage, restarts, choice, remains."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from server.sandboxes import (
    Limits,
    ProbeReport,
    SandboxError,
    Setting,
    Tier,
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
SEALED = ("zygote", "bwrap")
LIMITS = Limits()


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(params=SEALED)
def tier(request):
    return request.param


@pytest.fixture
async def sandbox(tier):
    unit = tiers().find(tier)(Setting(preload=()))
    yield unit
    await unit.close()


@pytest.fixture
async def zygote():
    unit = tiers().find("zygote")(Setting(preload=()))
    yield unit
    await unit.close()


@pytest.mark.anyio
async def test_a_room_computes_and_dies_on_request(sandbox):
    box = await sandbox.start(LIMITS)
    assert box.alive()
    assert await ask(box, "x = 20 + 1", "2 * x") == 42
    await box.kill()
    assert not box.alive()
    await box.kill()


@pytest.mark.anyio
async def test_a_room_has_its_work_folder_the_kit_and_nothing_of_the_server(sandbox):
    box = await sandbox.start(LIMITS)
    assert await ask(box, "import os", "os.getcwd()") == "/work"
    assert set(await ask(box, "", "os.listdir()")) == {"task", "outputs"}
    assert await ask(box, "import kit", "kit.__file__") == "/opt/kit/kit/__init__.py"
    assert await ask(box, "", "os.environ['OMP_NUM_THREADS']") == "1"
    assert "PROCTOR_HOME" not in await ask(box, "", "list(os.environ)")
    assert await ask(box, "", "[n for n in os.listdir('/') if n in ('root', 'home', 'var')]") == []


@pytest.mark.anyio
async def test_files_go_in_and_come_out(sandbox):
    box = await sandbox.start(LIMITS)
    box.write_file("task/deep/er/instance.json", b'{"n": 3}')
    read = "open('task/deep/er/instance.json').read()"
    assert await ask(box, "", read) == '{"n": 3}'
    await ask(box, "open('outputs/plot.txt', 'w').write('made here')")
    assert box.read_file("outputs/plot.txt", 100) == b"made here"
    assert [(e.name, e.kind, e.size) for e in box.list_files("outputs")] == [
        ("plot.txt", "file", 9)
    ]
    with pytest.raises(SandboxError, match="longer than the 4 bytes"):
        box.read_file("outputs/plot.txt", 4)
    with pytest.raises(SandboxError, match="outside the folder"):
        box.write_file("../escape", b"")
    with pytest.raises(SandboxError, match="No such file"):
        box.read_file("outputs/none", 4)


@pytest.mark.anyio
async def test_a_full_room_refuses_the_hosts_file_and_tells_why(sandbox):
    box = await sandbox.start(replace(LIMITS, disk_mb=2))
    with pytest.raises(SandboxError, match="No space left"):
        box.write_file("task/large", b"1" * (3 << 20))


@pytest.mark.anyio
async def test_a_restart_keeps_the_work_folder(sandbox):
    first = await sandbox.start(LIMITS)
    await ask(first, "import os; os.makedirs('a/b'); open('a/b/c', 'w').write('kept')")
    await ask(first, "os.symlink('/etc/passwd', 'a/link'); open('/tmp/gone', 'w').close()")
    first.signal(signal.SIGKILL)
    await first.wait()
    second = await sandbox.start(LIMITS, keep=first)
    await first.kill()
    assert second.read_file("a/b/c", 10) == b"kept"
    assert [entry.name for entry in second.list_files("a")] == ["b"]
    assert (
        await ask(second, "import os; open('a/b/c', 'a').write('!')", "os.path.exists('/tmp/gone')")
        is False
    )
    assert second.read_file("a/b/c", 10) == b"kept!"


@pytest.mark.anyio
async def test_usage_tells_memory_processes_and_disk(sandbox):
    box = await sandbox.start(LIMITS)
    before = box.usage()
    code = "import subprocess; b = bytearray(50 << 20); p = subprocess.Popen(['sleep', '100'])"
    await ask(box, code + "\nopen('f', 'wb').write(b'1' * (10 << 20))")
    after = box.usage()
    assert 50 < after.memory_mb - before.memory_mb < 100
    assert after.processes == before.processes + 1
    assert 9 < after.disk_mb - before.disk_mb < 12
    await box.kill()
    assert box.usage().processes == 0


@pytest.mark.anyio
async def test_an_interrupt_reaches_the_cell_and_the_kernel_lives_on(sandbox):
    box = await sandbox.start(LIMITS)
    code = (
        "try:\n    open('started', 'w').close()\n    while True: pass\n"
        "except KeyboardInterrupt:\n    caught = True"
    )
    told = []

    async def run():
        told.append(await ask(box, code, "caught"))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        with anyio.fail_after(30):
            while "started" not in [entry.name for entry in box.list_files()]:
                await anyio.lowlevel.checkpoint()
        box.signal(signal.SIGINT)
    assert told == [True]


@pytest.mark.anyio
async def test_killing_a_room_kills_its_daemons(sandbox):
    box = await sandbox.start(LIMITS)
    code = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
        "    if os.fork() == 0: time.sleep(1000)\n    os._exit(0)"
    )
    await ask(box, code)
    from server.sandboxes._usage import members

    watched = [os.pidfd_open(pid) for pid in members(box.leader)]
    assert len(watched) >= 2
    await box.kill()
    for fd in watched:
        with anyio.fail_after(10):
            await anyio.wait_readable(fd)
        os.close(fd)


@pytest.mark.anyio
async def test_the_death_of_a_kernel_is_noticed(sandbox):
    box = await sandbox.start(LIMITS)
    with pytest.raises(SandboxError, match="died"):
        await ask(box, "import os; os._exit(3)")
    with anyio.fail_after(5):
        await box.wait()
    assert not box.alive()


def _remains():
    mounts = len(Path("/proc/self/mountinfo").read_text().splitlines())
    return sum(1 for _ in Path("/proc/self/fd").iterdir()), mounts


@pytest.mark.anyio
async def test_two_hundred_rooms_leave_nothing_behind(zygote):
    await (await zygote.start(LIMITS)).kill()
    from server.sandboxes._usage import members

    before, running = _remains(), len(members(os.getpid()))
    for _ in range(25):
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(_open_and_kill, zygote)
    assert _remains() == before
    # The zygote may still be burying the one before the first count.
    assert len(members(os.getpid())) <= running
    assert len(zygote._rooms) == 0


async def _open_and_kill(sandbox):
    box = await sandbox.start(LIMITS)
    await box.kill()


@pytest.mark.anyio
async def test_a_dead_zygote_is_replaced(zygote):
    box = await zygote.start(LIMITS)
    zygote._parent.spawned.process.kill()
    with anyio.fail_after(10):
        await box.wait()
        zygote._parent.spawned.process.wait()
    await box.kill()
    again = await zygote.start(LIMITS)
    assert await ask(again, "", "6 * 7") == 42


@pytest.mark.anyio
async def test_a_zygote_is_renewed_when_it_is_old_and_empty():
    now = [0.0]
    unit = tiers().find("zygote")(Setting(preload=()), lambda: now[0])
    try:
        box = await unit.start(LIMITS)
        first = unit._parent
        now[0] = 90_000.0
        second_box = await unit.start(LIMITS)
        assert unit._parent is first
        await box.kill()
        await second_box.kill()
        await unit.open()
        assert unit._parent is not first
    finally:
        await unit.close()


@pytest.mark.anyio
async def test_forked_kernels_share_no_random_state(zygote):
    one, two = await zygote.start(LIMITS), await zygote.start(LIMITS)
    code = "import random, numpy as np"
    draw = "[random.random(), float(np.random.random())]"
    first, second = await ask(one, code, draw), await ask(two, code, draw)
    assert all(a != b for a, b in zip(first, second, strict=True))


@pytest.mark.anyio
async def test_a_zygote_that_cannot_load_its_modules_tells_why():
    unit = tiers().find("zygote")(Setting(preload=("no_such_module",)))
    with pytest.raises(SandboxError, match="No module named 'no_such_module'"):
        await unit.start(LIMITS)
    await unit.close()


@pytest.mark.anyio
async def test_choose_refuses_an_unknown_tier_and_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean bwrap"):
        await choose("bwarp")


@pytest.mark.anyio
async def test_a_tier_that_leaks_is_refused_with_the_probe_and_the_fix():
    setting = Setting(preload=(), dropped=frozenset({"net"}))
    with pytest.raises(SandboxError) as caught:
        await choose("bwrap", setting=setting)
    assert caught.value.exit_code == 2
    text = str(caught.value)
    assert "network.tcp leaks: connected" in text
    assert "What to do: " in text
    assert "--no-sandbox" in text


@pytest.mark.anyio
async def test_a_chosen_tier_brings_its_report_for_the_record():
    sandbox, report = await choose("bwrap", setting=Setting(preload=()))
    await sandbox.close()
    record = report.record()
    assert record["tier"] == "bwrap"
    assert record["sealed"] is True
    assert set(record["probes"].values()) == {"held"}
    assert record["versions"]["bubblewrap"].startswith("bubblewrap ")


@pytest.mark.anyio
async def test_no_sandbox_is_a_tier_of_its_own_and_never_sealed():
    sandbox, report = await choose("none")
    try:
        box = await sandbox.start(LIMITS)
        assert await ask(box, "import kit", "6 * 7") == 42
        assert report.record()["sealed"] is False
        assert box.tier is Tier.NONE
    finally:
        await sandbox.close()


def test_a_vital_control_that_fails_fails_the_tier():
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
def test_the_fix_is_this_distributions(host, words):
    assert words in fix(host)


def test_a_host_is_read_from_its_files(tmp_path):
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


def test_system_call_numbers_agree_with_libseccomp():
    import ctypes
    import ctypes.util

    name = ctypes.util.find_library("seccomp")
    if name is None:
        pytest.skip("libseccomp is not installed here; the product does not need it")
    resolve = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    for calls in _seccomp.DENIED.values():
        for call, numbers in calls.items():
            for arch, number in zip((0xC000003E, 0xC00000B7), numbers, strict=True):
                known = resolve(arch, call.encode())
                assert number == known or (number == -1 and known < 0), call


def test_an_unknown_architecture_is_refused():
    with pytest.raises(SandboxError, match="riscv64"):
        _seccomp.program(machine="riscv64")


def test_an_unknown_hardening_item_is_refused():
    with pytest.raises(ValueError, match="nett"):
        Hardening({"nett"})


def test_the_view_covers_what_is_hidden_where_a_folder_above_it_is_shown(tmp_path):
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
async def test_an_installed_wheel_of_ours_is_invisible_in_the_room(tier, tmp_path, monkeypatch):
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
    monkeypatch.setattr(_view, "package_folders", lambda: iter(folders))
    sandbox = tiers().find(tier)(Setting(preload=()))
    try:
        box = await sandbox.start(LIMITS)
        seen = await ask(box, SEEN, "seen()")
    finally:
        await sandbox.close()
    assert [Path(path).name for path in seen] == ["other.py"]
