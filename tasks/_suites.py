"""Families by name and by suite. A suite is a prefix of family ids or a group tag."""

from typing import Any

from tasks._core import Family
from tasks._errors import UnknownUnitError, nearest
from tasks._find import Shelf

FAMILIES: Shelf[Family[Any, Any]] = Shelf(
    package="tasks", attribute="family", kind=Family, group="proctor.tasks", nested=True
)


def family(name: str) -> Family[Any, Any]:
    """Return the family `group/name`.

    Raises:
        UnknownUnitError: none has that name; the message lists the nearest.
    """
    return FAMILIES.find(name)


def in_suite(suite: str) -> list[str]:
    """Names of the families in a suite: `all`, a family, a prefix of ids, or a group tag.

    Families of open keys (published forms) belong to `all`, to a tag or to their group's name only
    where nothing else does: ask for them by their folder (`strategic/v0`).

    Raises:
        UnknownUnitError: no family matches.
    """
    names = FAMILIES.names()
    if suite == "all":
        return _closed(names)
    prefixed = _closed([n for n in names if n == suite or n.startswith(f"{suite.rstrip('/')}/")])
    tagged = _closed([n for n in names if suite in FAMILIES.find(n).tags]) if not prefixed else []
    if not prefixed and not tagged:
        tags = sorted({tag for n in names for tag in FAMILIES.find(n).tags})
        raise UnknownUnitError(
            f"No family belongs to the suite {suite!r}.{nearest(suite, [*names, *tags])} "
            f"A suite is `all`, a family or prefix ({', '.join(names)}) or a tag "
            f"({', '.join(tags)})."
        )
    return prefixed or tagged


def _closed(names: list[str]) -> list[str]:
    return [n for n in names if not FAMILIES.find(n).open_keys] or names
