"""How a CLI's attempt ended, and what it took, from all that was seen of it. Pure."""

from dataclasses import dataclass, field

from runners._booth.account import Account
from runners._booth.declaration import CliSaid
from tasks._record import AgentUsage, CostBasis, Ending

KILLED = frozenset({-9, 137})
"""Exit statuses of a process that SIGKILL ended; the second as bwrap tells it."""


class CliError(Exception):
    """A CLI crashed, its provider failed, or it never reached our server."""


@dataclass
class Outcome:
    """What was seen of a CLI's end, gathered as it comes."""

    limit: Ending = ""
    """The limit at which the booth ended it."""
    status: int | None = None
    """Its exit status; None: the attempt was cancelled."""
    reached: bool = False
    """Whether it came to the door of our MCP server."""
    lost: bool = False
    """Whether our MCP server was killed under it."""
    said: CliSaid = field(default_factory=CliSaid)


def ending(outcome: Outcome, account: Account) -> Ending:
    """What cut the attempt short, '' if nothing (or whoever cancelled it knows better)."""
    if outcome.limit:
        # Out of time because nobody answers is the provider's doing.
        return "provider" if outcome.limit == "timeout" and account.blamed else outcome.limit
    if outcome.status is None:
        return "provider" if account.blamed else ""
    if outcome.said.ending in {"turns", "money"}:
        return outcome.said.ending
    if account.blamed:
        return "provider"
    if outcome.said.ending == "tools" or not outcome.reached:
        return "tools"
    return outcome.said.ending or ("crash" if outcome.status else "")


def usage(outcome: Outcome, account: Account) -> AgentUsage:
    """What the attempt took. The list price of what was metered goes before the CLI's own sum."""
    said = outcome.said
    cost, basis = _cost(said, account)
    return AgentUsage(
        requests=account.requests,
        turns=said.turns or account.requests,
        tool_calls=said.tool_calls,
        tokens=said.tokens,
        metered=account.tokens,
        cost_usd=cost,
        cost_basis=basis,
        model_s=round(account.model_s, 3),
        provider_errors=account.errors,
    )


def words(how: Ending, outcome: Outcome, account: Account, errors: str) -> str:
    """What is said of an attempt that ended so."""
    own = outcome.said.error[:500] or errors.strip()[-500:] or "it said nothing"
    if how == "provider":
        return f"got no answer from its provider: {account.failing}; in its own words: {own}"
    if how == "tools":
        return f"never reached Proctor's MCP server; in its own words: {own}"
    return f"ended with status {outcome.status}: {own}"


def _cost(said: CliSaid, account: Account) -> tuple[float | None, CostBasis]:
    if account.free:
        return 0.0, "free"
    if account.spent is not None:
        return account.spent, "list"
    if said.cost_usd is not None:
        return said.cost_usd, "reported"
    return None, "unknown"
