"""The environment of a room: made anew, nothing of the server's is passed on."""

import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from server.sandboxes._core import Limits

PYTHON = "/opt/python"
"""Where the base interpreter lies in a room that has its own view of files."""
VENV = "/opt/venv"
KIT = "/opt/kit"
"""Parent of the package `kit`."""
TMP = "/tmp"  # noqa: S108 - the room's own


def environment(
    limits: Limits,
    *,
    home: str = "/work",
    kit: str = KIT,
    tmp: str = TMP,
    packages: Sequence[str] = (),
) -> dict[str, str]:
    """Variables of a room's kernel."""
    threads = str(limits.threads)
    return {
        "PATH": f"{VENV}/bin:{PYTHON}/bin:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "USER": "agent",
        "LOGNAME": "agent",
        "LANG": "C.UTF-8",
        "TMPDIR": tmp,
        "IPYTHONDIR": f"{tmp}/.ipython",
        "JUPYTER_CONFIG_DIR": f"{tmp}/.jupyter",
        "JUPYTER_NO_CONFIG": "1",
        "MPLCONFIGDIR": f"{tmp}/.matplotlib",
        "XDG_CACHE_HOME": f"{tmp}/.cache",
        "PYTHONPATH": ":".join([kit, *packages]),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "NUMEXPR_NUM_THREADS": threads,
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "WANDB_MODE": "disabled",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        **_loader(),
    }


def _loader() -> dict[str, str]:
    """Where a Python built as a shared library finds it once it is shown at another path."""
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and Path(sys.base_prefix).parts[1] != "usr":
        return {"LD_LIBRARY_PATH": f"{PYTHON}/lib"}
    return {}
