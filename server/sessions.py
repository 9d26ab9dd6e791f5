"""A session: one attempt's notebook, kernel, brief and record, and what an agent may do in it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from server.attempts import REPAIRS, TOLD, Attempt, Reason
from server.bench import Bench, Replayed, bounded, check_source
from server.cells import Cell, Sheet
from server.journal import Journal
from server.vault import Safe
from tasks import JSON, AgentFault, Brief, Observation, World, _answers

MAX_RAW = 10_000
"""Characters of a malformed answer that are kept in the record."""
MAX_WHY = 2_000
"""Characters that are kept of why an action was refused."""


class Episode:
    """The hidden world of one attempt and the steps taken in it, in the record as in the world."""

    def __init__(self, create: Callable[[], World]) -> None:
        self._create = create
        self._world = create()
        self._taken: list[JSON] = []

    def observe(self) -> JSON:
        """What the agent sees now: {view, reward, done}."""
        return _seen(self._world.observe())

    def act(self, action: JSON, record: Callable[[JSON, JSON], None]) -> dict[str, JSON]:
        """Take one step and record it.

        Raises:
            AgentFault: the episode is over, or the action is not allowed; nothing has changed.
        """
        if self._world.observe().done:
            raise AgentFault("The episode is over; `finish` closes the attempt.")
        observation = _seen(self._world.act(action))
        try:
            record(action, observation)
        except Exception:
            # The world must not be a step ahead of its record (a full disk): take it back.
            self._world = self._create()
            for taken in self._taken:
                self._world.act(taken)
            raise
        self._taken.append(action)
        return observation


@dataclass
class Session:
    """One seat in the hall. Made by `Floor`; everything of one attempt hangs on it."""

    id: str
    attempt_id: str
    agent: str
    safe: Safe
    """Briefs, keys and worlds under the secret that was in force when it was opened."""
    attempt: Attempt
    journal: Journal
    sheet: Sheet
    bench: Bench
    notebook_path: str
    """As the agent is told it: absolute in practice, relative to the run folder in an exam."""
    token: str | None = None
    """None: practice."""
    brief: Brief | None = None
    """None: a free notebook."""
    episode: "Episode | None" = None
    diagnostic: bool = False
    """The operator may ask for its key."""
    refused: int = 0
    """Calls that reached for what is not this agent's, as far as they are recorded."""
    closing: bool = False
    saver: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    """Ends the journal's autosave."""
    ended: anyio.Event = field(default_factory=anyio.Event)
    """Set once the record is closed."""
    _model: type[Any] | None = None

    @property
    def notebook(self) -> Path:
        """Where the notebook lies."""
        return self.journal.notebook_file

    def cell_limit(self, asked_s: float, now: float) -> float:
        """Timeout of the next cell in seconds; `asked_s` 0 means the budget's own."""
        return bounded(asked_s, self.attempt.budget.cell_s, self.attempt.wall_left(now))

    def add_markdown(self, content: str) -> int:
        """Append a markdown cell; return the number of cells."""
        check_source(content, "content")
        self.sheet.add("markdown", content)
        return len(self.sheet.cells)

    async def restore(self, cells: list[Cell]) -> dict[str, JSON]:
        """Execute the cells of a loaded notebook; Scribe's result keys."""
        done = await self.bench.replay(cells, self.attempt.budget.cell_s, keep_on=True)
        failed = len(done.errors)
        summary = f"Restored {done.cells - failed} of {len(cells)} code cells"
        if failed:
            summary += f"; {failed} failed"
        if done.stopped:
            summary += f"; stopped: {done.stopped}"
        return {
            "restoration_summary": summary,
            "restoration_errors": [{"cell": cell, "error": text} for cell, text in done.errors],
            "note": "Cells are counted as cell_index counts them: code cells only, from 0.",
        }

    async def restart(self, *, replay: bool) -> Replayed | None:
        """Fresh kernel; on request execute the cells that had ended well again, in order."""
        well = [cell for cell in self.sheet.cells if cell.own_code and cell.status == "ok"]
        await self.bench.restart()
        if not replay:
            return None
        return await self.bench.replay(well, self.attempt.budget.cell_s, keep_on=False)

    async def act(self, action: JSON) -> dict[str, JSON]:
        """One step of the episode: {view, reward, done}.

        Raises:
            AgentFault: no episode, the episode is over, or the action is not allowed.
        """
        if self.episode is None:
            raise AgentFault("This task is not played with `act`: submit an answer instead.")
        try:
            checked = await self._shaped(self._briefed(), action)
            if isinstance(checked, _answers.Malformed):
                raise AgentFault(
                    f"This cannot be an action: {checked}. Nothing has changed; `answer_schema` of "
                    "`task_info` says what an action is."
                )
            observation = self.episode.act(checked, self._record_act)
        except AgentFault as fault:
            why = str(fault)[:MAX_WHY]
            self.journal.record("act.refused", {"raw": _raw(action), "why": why})
            raise
        await self.journal.sync()
        return observation

    def _record_act(self, action: JSON, observation: JSON) -> None:
        event = self.journal.record("act", {"action": action, "observation": observation})
        self.sheet.mirror(f"act-{event.seq}", f"# act {json.dumps(action)}", "act")

    async def check_answer(self, answer: JSON) -> tuple[str, ...]:
        """Look at the shape of an answer alone; return its problems.

        Raises:
            AgentFault: no answer is asked for, or no check is left.
        """
        try:
            brief = self._asked()
            self.attempt.charge_check()
        except AgentFault as fault:
            raise self.attempt.overask(fault) from None
        shaped = await self._shaped(brief, answer)
        problems = shaped.problems if isinstance(shaped, _answers.Malformed) else ()
        self.journal.record("answer.checked", {"ok": not problems, "problems": list(problems)})
        return problems

    async def submit(self, answer: JSON, now: float) -> None:
        """Take the answer if it has the right shape; the attempt is then over.

        Raises:
            AgentFault: malformed; says what is wrong and whether another try is left.
        """
        brief = self._asked()
        shaped = await self._shaped(brief, answer)
        self.attempt.require_open(now)
        if not isinstance(shaped, _answers.Malformed):
            event = self.journal.record("answer.accepted", {"answer": shaped})
            self.sheet.mirror(f"answer-{event.seq}", "# The accepted answer", "answer")
            self.attempt.end(Reason.SUBMITTED, now)
            return
        again = self.attempt.reject()
        self.journal.record(
            "answer.rejected",
            {
                "raw": _raw(answer),
                "problems": list(shaped.problems),
                "repair_left": max(0, REPAIRS + 1 - self.attempt.rejections),
            },
        )
        if not again:
            self.attempt.end(Reason.REJECTED, now)
            raise AgentFault(f"The answer is malformed again: {shaped}. {_over(Reason.REJECTED)}")
        raise AgentFault(
            f"The answer is malformed: {shaped}. You may repair it and submit once more; a second "
            "malformed answer ends the attempt. `task_info` shows the answer schema."
        )

    def _asked(self) -> Brief:
        brief = self._briefed()
        if brief.episode:
            raise AgentFault(
                "This task is an episode: play it with `act`, step by step. Its last step closes "
                "the attempt; there is no answer to hand in."
            )
        return brief

    def _briefed(self) -> Brief:
        if self.brief is None:
            raise AgentFault(
                "This session is a free notebook: no task, no answer. `start_task` starts a task."
            )
        return self.brief

    async def _shaped(self, brief: Brief, answer: JSON) -> JSON | _answers.Malformed:
        if self._model is None:
            # Built once: an episode asks for it at every step.
            self._model = await anyio.to_thread.run_sync(self.safe.answer_model, brief.instance)
        return _answers.validate(self._model, answer)


def _over(reason: Reason) -> str:
    return f"This session is over: {TOLD[reason]}."


def _seen(observation: Observation) -> dict[str, JSON]:
    return {"view": observation.view, "reward": observation.reward, "done": observation.done}


def _raw(answer: JSON) -> str:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return text[:MAX_RAW]
