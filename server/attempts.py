"""The life of one attempt: opened → running → over. Plain values and rules; time is an argument.

Two clocks run. The *lease* runs from the last contact, and stands still while a call or a cell is
under way, so that long work never counts as idleness. The *wall* budget runs from `start_task`.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from tasks import AgentFault, Budget, ReachFault


class Phase(StrEnum):
    """Where an attempt stands."""

    OPENED = "opened"
    """Admitted; `start_task` has not been called."""
    RUNNING = "running"
    FINISHED = "finished"
    """Ended by the agent: answered or given up."""
    EXPIRED = "expired"
    """Ended by a clock: no contact within the lease, or the wall budget spent."""
    KILLED = "killed"
    """Ended by the operator or by the daemon's end."""


class Reason(StrEnum):
    """Why an attempt ended."""

    SUBMITTED = "submitted"
    FINISHED = "finished"
    REJECTED = "rejected"
    """A second malformed answer."""
    EXPIRED = "expired"
    BUDGET = "budget"
    KILLED = "killed"
    DAEMON_LOST = "daemon_lost"


_PHASE = {
    Reason.SUBMITTED: Phase.FINISHED,
    Reason.FINISHED: Phase.FINISHED,
    Reason.REJECTED: Phase.FINISHED,
    Reason.EXPIRED: Phase.EXPIRED,
    Reason.BUDGET: Phase.EXPIRED,
    Reason.KILLED: Phase.KILLED,
    Reason.DAEMON_LOST: Phase.KILLED,
}

TOLD = {
    Reason.SUBMITTED: "an answer was accepted",
    Reason.FINISHED: "it was finished without an answer",
    Reason.REJECTED: "two malformed answers were submitted",
    Reason.EXPIRED: "nothing was heard of you for longer than the lease",
    Reason.BUDGET: "its time budget is spent",
    Reason.KILLED: "the operator ended it",
    Reason.DAEMON_LOST: "the server was stopped",
}
"""What an agent is told of each reason; finishes "This session is over: …"."""

MAX_OVERASKED = 2
"""Refused calls of `check_answer_format` after which asking again is probing."""
REPAIRS = 1
"""Malformed answers after which another try is allowed."""


@dataclass
class Attempt:
    """What one attempt has spent and whether it may go on. Seconds are of any monotonic clock."""

    budget: Budget
    lease_s: float
    """0: no lease."""
    contact: float
    """When the last call or cell ended (or began, if none has)."""
    started: float | None = None
    ended: float | None = None
    reason: Reason | None = None
    tool_calls: int = 0
    answer_checks: int = 0
    overasked: int = 0
    """Calls of `check_answer_format` that were refused."""
    calculations: int = 0
    rejections: int = 0
    busy: int = field(default=0)
    """Calls and cells under way."""

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        if self.reason is not None:
            return _PHASE[self.reason]
        return Phase.OPENED if self.started is None else Phase.RUNNING

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.reason is not None

    def start(self, now: float) -> None:
        """The agent has its brief: the wall budget runs from now."""
        self.started = now
        self.contact = now

    def touch(self, now: float) -> None:
        """Something was heard of the agent."""
        self.contact = now

    def enter(self) -> None:
        """A call or a cell begins; the lease stands still until as many have left."""
        self.busy += 1

    def leave(self, now: float) -> None:
        """A call or a cell is over."""
        self.busy -= 1
        self.contact = now

    def charge(self, now: float) -> None:
        """Count one tool call.

        Raises:
            AgentFault: the attempt is over, or a budget is spent.
        """
        self.require_open(now)
        if self.budget.tool_calls and self.tool_calls >= self.budget.tool_calls:
            raise AgentFault(
                f"All {self.budget.tool_calls} tool calls of the budget are used. "
                "Only `submit_answer` and `finish` are left."
            )
        self.tool_calls += 1

    def charge_check(self) -> None:
        """Count one `check_answer_format`.

        Raises:
            AgentFault: none is left.
        """
        if self.budget.answer_checks and self.answer_checks >= self.budget.answer_checks:
            raise AgentFault(
                f"All {self.budget.answer_checks} answer checks are used. `submit_answer` checks "
                "the shape too, and a first malformed answer may be repaired once."
            )
        self.answer_checks += 1

    def overask(self, fault: AgentFault) -> AgentFault:
        """What a refused `check_answer_format` is answered with; asking on and on is a reach."""
        self.overasked += 1
        if self.overasked <= MAX_OVERASKED:
            return fault
        return ReachFault(f"{fault} You have been told {self.overasked - 1} times.")

    def charge_calculation(self) -> None:
        """Count one call of a calculator.

        Raises:
            AgentFault: none is left.
        """
        if self.budget.calculations and self.calculations >= self.budget.calculations:
            raise AgentFault(
                f"All {self.budget.calculations} calculator calls of the budget are used; those "
                "that were refused or failed count too. Answer with what you have: "
                "`submit_answer`."
            )
        self.calculations += 1

    def reject(self) -> bool:
        """Count a malformed answer; return whether the agent may try again."""
        self.rejections += 1
        return self.rejections <= REPAIRS

    def require_open(self, now: float) -> None:
        """Refuse if the attempt is over.

        Raises:
            AgentFault: tells why it ended.
        """
        reason = self.reason or self.overdue(now)
        if reason is not None:
            raise AgentFault(f"This session is over: {TOLD[reason]}. Nothing more can be done.")

    def overdue(self, now: float) -> Reason | None:
        """Which clock, if any, has run out."""
        left = self.wall_left(now)
        if left is not None and left <= 0:
            return Reason.BUDGET
        if self.lease_s and not self.busy and now - self.contact >= self.lease_s:
            return Reason.EXPIRED
        return None

    def wall_left(self, now: float) -> float | None:
        """Seconds of the wall budget that are left; None: no limit, or not started."""
        if self.started is None or not self.budget.wall_s:
            return None
        return self.started + self.budget.wall_s - now

    def end(self, reason: Reason, now: float) -> bool:
        """End it; False if it was over already (the first reason stands)."""
        if self.over:
            return False
        self.reason, self.ended = reason, now
        return True

    def usage(self, now: float) -> dict[str, int | float]:
        """What was spent, for the record."""
        until = now if self.ended is None else self.ended
        return {
            "tool_calls": self.tool_calls,
            "answer_checks": self.answer_checks,
            "calculations": self.calculations,
            "rejections": self.rejections,
            "wall_s": round(until - self.started, 3) if self.started is not None else 0.0,
        }

    def left(self, now: float) -> dict[str, int | float]:
        """What may still be spent; unlimited items are left out."""
        wall = self.wall_left(now)
        return {
            **({} if wall is None else {"wall_s": max(0.0, round(wall, 1))}),
            **_left("tool_calls", self.budget.tool_calls, self.tool_calls),
            **_left("answer_checks", self.budget.answer_checks, self.answer_checks),
            **_left("calculations", self.budget.calculations, self.calculations),
        }


def _left(name: str, limit: int, used: int) -> dict[str, int | float]:
    return {name: max(0, limit - used)} if limit else {}
