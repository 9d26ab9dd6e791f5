"""What the front door asks of the daemon for a graded attempt, and what it gets back."""

from pathlib import Path

from tasks._core import Budget, Frozen


class AttemptRequest(Frozen):
    """One agent on one instance, asked for by the operator; never by an agent."""

    instance: str
    """`str(InstanceId)`."""
    agent: str
    run: Path
    """The run folder; the daemon writes `attempts/`, `notebooks/` and `outputs/` below it."""
    n: int = 1
    """Repeat number, from 1."""
    diagnostic: bool = False
    """The agent gets the key from the operator; stamped and never ranked."""
    budget: Budget | None = None
    """None: the family's own."""
    lease_s: float = 600.0
    """Seconds without any contact after which the daemon ends the attempt."""


class Ticket(Frozen):
    """Admission to one graded attempt."""

    attempt: str
    """Opaque id, random; says nothing of the instance."""
    token: str
    """Bearer token: fixes family, preset, seed, split and budget."""
    url: str
    """Streamable HTTP endpoint on loopback; send `Authorization: Bearer <token>`."""
    command: tuple[str, ...]
    """Command of the stdio shim; pass the token in the environment as PROCTOR_TOKEN."""
    env: dict[str, str]
    """Environment the shim needs (PROCTOR_TOKEN, PROCTOR_HOME)."""
