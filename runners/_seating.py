"""Who takes part: names become agents, before anything is opened or paid."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runners._core import Agent, agent_named
from tasks import RecordError, UsageError
from tasks._record import PENDING_FILE, LocalDisk, dump, read_json, save


@dataclass(frozen=True)
class Terms:
    """On what terms agents are let in."""

    allow_real_models: bool = False
    """Whether agents whose model costs money may play."""
    skip_missing: bool = False
    """Whether agents that cannot play on this machine are left out rather than refused."""


@dataclass(frozen=True)
class Seating:
    """The agents of a run."""

    agents: Mapping[str, Agent]
    pending: Mapping[str, str] = field(default_factory=dict[str, str])
    """Agents that were asked for and cannot play here, with the reason."""

    @property
    def paid(self) -> list[str]:
        """Names of those whose model costs money."""
        return [name for name, agent in self.agents.items() if agent.paid]

    def note(self, runs: Path) -> None:
        """Bring `pending.json` up to date: these agents play, those are pending.

        Raises:
            RecordError: it is not what we wrote, or cannot be written.
        """
        path = runs / PENDING_FILE
        noted: dict[str, str] = {}
        if path.exists():
            before = read_json(path)
            if not isinstance(before, dict):
                raise RecordError(f"{path} is not a JSON object; remove it.")
            noted = {str(name): str(reason) for name, reason in before.items()}
        wanted = {name: why for name, why in noted.items() if name not in self.agents}
        wanted.update(self.pending)
        if wanted == noted:
            return
        try:
            runs.mkdir(parents=True, exist_ok=True)
            if wanted:
                save(LocalDisk(), path, dump(wanted))
            else:
                path.unlink()
        except OSError as error:
            raise RecordError(
                f"{path} cannot be written: {error.strerror}. Name a folder that you may write "
                "with --runs."
            ) from error


def seated(names: Sequence[str], families: Sequence[str], terms: Terms) -> Seating:
    """The agents of these names, each able to play the families.

    Raises:
        UsageError: an unknown agent, one named twice, one that cannot play a family, one that
            costs money where that was not allowed, or one that cannot play on this machine.
    """
    if len(set(names)) < len(names):
        raise UsageError(f"An agent is named twice in {', '.join(names)}; use --repeat.")
    agents = {name: agent_named(name) for name in names}
    for agent in agents.values():
        agent.ready(families)
    paid = [name for name, agent in agents.items() if agent.paid]
    if paid and not terms.allow_real_models:
        raise UsageError(
            f"{_listed(paid)} would call a model that costs money. Say --allow-real-models to play "
            "it, and --budget-usd to bound it; the model `scripted` (`claude:scripted`) is free."
        )
    pending = {name: why for name, agent in agents.items() if (why := agent.missing())}
    if pending and not terms.skip_missing:
        rest = "" if len(pending) == len(agents) else " --skip-missing plays the others."
        raise UsageError(" ".join(reasons(pending)) + rest)
    playing = {name: agent for name, agent in agents.items() if name not in pending}
    return Seating(playing, pending)


def reasons(pending: Mapping[str, str]) -> list[str]:
    """Sentences on who cannot play, one a reason: models of one provider lack one key."""
    names = {why: [n for n, reason in pending.items() if reason == why] for why in pending.values()}
    return [f"{_listed(absent)} cannot play here: {why}" for why, absent in names.items()]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
