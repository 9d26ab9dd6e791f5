"""What a run may cost, before it starts: an upper bound of calls and output, a guess of input.

Per agent: attempts by the calls that one may take at most, by the tokens of a prompt (characters
by four, as published) and the output tokens that a call may give at most. A conversation with
tools grows and a provider's cache makes it cheaper; neither is in the guess. A price that nobody
knows is unknown, never 0.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runners._core import Agent, agent_named
from runners._models.choice import COMPATIBLE
from runners._models.prices import at, listed
from runners._plan import EvalConfig, sittings
from tasks import InstanceId, family
from tasks._record import CostBasis, Tokens

CHARS = 4
"""Characters of a prompt to a token."""
STEPS = 20
"""Steps of an episode that are reckoned with, where an agent is asked anew at each."""
OUTPUT = 8_192
"""Output tokens of a call that are reckoned with where the agent sets no limit."""

PromptOf = Callable[[InstanceId], str]
"""The prompt of an instance; asked once for each family and preset."""


@dataclass(frozen=True)
class Row:
    """What one agent may take."""

    agent: str
    model: str
    paid: bool
    attempts: int
    calls: int
    """At most."""
    input_tokens: int
    """A guess."""
    output_tokens: int
    """At most."""
    usd: float | None
    """Dollars at these tokens; None: no price is known."""
    basis: CostBasis


@dataclass(frozen=True)
class Estimate:
    """What a run may take."""

    rows: Sequence[Row]

    @property
    def usd(self) -> float | None:
        """Dollars of all agents; None where that of one is unknown."""
        parts = [row.usd for row in self.rows]
        return None if None in parts else sum(part for part in parts if part is not None)

    @property
    def unknown(self) -> list[str]:
        """Agents without a known price."""
        return [row.agent for row in self.rows if row.usd is None]

    def as_json(self) -> dict[str, Any]:
        """What `--json` says."""
        return {
            "usd": self.usd,
            "unknown": self.unknown,
            "agents": [vars(row) for row in self.rows],
        }


def estimate(config: EvalConfig, prompt_of: PromptOf) -> Estimate:
    """What a run of this config may cost.

    Raises:
        UsageError: an unknown suite, preset or agent.
    """
    plan = sittings(config)
    agents = {name: agent_named(name) for name in config.agents}
    samples: dict[tuple[str, str], InstanceId] = {}
    for one in plan:
        samples.setdefault((one.instance.family, one.instance.preset), one.instance)
    asking = any(agent.calls for agent in agents.values())
    prompts = {kind: len(prompt_of(one)) if asking else 0 for kind, one in samples.items()}
    counts = Counter((one.instance.family, one.instance.preset) for one in plan)
    return Estimate([_row(name, agent, counts, prompts) for name, agent in agents.items()])


def _row(
    name: str,
    agent: Agent,
    counts: Mapping[tuple[str, str], int],
    prompts: Mapping[tuple[str, str], int],
) -> Row:
    attempts = calls = taken = 0
    for kind, count in counts.items():
        unit = family(kind[0])
        steps = min(STEPS, unit.budget.tool_calls) if agent.per_step and unit.episode else 1
        attempts += count
        calls += count * agent.calls * steps
        taken += count * agent.calls * steps * -(-prompts[kind] // CHARS)
    tokens = Tokens(input=taken, output=calls * (agent.max_output or OUTPUT))
    usd = _dollars(agent, tokens, attempts)
    return Row(
        agent=name,
        model=agent.model,
        paid=agent.paid,
        attempts=attempts,
        calls=calls,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        usd=usd,
        basis=("unknown" if usd is None else "list") if agent.paid else "free",
    )


def _dollars(agent: Agent, tokens: Tokens, attempts: int) -> float | None:
    if not agent.paid:
        return 0.0
    provider, _, model = agent.model.partition(":")
    if agent.rates is not None:
        price = at(agent.rates, tokens)
    else:
        # A table would guess at a provider that it does not know.
        price = None if provider == COMPATIBLE else listed(model, tokens, provider=provider)
    wished = None if agent.usd is None else agent.usd * attempts
    known = [one for one in (price, wished) if one is not None]
    return min((float(one) for one in known), default=None)
