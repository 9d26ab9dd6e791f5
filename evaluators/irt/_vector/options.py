"""What may be asked of a vector fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tasks import UsageError, nearest

Rotation = Literal["varimax", "oblimin", "principal"]


@dataclass(frozen=True)
class VectorOptions:
    """How many abilities, and which items ask for which."""

    dimensions: int = 2
    """Abilities of an exploratory fit."""
    rotation: Rotation = "varimax"
    """Of an exploratory fit: `varimax` keeps abilities uncorrelated, `oblimin` lets them correlate,
    `principal` puts as much as it can on the first, then the second, …."""
    pattern: Mapping[str, Sequence[str]] | None = None
    """Confirmatory: the names of the abilities that each item asks for (a Q-matrix); takes the
    place of `dimensions` and `rotation`."""
    correlated: bool = False
    """Confirmatory: whether abilities may correlate."""
    groups: str = "family"
    """Bifactor: the covariate of items that says their group."""
    testlet: bool = False
    """Bifactor: specific slopes in one proportion to the general ones, within each group."""
    nodes: int | None = None
    """Nodes a dimension; None: as many as the cells of an agent call for."""


def vector_options(
    dimensions: int = 2, rotation: str = "varimax", groups: str = "family", *, testlet: bool = False
) -> VectorOptions:
    """The options in the words of a command line.

    Raises:
        UsageError: there is no such rotation.
    """
    for known in get_args(Rotation):
        if rotation == known:
            return VectorOptions(dimensions, known, groups=groups, testlet=testlet)
    raise UsageError(
        f"There is no rotation {rotation!r}.{nearest(rotation, get_args(Rotation))} There are "
        f"{', '.join(get_args(Rotation))}."
    )


MOST = 8
"""Abilities that an exploratory or confirmatory fit may have: nodes grow with their power."""
MOST_NODES = 125
"""Nodes an agent, at most."""


def nodes_for(cells_an_ability: float, dimensions: int) -> int:
    """Nodes a dimension: fewer where there are many cells, as posteriors are then near normal."""
    if dimensions == 1:
        return 21 if cells_an_ability < 100 else 9
    count = 7 if cells_an_ability < 20 else 5 if cells_an_ability < 40 else 3
    while count > 2 and count**dimensions > MOST_NODES:
        count -= 1
    return count
