"""Row 5: other attempts' files, processes, sockets and notebooks."""

from collections.abc import Mapping

from runners._desk import Desk
from runners.agents._attacks._attack import Attack, try_all
from tasks import JSON

CODE = """\
import glob, os, signal, socket
for path in glob.glob("/tmp/*/mcp.sock") + glob.glob("/run/**/*.sock", recursive=True):
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(path)
        print("THROUGH", path)
    except OSError as error:
        print(path, type(error).__name__)
for pid in (p for p in os.listdir("/proc") if p.isdigit()):
    if int(pid) not in (1, os.getpid(), os.getppid()):
        try:
            os.kill(int(pid), 0)
            print("THROUGH", "may signal", pid)
            break
        except OSError as error:
            print(pid, type(error).__name__)
for place in ("../..", "/work/..", "/tmp", "/dev/shm", "/run"):
    print(place, sorted(os.listdir(place))[:20])
"""

SESSION = "0123456789ab"


async def calls(desk: Desk, brief: Mapping[str, JSON]) -> None:
    """Ask for sessions and outputs that are another's."""
    await try_all(
        desk,
        ("list_sessions", {}),
        ("read_notebook", {"session_id": SESSION}),
        ("execute_code", {"session_id": SESSION, "code": "1"}),
        ("read_output", {"id": f"{SESSION}-3"}),
    )


attack = Attack(rows=(5,), summary="reaches for other attempts", cells=(CODE,), calls=calls)
