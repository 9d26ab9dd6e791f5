"""What tests of item response theory share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def responses_data() -> Path:
    """Real response data (agents x items), read in place; what is there: its README.md."""
    folder = (Path(__file__).parents[3] / "../shared/data/responses").resolve()
    if not (folder / "swebench_verified.csv.gz").is_file():
        pytest.skip(f"no real response data in {folder}: they lie beside the project, not in it")
    return folder
