"""What goes wrong on purpose, request by request."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks import UsageError, nearest

KINDS = {
    "ok": "answer as always",
    "hang": "take the request and never answer",
    "stall": "begin the answer and never go on",
    "cut": "close the connection in the middle of the answer",
    "malformed": "answer with broken JSON",
}
_ITEM = re.compile(r"(?:errors?=)?([a-z]+|[45]\d\d)(?:x(\d+|\*))?")
_DELAY = re.compile(r"delay=(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Fault:
    """What happens to some requests in a row."""

    kind: str
    """A status from 400 to 599 as text, or one of `KINDS`."""
    times: int | None = 1
    """None: to all that follow."""


@dataclass(frozen=True)
class Faults:
    """A plan of faults: it starts with the first request; after its end all goes well."""

    sequence: tuple[Fault, ...] = ()
    delay_s: float = 0.0
    """Before every answer."""

    @classmethod
    def parse(cls, text: str) -> "Faults":
        """Read `429x2,ok,cut,delay=0.2`: parts in order, `xN` for N requests, `x*` for the rest.

        `/` parts them as well, for where a comma parts other things; `errors=` before a status
        may be there or not.

        Raises:
            UsageError: names the part that is none.
        """
        sequence: list[Fault] = []
        delay = 0.0
        for part in filter(None, (part.strip() for part in re.split(r"[,/]", text))):
            timed, found = _DELAY.fullmatch(part), _ITEM.fullmatch(part)
            if timed:
                delay = float(timed[1])
            elif found and (found[1].isdigit() or found[1] in KINDS):
                times = None if found[2] == "*" else int(found[2] or 1)
                sequence.append(Fault(found[1], times))
            else:
                raise UsageError(
                    f"There is no fault {part!r}.{nearest(part, KINDS)} There are "
                    f"{', '.join(KINDS)}, a status such as 429, 500 or 529 (each with x3 for "
                    "three requests or x* for all), and delay=SECONDS."
                )
        return cls(tuple(sequence), delay)


@dataclass
class Course:
    """How far a plan has come: the endpoint's one piece of state."""

    faults: Faults
    _left: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._left = _kinds(self.faults)

    def next(self) -> str:
        """What happens to the request that has come now."""
        return next(self._left)


def _kinds(faults: Faults) -> Iterator[str]:
    for fault in faults.sequence:
        served = 0
        while fault.times is None or served < fault.times:
            served += 1
            yield fault.kind
    while True:
        yield "ok"
