"""Keys are taken out of whatever a CLI writes before it is kept. Pure."""

import re
from collections.abc import Iterable, Mapping

_SECRET = re.compile(r"(?i)(^|_)(api_?key|key|token|secret|password|passwd|credentials?)(_|$)")
_SHORTEST = 8
"""A shorter value is a word that may stand in any text."""

MARK = b"[redacted]"


def known_secrets(environ: Mapping[str, str], *further: str) -> frozenset[bytes]:
    """Values of the variables that are named like keys, and those given."""
    named = (value for name, value in environ.items() if _SECRET.search(name))
    return frozenset(
        value.encode() for value in (*named, *further) if len(value) >= _SHORTEST and value.strip()
    )


def redacted(text: bytes, secrets: Iterable[bytes]) -> bytes:
    """`text` with each secret replaced, the longest first: one may be part of another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MARK)
    return text
