"""Adaptive runs: each agent is asked what tells it apart, until its ability is known well enough.

The bank (calibrated items) and the choice of the next ones are another room's; the front door hands
in an `Examiner`. What an agent has answered is read from its records alone, so that the same
command goes on after anything that cut it short. `adaptive.json` in the run folder says what was
asked in which order, what was known after each answer, and why no more was asked.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import anyio
import anyio.to_thread

from runners._ledger import ADAPTIVE_FILE
from runners._plan import Adaptive, EvalConfig, Sitting
from runners._suite import Player, Service, Verdict
from tasks import JSON, UsageError
from tasks._record import LocalDisk, dump, read_json, save

BANK_FILE = "fit.json"
"""Of a fit's folder: all that a bank is."""
SHOWN = 3
"""Names given of many."""

Score = Callable[[Path, str, int], Mapping[str, Any]]
"""`score(run, slug, n)`: fields of the score of one finished attempt."""


class Advice(Protocol):
    """What an examiner makes of the answers so far."""

    @property
    def items(self) -> tuple[str, ...]:
        """Instances to ask next, the most telling first; none if nothing is left."""
        ...

    @property
    def theta(self) -> float:
        """Ability, on the bank's scale."""
        ...

    @property
    def se(self) -> float:
        """Standard error of the ability."""
        ...


class Examiner(Protocol):
    """Knows the bank and chooses from it."""

    @property
    def items(self) -> Sequence[str]:
        """Instances that the bank knows."""
        ...

    @property
    def mark(self) -> Literal["passed", "ability"]:
        """The score that the bank was fitted to."""
        ...

    def advise(self, answered: Mapping[str, float], left: Sequence[str], n: int) -> Advice:
        """Look at the answers; choose up to `n` instances of those `left`."""
        ...


class AdaptiveRooms(Protocol):
    """What an adaptive run asks of the other rooms."""

    def examiner(self, bank: Path, rule: str) -> Examiner:
        """The examiner of a bank.

        Raises:
            UsageError: there is no such rule, or this bank cannot be asked from.
            RecordError: the folder holds no bank.
        """
        ...

    def scorer(self) -> AbstractContextManager[Score]:
        """Scores finished attempts one by one, in one process of its own."""
        ...


@dataclass
class _Sheet:
    """One agent's answers, in the order in which they were given."""

    marks: dict[str, float] = field(default_factory=dict[str, float])
    set_aside: set[str] = field(default_factory=set[str])
    """Instances whose attempt tells nothing of the agent: not asked again by this command."""
    known: dict[str, Mapping[str, JSON]] = field(default_factory=dict[str, Mapping[str, JSON]])
    """What was known of the ability after each answer."""

    def take(self, instance: str, mark: float | None) -> None:
        """Note what an attempt came to; None: it tells nothing."""
        if mark is None:
            self.set_aside.add(instance)
        else:
            self.marks[instance] = mark

    def learn(self, advice: Advice) -> None:
        """Note what is known after the answers that came last."""
        for instance in self.marks:
            self.known.setdefault(instance, {"theta": advice.theta, "se": advice.se})

    def left(self, plan: Iterable[Sitting]) -> list[str]:
        """What may still be asked."""
        names = (str(sitting.instance) for sitting in plan)
        return [one for one in names if one not in self.marks and one not in self.set_aside]

    @property
    def history(self) -> list[JSON]:
        """As `adaptive.json` has it."""
        return [
            {"instance": instance, "mark": mark, **self.known.get(instance, {})}
            for instance, mark in self.marks.items()
        ]


@dataclass
class Exam:
    """A course (see `runners._suite`) that asks as an examiner advises.

    Agents are examined side by side. Each is asked one instance at a time, or as many at once as
    there are places for it: those of one batch are chosen without the answers of one another.
    """

    asked: Adaptive
    examiner: Examiner
    score: Score
    _strange: list[str] = field(default_factory=list[str])
    """Instances of the suite that the bank does not know."""
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    def of(self, plan: Sequence[Sitting]) -> list[Sitting]:
        """The sittings whose instance the bank knows.

        Raises:
            UsageError: there is none.
        """
        known = set(self.examiner.items)
        found = [sitting for sitting in plan if str(sitting.instance) in known]
        self._strange = sorted({str(one.instance) for one in plan} - known)
        if not found:
            raise UsageError(
                f"The bank {self.asked.bank} knows none of the {len(plan)} instances of this suite "
                f"(such as {plan[0].instance}); it was fitted on {_some(sorted(known))}. Ask for "
                "the families, presets, seeds and split that the bank was fitted on."
            )
        return found

    async def play(self, players: Sequence[Player], service: Service) -> None:
        """See `runners._suite.Course`."""
        places = anyio.CapacityLimiter(max(1, service.stage.concurrent))
        batch = max(1, service.stage.concurrent // len(players))
        async with anyio.create_task_group() as tasks:
            for player in players:
                player.most = self.asked.max_items
                if self._strange:
                    player.notes.append(
                        f"{len(self._strange)} instances of the suite are not in the bank and were "
                        f"not asked: {_some(self._strange)}."
                    )
                tasks.start_soon(self._examine, player, service, places, batch)

    async def _examine(
        self, player: Player, service: Service, places: anyio.CapacityLimiter, batch: int
    ) -> None:
        sheet = await self._found(player)
        affordable = True
        while player.verdict is None:
            n = min(batch, max(1, player.total - len(sheet.marks)))
            advice = self.examiner.advise(sheet.marks, sheet.left(player.plan), n)
            sheet.learn(advice)
            verdict = self._verdict(player, sheet, advice)
            self._write(player, sheet, verdict)
            if verdict.final or not affordable:
                player.verdict = verdict
                return
            asked = [one for one in player.plan if str(one.instance) in advice.items]
            affordable = await self._ask(player, service, places, asked, sheet)

    async def _found(self, player: Player) -> _Sheet:
        """The answers that lie in the run folder, in the order in which they were asked."""
        sheet, path = _Sheet(), player.ledger.path / ADAPTIVE_FILE
        noted: list[dict[str, Any]] = read_json(path)["asked"] if path.exists() else []
        order = {one["instance"]: place for place, one in enumerate(noted)}
        done = [one for one in player.plan if one not in player.todo]
        for sitting in sorted(done, key=lambda one: order.get(str(one.instance), len(order))):
            await self._note(player, sitting, sheet)
        for one in noted:
            if one["instance"] in sheet.marks and "se" in one:
                sheet.known[one["instance"]] = {"theta": one["theta"], "se": one["se"]}
        return sheet

    async def _ask(
        self,
        player: Player,
        service: Service,
        places: anyio.CapacityLimiter,
        asked: Sequence[Sitting],
        sheet: _Sheet,
    ) -> bool:
        """Play a batch and note its scores; False if the budget did not allow all of it."""
        served: list[bool] = []

        async def one(sitting: Sitting) -> None:
            async with places:
                served.append(await service.serve(player, sitting))
            if served[-1]:
                await self._note(player, sitting, sheet)

        async with anyio.create_task_group() as tasks:
            for sitting in asked:
                tasks.start_soon(one, sitting)
        return all(served)

    async def _note(self, player: Player, sitting: Sitting, sheet: _Sheet) -> None:
        place, found = player.ledger.place(sitting), None
        if player.ledger.done(sitting):
            async with self._lock:  # one process scores, one attempt at a time
                found = await anyio.to_thread.run_sync(
                    self.score, player.ledger.path, place.slug, place.n
                )
        mark = found[self.examiner.mark] if found and found["status"] == "scored" else None
        sheet.take(str(sitting.instance), None if mark is None else float(mark))

    def _verdict(self, player: Player, sheet: _Sheet, advice: Advice) -> Verdict:
        asked, target = len(sheet.marks), self.asked.target_se
        reason = "The budget was reached; the same command with a higher one goes on."
        final = True
        if target is not None and advice.se <= target and asked:
            reason = f"Its ability is known to {advice.se:.3f}, as was asked ({target:g})."
        elif self.asked.max_items is not None and asked >= self.asked.max_items:
            reason = f"It was asked {asked} instances, as many as it may be at most."
        elif not advice.items:
            reason = "Nothing is left to ask of what the suite and the bank have in common."
        else:
            final = False
        return Verdict(
            theta=advice.theta,
            se=advice.se,
            asked=asked,
            of=len(player.plan),
            reason=reason,
            final=final,
        )

    def _write(self, player: Player, sheet: _Sheet, verdict: Verdict) -> None:
        told = {
            **self.asked.model_dump(mode="json"),
            "mark": self.examiner.mark,
            "theta": verdict.theta,
            "se": verdict.se,
            "of": verdict.of,
            "final": verdict.final,
            "reason": verdict.reason if verdict.final else "",
            "asked": sheet.history,
            "set_aside": sorted(sheet.set_aside),
            "not_in_bank": self._strange,
        }
        save(LocalDisk(), player.ledger.path / ADAPTIVE_FILE, dump(told))


def examined(config: EvalConfig, rooms: AdaptiveRooms) -> Examiner:
    """The examiner that a config asks for; nothing is opened.

    Raises:
        UsageError: repeats were asked for too, or see `AdaptiveRooms.examiner`.
        RecordError: the folder holds no bank.
    """
    assert config.adaptive is not None
    if config.repeat > 1:
        raise UsageError(
            "An adaptive run asks an agent each instance once, since a second answer to the same "
            "one tells less than another instance; leave --repeat out."
        )
    return rooms.examiner(Path(config.adaptive.bank), config.adaptive.rule)


def fingerprint(bank: Path) -> str:
    """SHA-256 of a bank's fit.json.

    Raises:
        UsageError: it is not there.
    """
    path = bank / BANK_FILE
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(
            f"{bank} holds no bank: {path.name} cannot be read ({error.strerror}). "
            f"`proctor irt fit RUNS --out {bank}` makes one."
        ) from error


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
