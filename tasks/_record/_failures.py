"""What was ours to answer for: an attempt that failed by the house, not by its agent.

Such an attempt is in error, never a zero, and is played again. An agent that answered all the same
was not kept from anything: its answer counts.
"""

from collections.abc import Iterable
from pathlib import Path

from tasks._record._events import Event, Finished, KernelChange, Kind
from tasks._record._reader import read_unverified

_ANSWERS = frozenset({Kind.ANSWER_ACCEPTED, Kind.ACT})
_TELLING = frozenset({Kind.KERNEL_FAILED, Kind.FINISHED}) | _ANSWERS


def house_failure(events: Iterable[Event]) -> str:
    """Why the attempt failed by the house, in a sentence or two; empty if it did not."""
    failures: list[str] = []
    for event in events:
        if event.kind in _ANSWERS:
            return ""
        data = event.data
        if event.kind is Kind.KERNEL_FAILED and isinstance(data, KernelChange):
            failures.append(data.reason or "A kernel failed.")
        elif isinstance(data, Finished) and data.reason == "daemon_lost":
            failures.append("The daemon was lost before the attempt ended.")
    return " ".join(dict.fromkeys(failures))[:2000]


def house_failure_in(log: Path) -> str:
    """The same from a log whose key is not at hand.

    Raises:
        RecordError: see `read_unverified`.
    """
    return house_failure(read_unverified(log, only=_TELLING))
