"""Calls that come when an attempt is over: refused, and noted beside its record.

The log ends with the attempt and binds its notebook, so they cannot stand in it. `late.jsonl` is no
part of the keyed chain: it can make a reader look, and no score depends on it.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks import JSON

log = logging.getLogger("proctor.hall")

TELLING = frozenset({"submit_answer", "act", "start_task"})
"""Tools whose late calls are noted: what would change an outcome."""
MAX_NOTED = 20
"""Late calls of one attempt that are noted."""
MAX_ARGUMENTS = 10_000
"""Characters of their arguments that are kept."""
MAX_ATTEMPTS = 10_000
"""Ended attempts whose late calls are noted; older ones are forgotten first."""


@dataclass
class _Place:
    path: Path
    noted: int = 0


class LateCalls:
    """Where the late calls of ended attempts go."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._places: dict[str, _Place] = {}

    def expect(self, token: str, path: Path) -> None:
        """From now on the calls of `token` are late; `path` is their file."""
        self._places[token] = _Place(path)
        while len(self._places) > MAX_ATTEMPTS:
            del self._places[next(iter(self._places))]

    def note(self, token: str | None, tool: str, arguments: Mapping[str, JSON]) -> None:
        """Note a refused call, if its attempt is over and the tool is a telling one."""
        place = self._places.get(token or "")
        if place is None or tool not in TELLING or place.noted >= MAX_NOTED:
            return
        place.noted += 1
        sent = json.dumps({k: v for k, v in arguments.items() if k != "session_id"})
        line = {"t": round(self._now(), 3), "tool": tool, "arguments": sent[:MAX_ARGUMENTS]}
        try:
            with place.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError:
            log.exception("A late call could not be noted")
