"""What is true: keys, worlds, reference solvers, floors' policies. Imports `tasks` only.

A truth is a module `ground_truth/<group>/<name>.py` that defines `truth`, namesake of a family.
Never importable where agent code runs; the server reaches it through `server/vault.py` alone.
"""

from ground_truth._core import TRUTHS as TRUTHS
from ground_truth._core import Drawn as Drawn
from ground_truth._core import Key as Key
from ground_truth._core import Player as Player
from ground_truth._core import Related as Related
from ground_truth._core import Relation as Relation
from ground_truth._core import Rng as Rng
from ground_truth._core import Truth as Truth
from ground_truth._core import answered as answered
from ground_truth._core import draw as draw
from ground_truth._core import played as played
from ground_truth._core import related as related
from ground_truth._core import stream as stream
from ground_truth._secret import SecretStore as SecretStore
from ground_truth._secret import record_key as record_key
