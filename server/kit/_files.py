"""Reads the files of the task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

TASK = Path("task")
"""Folder of the task's files, relative to the notebook's working directory."""


def load_instance(folder: Path | str = TASK) -> dict[str, Any]:
    """Everything that is told about the task, as JSON values."""
    return json.loads((Path(folder) / "instance.json").read_text())


def load_data(folder: Path | str = TASK) -> dict[str, Tensor]:
    """The task's data as named tensors."""
    from safetensors.torch import load_file

    return load_file(Path(folder) / "data.safetensors")
