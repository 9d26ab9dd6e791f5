"""The file system is the registry: a plain name in a folder is a unit, an underscored one is not.

`names` lists without importing (so that listing families loads no torch); `find` imports one unit
and checks its type. Units of other distributions come in through entry points
(`proctor.tasks`, `proctor.ground_truth`, `proctor.agents`) under the same names.
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Generic, TypeVar

from tasks._errors import UnknownUnitError, nearest

T = TypeVar("T")

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*(?:/[a-z0-9][a-z0-9_]*)+")
"""A nested unit's name; no part of it is underscored machinery."""


@dataclass(frozen=True)
class Shelf(Generic[T]):
    """One kind of unit: where its files lie, what they must define, and its entry point group."""

    package: str
    """Dotted package whose folder is listed, e.g. `tasks`."""
    attribute: str
    """The name a unit's module must define, e.g. `family`."""
    kind: type[T]
    """The type of that object."""
    group: str
    """Entry point group of units from other distributions."""
    nested: bool = False
    """True if units lie in group folders and are named `group/name` (or `group/sub/name`)."""
    apart: frozenset[str] = frozenset()
    """Folders of the package that hold another kind of unit."""

    def names(self) -> list[str]:
        """All unit names, sorted; imports none of them."""
        return sorted({*self.own(), *(e.name for e in self._foreign())})

    def find(self, name: str) -> T:
        """Import the unit `name` and check its type.

        Raises:
            UnknownUnitError: no unit has that name, or its module does not define what it must.
        """
        unit = self._load(name)
        if not isinstance(unit, self.kind):
            raise UnknownUnitError(
                f"{name!r} is in {self.package}/, but its module defines no `{self.attribute}` of "
                f"type {self.kind.__name__} (got {type(unit).__name__})."
            )
        return unit

    def _load(self, name: str) -> object:
        if self._has(name):
            module = importlib.import_module(f"{self.package}.{name.replace('/', '.')}")
            return getattr(module, self.attribute, None)
        for entry in self._foreign():
            if entry.name == name:
                return entry.load()
        known = self.names()
        raise UnknownUnitError(
            f"No {self.attribute} is called {name!r}.{nearest(name, known)} "
            f"There are {len(known)}: {', '.join(known)}."
        )

    def _foreign(self) -> list[EntryPoint]:
        return sorted(entry_points(group=self.group), key=lambda entry: entry.name)

    def _has(self, name: str) -> bool:
        """Whether one of our own units has that name; looks at its own place alone."""
        if not self.nested or not _NAME.fullmatch(name) or name.split("/")[0] in self.apart:
            return name in self.own()
        root = importlib.import_module(self.package).__file__
        if root is None:
            return False
        unit = Path(root).parent / f"{name}.py"
        return unit.is_file() and (unit.parent / "__init__.py").is_file()

    def own(self) -> set[str]:
        """Names of the units in our own folders."""
        root = importlib.import_module(self.package).__file__
        if root is None:
            return set()
        folder = Path(root).parent
        if not self.nested:
            return {unit.stem for unit in _modules(folder)}
        return {
            unit.relative_to(folder).with_suffix("").as_posix()
            for group in _folders(folder)
            if group.name not in self.apart
            for unit in _walk(group)
        }


def _walk(folder: Path) -> Iterator[Path]:
    yield from _modules(folder)
    for inner in _folders(folder):
        yield from _walk(inner)


def _modules(folder: Path) -> Iterator[Path]:
    return (p for p in folder.glob("*.py") if not p.name.startswith("_"))


def _folders(folder: Path) -> Iterator[Path]:
    return (p.parent for p in folder.glob("*/__init__.py") if not p.parent.name.startswith("_"))
