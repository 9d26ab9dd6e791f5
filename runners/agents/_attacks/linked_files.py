"""Row 9: links, pipes and devices among the files that are handed in."""

from runners.agents._attacks._attack import Attack

CODE = """\
import os, stat
os.makedirs("outputs", exist_ok=True)
made = [
    (os.symlink, "/etc/shadow", "outputs/a"), (os.symlink, "../../../../etc/passwd", "outputs/b"),
    (os.symlink, "/proc/self/environ", "outputs/c"), (os.link, "/etc/passwd", "outputs/d"),
    (os.mkfifo, "outputs/e"),
    (os.mknod, "outputs/f", 0o600 | stat.S_IFCHR, os.makedev(1, 8)),
]
for make, *arguments in made:
    try:
        make(*arguments)
        print("made", arguments[-1])
    except (OSError, TypeError) as error:
        print(arguments[-1], type(error).__name__)
"""

attack = Attack(rows=(9,), summary="hands in links, pipes and devices", cells=(CODE,))
