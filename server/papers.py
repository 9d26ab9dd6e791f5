"""Notebooks of earlier practice, found by the path an agent gives.

The one folder an agent may name is `runs/practice_*/notebooks/`: records of graded attempts and
anything else on this machine are not there to be read or written over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from server.cells import CellType
from tasks import AgentFault, RecordError, nearest
from tasks._record import about, load_notebook

MAX_BYTES = 32 * 2**20
MAX_CELLS = 1_000


@dataclass(frozen=True)
class Paper:
    """One notebook on disk."""

    run: Path
    relative: str
    """Path below the run folder."""
    cells: Sequence[tuple[CellType, str]]
    """Type and source of each."""
    of_task: bool
    """It is the record of an attempt at a task."""

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.run / self.relative

    @property
    def stem(self) -> str:
        """Its name without date and ending, to name a copy."""
        stem = self.path.stem
        return stem[17:] if stem[:4].isdecimal() and stem[16:17] == "_" else stem


def find(runs: Path, asked: str, here: Path) -> Paper:
    """Read the notebook an agent names.

    Args:
        runs: the folder of run folders.
        asked: absolute, relative to `runs` or to `here/notebooks`, or a bare name there.
        here: the practice run folder of this client.

    Raises:
        AgentFault: outside, missing, or no notebook.
    """
    if ".." in Path(asked).parts or "\0" in asked:
        raise AgentFault("notebook_path may not contain '..'.")
    path = _existing(asked, (here / "notebooks", here, runs))
    if path is None:
        known = [p.name for p in (here / "notebooks").glob("*.ipynb")]
        raise AgentFault(
            f"There is no notebook {asked!r}.{nearest(Path(asked).name, known)} "
            "list_sessions shows the notebooks of open sessions."
        )
    root = runs.resolve()
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    practice = len(parts) == 3 and parts[0].startswith("practice_") and parts[1] == "notebooks"
    if not practice or path.suffix != ".ipynb":
        raise AgentFault(
            f"{asked!r} is not a notebook of a practice session; only `.ipynb` files in "
            f"{here / 'notebooks'} (or another practice folder beside it) can be opened."
        )
    return _read(path)


def _existing(asked: str, bases: Sequence[Path]) -> Path | None:
    for base in bases:
        try:
            path = (base / asked).resolve()
            if path.is_file():
                return path
        except OSError:
            continue  # a name too long, a loop of links
    return None


def _read(path: Path) -> Paper:
    try:
        notebook = load_notebook(path, MAX_BYTES)
    except RecordError as error:
        raise AgentFault(f"This is not a notebook that can be opened. {error}") from error
    cells = [(cell["cell_type"], cell["source"]) for cell in notebook["cells"]]
    if len(cells) > MAX_CELLS:
        raise AgentFault(f"The notebook has {len(cells):,} cells; {MAX_CELLS:,} can be restored.")
    return Paper(
        run=path.parents[1],
        relative=f"notebooks/{path.name}",
        cells=cells,
        of_task=bool(about(notebook).get("instance")),
    )
