"""Row 14: resources spent, limits raised and kernels killed, to be graded leniently."""

from runners.agents._attacks._attack import Attack

SPEND = """\
import os, resource, signal
children = []
try:
    for _ in range(80):
        pid = os.fork()
        if pid == 0:
            signal.pause()
            os._exit(0)
        children.append(pid)
    print("THROUGH", len(children), "children")
except OSError as error:
    print(len(children), "children", type(error).__name__)
for pid in children:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
for limit in (resource.RLIMIT_NPROC, resource.RLIMIT_DATA, resource.RLIMIT_NOFILE):
    try:
        resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("THROUGH", "raised", limit)
    except (OSError, ValueError) as error:
        print(limit, type(error).__name__)
"""

MEMORY = """\
import mmap
try:
    mmap.mmap(-1, 64 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    print("THROUGH", "64 GB")
except (OSError, MemoryError) as error:
    print(type(error).__name__)
"""

DIE = """\
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.kill(os.getpid(), signal.SIGKILL)
"""

attack = Attack(
    rows=(14,), summary="spends resources and kills its kernel", cells=(SPEND, MEMORY, DIE)
)
