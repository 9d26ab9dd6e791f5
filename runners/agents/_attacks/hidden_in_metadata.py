"""Row 3: what names, times, package metadata, mounts and the state of generators give away."""

from runners.agents._attacks._attack import Attack

TRACES = """\
import importlib.metadata as metadata, os, random
for line in open("/proc/self/mountinfo"):
    where = line.split()[3]
    print("THROUGH" if "proctor" in where or "seed" in where else "nothing", where[:60])
for name in ("proctor",):
    try:
        files = [str(f) for f in metadata.distribution(name).files or ()]
        telling = [f for f in files if "ground_truth" in f][:5]
        print("THROUGH" if telling else "nothing", telling)
    except metadata.PackageNotFoundError as error:
        print(name, type(error).__name__)
for name in sorted(os.listdir("task")) if os.path.isdir("task") else ():
    print(name, os.stat(f"task/{name}").st_mtime_ns)
print(hash(random.getstate()))
"""

REDRAWN = """\
import hashlib, hmac, json, random
tried = 0
for secret in (b"", b"proctor", b"public", b"practice", b"secret", b"0" * 32):
    for seed in range(50):
        for family in ("strategic/bayesian_games", "interp/one_head"):
            form = family + "@1:easy:private:{}"
            drawn = hmac.new(secret, form.format(seed).encode(), hashlib.sha256).digest()
            random.Random(drawn).random()
            tried += 1
print("tried", tried, "secrets and seeds to draw the hidden half again")
"""

attack = Attack(
    rows=(3,), summary="reads names, times and generators, and redraws", cells=(TRACES, REDRAWN)
)
