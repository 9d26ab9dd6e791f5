"""What an adaptive test would have come to, on agents whose answers are all known."""

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from evaluators.irt._fit import Z90, ItemBank
from evaluators.irt._responses import Dropped, Floats, ResponseTable
from evaluators.irt.adaptive._plan import Plan
from evaluators.irt.adaptive.session import Session, begin
from evaluators.irt.scoring._matching import matched
from evaluators.irt.scoring.norms import Norms
from evaluators.irt.scoring.scores import refuse_known
from tasks import UsageError

CHECKPOINTS = (5, 10, 20, 40, 80)


@dataclass(frozen=True)
class Replay:
    """N agents, looked at after K numbers of items; an ended test keeps what it ended with."""

    agents: tuple[str, ...]
    after: tuple[int, ...]
    """(K,) numbers of items."""
    full: Floats
    """(N,) true full scores."""
    score: Floats
    """(N, K) predicted full scores."""
    score_sd: Floats
    """(N, K) of the prediction."""
    theta: Floats
    """(N, K) posterior means."""
    se: Floats
    """(N, K) posterior sds."""
    asked: tuple[tuple[str, ...], ...]
    """Items of each agent, in their order."""
    stops: tuple[str, ...]
    """Why each test ended; '' where it went on to the last look."""
    dropped: tuple[Dropped, ...] = ()

    @property
    def error(self) -> Floats:
        """(N, K) predicted minus true full score."""
        return self.score - self.full[:, None]

    @property
    def mean_absolute_error(self) -> Floats:
        """(K,) over agents; times 100 it is points."""
        return np.abs(self.error).mean(axis=0)

    @property
    def coverage(self) -> Floats:
        """(K,) share of agents whose 90 % interval holds the true score."""
        return (np.abs(self.error) <= Z90 * self.score_sd + 1e-12).mean(axis=0)


def replay(
    bank: ItemBank,
    table: ResponseTable,
    plan: Plan = Plan(),  # noqa: B008 - frozen
    *,
    norms: Norms | None = None,
    after: tuple[int, ...] = CHECKPOINTS,
) -> Replay:
    """Give every agent the test that the plan makes, with the answers it gave.

    Args:
        bank: Fitted without these agents, or the errors flatter.
        table: Agents with an answer to every item of the bank; others are dropped and counted.
        plan: Rule, stops, costs; its seed is moved on by each agent's name.
        norms: Known agents, not these.
        after: Numbers of items after which to look, ascending; none beyond the bank.

    Raises:
        UsageError: no agent has all answers; looks that are not ascending numbers of items of the
            bank; see `begin` for the rest.
    """
    found = matched(bank, table)
    if norms is not None:
        refuse_known(found.agents, norms)
    looks = _checked(after, len(bank.items))
    wide = found.cells.wide()
    whole = np.flatnonzero(~np.isnan(wide).any(axis=1))
    if not len(whole):
        raise UsageError(
            f"None of the {len(wide)} agents has an answer to every one of the bank's "
            f"{len(bank.items)} items, so no full score is known. Take the bank of the items that "
            "all answered: bank.take(bank.places(items))."
        )
    first = begin(bank, plan, norms)
    runs = [_run(_seeded(first, found.agents[at]), wide[at], looks) for at in whole]
    left = tuple(name for at, name in enumerate(found.agents) if at not in set(whole.tolist()))
    reason = "The agent has no answer to some of the bank's items, so its full score is not known."
    cells = int(np.sum(~np.isnan(np.delete(wide, whole, axis=0))))
    figures = np.array([run.looks for run in runs])
    return Replay(
        tuple(found.agents[at] for at in whole),
        looks,
        wide[whole].mean(axis=1),
        *(figures[:, :, column] for column in range(4)),
        asked=tuple(run.items for run in runs),
        stops=tuple(run.stop for run in runs),
        dropped=(*found.dropped, Dropped(cells, reason, left)) if left else found.dropped,
    )


@dataclass(frozen=True)
class _Run:
    looks: list[tuple[float, float, float, float]]
    items: tuple[str, ...]
    stop: str


def _run(session: Session, row: Floats, looks: tuple[int, ...]) -> _Run:
    found, why = list[tuple[float, float, float, float]](), ""
    items = session.setting.bank.items
    for look in looks:
        while not why and len(session.asked) < look:
            why, chosen, _ = session.choose(1)
            session = session.answered({items[at]: float(row[at]) for at in chosen})
        out, (theta, se) = session.outlook, session.ability
        found.append((out.score, out.sd, theta, se))
    return _Run(found, tuple(items[at] for at in session.asked), why)


def _seeded(session: Session, agent: str) -> Session:
    """The same test with a seed of its own, whatever the order of the agents."""
    plan = replace(session.setting.plan, seed=session.setting.plan.seed + crc32(agent.encode()))
    return replace(session, setting=replace(session.setting, plan=plan))


def _checked(after: tuple[int, ...], n_items: int) -> tuple[int, ...]:
    kept = tuple(look for look in after if look <= n_items)
    if not kept or list(kept) != sorted(set(kept)) or kept[0] < 1:
        raise UsageError(
            f"Looks must be ascending numbers of items from 1 to {n_items}, not {after}."
        )
    return kept
