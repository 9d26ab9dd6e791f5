"""The score table of an evaluation, for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from runners._evaluation import Scored


def show(scored: Sequence[Scored], console: Console) -> None:
    """Print scores with floors, where the notebooks are, and who is flagged."""
    raise NotImplementedError
