"""The keyed hash chain that binds the lines of a log to each other and to their attempt.

mac_i = HMAC-SHA256(key, mac_{i-1} || body_i) with mac_{-1} = 32 zero bytes, where body_i is the
exact text of the line without its MAC. The MAC is checked before a line is parsed.

Covers: a changed, inserted, removed or reordered line, at any byte. Does not cover: lines cut off
at the end of a log that was never closed (nothing says how long it was going to be); a log that is
closed ends in `attempt.closed`, so there a cut is found too. Who holds the key can write anything.
"""

import hmac

START = bytes(32)
_MARK = b',"mac":"'
_TAIL = len(_MARK) + 64 + 2
"""Bytes of `,"mac":"<64 hex>"}`."""


def seal(key: bytes, previous: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Close `body` (a JSON object's text) into the next line.

    Returns:
        The line with its newline, and its MAC, which the next call takes as `previous`.
    """
    mac = hmac.digest(key, previous + body, "sha256")
    return b"".join((body[:-1], _MARK, mac.hex().encode(), b'"}\n')), mac


def unseal(key: bytes, previous: bytes, line: bytes) -> tuple[bytes, bytes] | None:
    """Check one line against its predecessor's MAC.

    Returns:
        The authentic body and the line's MAC, or None if the line does not belong here.
    """
    body = strip(line)
    if body is None:
        return None
    mac = hmac.digest(key, previous + body, "sha256")
    # Compared as text: `bytes.fromhex` would take other spellings of the same number.
    return (body, mac) if hmac.compare_digest(line[-67:-3], mac.hex().encode()) else None


def strip(line: bytes) -> bytes | None:
    """The body of a line, its MAC unchecked; None if the line has not the form of one."""
    if not line.endswith(b'"}\n') or line[-_TAIL - 1 : -_TAIL - 1 + len(_MARK)] != _MARK:
        return None
    return line[: -_TAIL - 1] + b"}"
