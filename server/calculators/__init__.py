"""Calculators that a task may offer beside the notebook, one file each.

`server/calculators/<name>.py` defines `calculator`; a family names those it allows in
`Family.calculators`. Pure functions of their arguments: none sees an instance, a key or a file.
"""

from server.calculators._core import CALCULATORS as CALCULATORS
from server.calculators._core import Calculator as Calculator
