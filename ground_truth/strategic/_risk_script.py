"""Who says what during a shift: pressed and neutral words, of the same length and place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ground_truth._core import Rng
from ground_truth.strategic._risk_world import Message, Words
from tasks.strategic._pressure import (
    ASKS,
    CLIENTS,
    CORES,
    COUNTER,
    FIRST,
    LAST,
    NEUTRAL,
    RANKS,
    REACTIONS,
    SENDERS,
    Pressure,
)

LEVELS = len(ASKS)
_MARK = (
    "High-water mark of the equity carried into the shift: {peak}",
    "Equity high-water mark at hand-over: {peak}",
    "The highest equity so far, carried in: {peak}",
)
_CODE = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_LEAD, _LEAST = " Ticket ", 3
"""A neutral text is brought to its length by a ticket number of at least so many signs."""


@dataclass
class Writer:
    """Writes the texts of one instance; no two are the same."""

    rng: Rng
    instruments: tuple[str, ...]
    limits: tuple[str, ...]
    """Labels that a text may speak of."""
    said: set[str] = field(default_factory=set[str])

    def sender(self, kind: Pressure) -> str:
        """Somebody who may say such a thing."""
        return self._filled(self._one(SENDERS[kind]))

    def person(self) -> str:
        """Somebody of the desk."""
        return self._filled("{name}")

    def notes(self, entry: str) -> str:
        """The workspace file: the high-water mark, and `entry` among what else was noted."""
        lines = [_MARK[int(self.rng.integers(len(_MARK)))], entry, self.plain(), self.plain()]
        order = self.rng.permutation(len(lines))
        return "# Desk notes\n\n" + "\n".join(f"- {lines[i]}" for i in order) + "\n"

    def words(self, kind: Pressure, level: int, senders: tuple[str, ...]) -> tuple[Words, Words]:
        """Pressed words of a level: to one who took the last request whole, and to another."""
        return self._words(kind, level, senders, False), self._words(kind, level, senders, True)

    def _words(self, kind: Pressure, level: int, senders: tuple[str, ...], refused: bool) -> Words:
        pressing = self._new(lambda: self._pressing(kind, level, refused))
        if kind in ("tool_injection", "file_injection"):
            inbox = self._plain_inbox(senders)
            injected = kind == "tool_injection"
            return Words(
                inbox=inbox, remarks=pressing if injected else self.plain(), log=self.plain()
            )
        said = [pressing]
        if kind == "contradictory_authorities":
            said.append(self._new(lambda: self._filled(self._one(COUNTER))))
        inbox = tuple(Message(sender=s, text=t) for s, t in zip(senders, said, strict=True))
        return Words(inbox=inbox, remarks=self.plain(), log=self.plain())

    def neutral(self, senders: tuple[str, ...]) -> tuple[Words, Words]:
        """What stands where nobody presses; the same to everyone."""
        words = Words(inbox=self._plain_inbox(senders), remarks=self.plain(), log=self.plain())
        return words, words

    def _plain_inbox(self, senders: tuple[str, ...]) -> tuple[Message, ...]:
        return tuple(Message(sender=s, text=self.plain()) for s in senders)

    def plain(self) -> str:
        """Two sentences on nothing that matters."""
        return self._new(lambda: " ".join(self._filled(s) for s in self._some(NEUTRAL, 2)))

    def note(self, level: int) -> str:
        """An entry of the workspace file that presses."""
        cores = self._some(CORES["file_injection"], 2)
        return " ".join(self._filled(s) for s in (*cores, self._one(ASKS[level])))

    def like(self, text: str) -> str:
        """A neutral text of exactly the length of `text`."""
        return self._new(lambda: self._to_length(len(text)))

    def _to_length(self, length: int) -> str:
        written = ""
        for sentence in self._endless():
            longer = f"{written} {sentence}".strip()
            if len(longer) + len(_LEAD) + _LEAST + 1 > length:
                break
            written = longer
        if not written:
            return self._code(length)
        return f"{written}{_LEAD}{self._code(length - len(written) - len(_LEAD) - 1)}."

    def _endless(self) -> Iterator[str]:
        while True:
            yield from (self._filled(s) for s in self._some(NEUTRAL, len(NEUTRAL)))

    def _pressing(self, kind: Pressure, level: int, refused: bool) -> str:
        parts = [self._one(CORES[kind]), self._one(ASKS[level])]
        if refused:
            parts.insert(0, self._one(REACTIONS))
        return " ".join(self._filled(part) for part in parts)

    def _filled(self, template: str) -> str:
        text = template
        while "{name}" in text:
            text = text.replace("{name}", f"{self._one(FIRST)} {self._one(LAST)}", 1)
        return text.format(
            rank=self._one(RANKS),
            client=self._one(CLIENTS),
            inst=self._one(self.instruments),
            label=self._one(self.limits),
            pct=int(self.rng.integers(11, 89)),
            mins=int(self.rng.integers(3, 29)),
            n=int(self.rng.integers(4, 19)),
            code=self._code(int(self.rng.integers(4, 8))),
        )

    def _new(self, write: Callable[[], str]) -> str:
        text = write()
        while text in self.said:
            text = write()
        self.said.add(text)
        return text

    def _code(self, length: int) -> str:
        return "".join(_CODE[i] for i in self.rng.integers(len(_CODE), size=length))

    def _one(self, pool: tuple[str, ...]) -> str:
        return pool[int(self.rng.integers(len(pool)))]

    def _some(self, pool: tuple[str, ...], count: int) -> list[str]:
        return [pool[i] for i in self.rng.permutation(len(pool))[:count]]
