"""The one error vocabulary of the house, named by the boundary that was crossed.

A message finishes the reader's sentence: what was asked, what was got, what is allowed and what
to do next. `ProctorError.text` is what an operator reads. What an *agent* may read is only the
text of `AgentFault`: it tells nothing that a grader knows.
"""

import difflib
from collections.abc import Iterable


class ProctorError(Exception):
    """Something an operator can read and act on; `exit_code` is what the command line returns."""

    exit_code = 1


class UsageError(ProctorError):
    """The caller asked for something that does not exist or is not allowed (exit code 2)."""

    exit_code = 2


class UnknownUnitError(UsageError):
    """A name that no unit bears; the message lists the nearest ones."""


class SandboxError(ProctorError):
    """No sandbox tier passed its live probe, or a sealed kernel could not be started (exit 2)."""

    exit_code = 2


class RecordError(ProctorError):
    """A run folder, event log or notebook is missing, unreadable or was changed (exit code 3)."""

    exit_code = 3


class DaemonError(ProctorError):
    """The daemon is not there, does not answer, or another one holds the state folder (exit 4)."""

    exit_code = 4


class EvaluatorError(ProctorError):
    """The evaluator itself failed; the attempt is `error`, never a zero score (exit code 5)."""

    exit_code = 5


class AgentFault(ProctorError):  # noqa: N818 - it is the agent's, not ours
    """A refusal whose text an agent reads: helps it go on, reveals nothing of the key."""


class ReachFault(AgentFault):
    """A call reached for what is not the agent's: recorded in an exam, and flagged."""


def nearest(asked: str, known: Iterable[str], limit: int = 3) -> str:
    """Return ' Did you mean …?' with the names closest to `asked`, or '' if none is close."""
    pool = sorted(known)
    hits = difflib.get_close_matches(asked, pool, n=limit, cutoff=0.5)
    tails = [name for name in pool if asked and asked in name and name not in hits]
    hits = [*hits, *tails][:limit]
    return f" Did you mean {' or '.join(hits)}?" if hits else ""
