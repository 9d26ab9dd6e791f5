"""`from proctor import irt`: what a script of somebody's own meets."""

import subprocess
import sys

import pytest

from proctor import irt


@pytest.mark.parametrize("name", sorted(irt.PLACES))
def test_every_public_name_is_there_and_explains_itself(name: str):
    assert name in dir(irt)
    assert getattr(irt, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'fitt'"):
        irt.fitt  # noqa: B018 - that it is asked for is the test


def test_a_fit_loads_neither_torch_nor_pandas_nor_matplotlib():
    code = (
        "import sys\n"
        "from proctor import irt\n"
        "drawn = irt.simulate('2pl', 40, 30, seed=1)\n"
        "assert irt.fit(drawn.table, '2pl').converged\n"
        "print([m for m in ('torch', 'pandas', 'matplotlib', 'sklearn') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
