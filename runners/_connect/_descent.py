"""The way down a settings file that was parsed, by names."""

from collections.abc import Sequence

from tasks import JSON


def reached(value: JSON, path: Sequence[str], kind: str) -> JSON:
    """What stands at `path` below `value`; None if there is nothing.

    Args:
        value: The whole file, as plain data.
        path: Names, from the outermost.
        kind: What the file's format calls a set of names, with its article: `an object`.

    Raises:
        ValueError: something on the way is no such set.
    """
    for depth, name in enumerate(path):
        if not isinstance(value, dict):
            where = ".".join(path[:depth]) or "the whole"
            raise ValueError(f"{where} is {type(value).__name__}, not {kind}")
        value = value.get(name)
        if value is None:
            return None
    return value
