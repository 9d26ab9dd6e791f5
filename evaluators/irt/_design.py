"""What a response table can bear, before any fit: who met whom, what is constant, thin, or double.

Nothing is taken out here; each remark says what a fit makes of it.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evaluators.irt._responses import Cells, Floats, Ints, ResponseTable, ScoreKind
from tasks import UsageError

THIN_AGENT, THIN_ITEM = 5, 5
"""Cells below which an agent's or an item's parameters rest on the prior mostly."""
CHANCE = 0.05
"""Doubles are told where fewer than this are expected by chance, given each one's marks."""
OFF = 10
"""Cells of a double that must differ from its commonest score: the weakest agents fail together."""
NAMED = 6
"""Names that a sentence gives before it counts."""


@dataclass(frozen=True)
class Block:
    """Agents and items that are linked by responses, directly or over others."""

    agents: tuple[str, ...]
    items: tuple[str, ...]
    cells: int


@dataclass(frozen=True)
class Remark:
    """One thing a reader should know."""

    about: str
    """`blocks`, `items_all_pass`, `items_all_fail`, `items_constant`, `agents_all_pass`,
    `agents_all_fail`, `agents_thin`, `items_thin`, `items_double`, `agents_double`."""
    text: str
    """One or two sentences: what was found, what a fit makes of it."""
    names: tuple[str, ...] = ()
    """All agents or items concerned."""


@dataclass(frozen=True)
class Design:
    """The design of a response table."""

    agents: int
    items: int
    cells: int
    """Observed pairs."""
    trials: int
    kind: ScoreKind
    blocks: tuple[Block, ...]
    """Connected parts, the one with most cells first."""
    items_all_pass: tuple[str, ...]
    items_all_fail: tuple[str, ...]
    items_constant: tuple[str, ...]
    """Items with one and the same mean score, neither 0 nor 1, from every agent."""
    agents_all_pass: tuple[str, ...]
    agents_all_fail: tuple[str, ...]
    agents_thin: tuple[str, ...]
    """Agents with fewer than five cells."""
    items_thin: tuple[str, ...]
    items_double: tuple[tuple[str, ...], ...]
    """Groups of items with the same score from each agent, where chance does not explain it."""
    agents_double: tuple[tuple[str, ...], ...]

    @property
    def density(self) -> float:
        """Share of the pairs that were observed."""
        return self.cells / (self.agents * self.items)

    @property
    def summary(self) -> str:
        """One sentence: size, kind, density."""
        of = {"binary": "0 or 1", "counts": "k of n", "continuous": "in [0, 1]"}[self.kind]
        trials = "" if self.trials == self.cells else f" of {self.trials:,} trials"
        return (
            f"{_count(self.agents, 'agent')} x {_count(self.items, 'item')}, "
            f"{_count(self.cells, 'cell')}{trials} ({_percent(self.density)} of all), scores {of}."
        )

    @cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """What a reader should know, gravest first; empty for a sound design."""
        return tuple(_remarks(self))


def design(table: ResponseTable) -> Design:
    """The design of a table; linear in its cells."""
    cells = table.cells
    blocks = _blocks(table, cells)
    items, agents = (
        _Ends(cells, cells.item, cells.n_items),
        _Ends(cells, cells.agent, cells.n_agents),
    )
    named_items, named_agents = np.array(table.items, dtype=object), np.array(table.agents, object)

    def pick(names: npt.NDArray[np.object_], which: npt.NDArray[np.bool_]) -> tuple[str, ...]:
        return tuple(names[np.flatnonzero(which)].tolist())

    inner = items.constant & ~items.all_pass & ~items.all_fail & (items.count > 1)
    return Design(
        agents=cells.n_agents,
        items=cells.n_items,
        cells=cells.size,
        trials=int(np.sum(cells.trials)),
        kind=table.kind,
        blocks=blocks,
        items_all_pass=pick(named_items, items.all_pass),
        items_all_fail=pick(named_items, items.all_fail),
        items_constant=pick(named_items, inner),
        agents_all_pass=pick(named_agents, agents.all_pass),
        agents_all_fail=pick(named_agents, agents.all_fail),
        agents_thin=pick(named_agents, agents.count < THIN_AGENT),
        items_thin=pick(named_items, items.count < THIN_ITEM),
        items_double=_doubles(cells, items, table.items, cells.agent),
        agents_double=_doubles(cells, agents, table.agents, cells.item),
    )


def refuse_unfit(table: ResponseTable) -> None:
    """Raise if no model can be fitted to a table.

    Raises:
        UsageError: one agent or one item, or every score the same.
    """
    cells = table.cells
    for n, what, other, known in (
        (cells.n_agents, "agent", "item", table.agents),
        (cells.n_items, "item", "agent", table.items),
    ):
        if n < 2:
            whom = f" ({known[0]!r})" if known else ""
            raise UsageError(
                f"There is {'one' if n else 'no'} {what}{whom} in {_count(cells.size, 'cell')}: a "
                f"fit sets {what}s against each other and needs at least two. To place one {what} "
                f"on a scale that was fitted before, "
                + (
                    "score it against that bank (`score_agents`)."
                    if what == "agent"
                    else f"calibrate it there with the {other}s fixed."
                )
            )
    mean = cells.mean
    if np.ptp(mean) == 0:
        raise UsageError(
            f"All {cells.size:,} cells have the score {mean[0]:g}: nothing tells agents or items "
            "apart. Add agents or items that differ."
        )


@dataclass(frozen=True)
class _Ends:
    """Counts and extremes by agent, or by item."""

    cells: Cells
    who: Ints
    n: int

    @cached_property
    def order(self) -> Ints:
        """The cells by name; within one name as they are sorted."""
        return np.argsort(self.who, kind="stable")

    @cached_property
    def count(self) -> Ints:
        return np.bincount(self.who, minlength=self.n)

    @cached_property
    def start(self) -> Ints:
        """Where each one's cells start in `order`."""
        return np.concatenate([[0], np.cumsum(self.count)[:-1]]).astype(np.int64)

    @cached_property
    def extremes(self) -> tuple[Floats, Floats]:
        """Lowest and highest mean score of each; NaN without a cell."""
        low, high = np.full(self.n, np.nan), np.full(self.n, np.nan)
        seen = self.count > 0
        if np.any(seen):
            mean = self.cells.mean[self.order]
            low[seen] = np.minimum.reduceat(mean, self.start[seen])
            high[seen] = np.maximum.reduceat(mean, self.start[seen])
        return low, high

    @property
    def all_pass(self) -> npt.NDArray[np.bool_]:
        return self.extremes[0] == 1.0

    @property
    def all_fail(self) -> npt.NDArray[np.bool_]:
        return self.extremes[1] == 0.0

    @property
    def constant(self) -> npt.NDArray[np.bool_]:
        return self.extremes[0] == self.extremes[1]


def _blocks(table: ResponseTable, cells: Cells) -> tuple[Block, ...]:
    met, meeting = np.bincount(cells.item), np.bincount(cells.agent)
    whole = (Block(table.agents, table.items, cells.size),)
    seen = (len(met), len(meeting)) == (cells.n_items, cells.n_agents)
    if (
        seen
        and min(met.min(), meeting.min())
        and (met.max() == cells.n_agents or meeting.max() == cells.n_items)
    ):
        # One met by all links all; the usual case, and the graph's library loads slowly.
        return whole
    from scipy import sparse
    from scipy.sparse import csgraph

    n = cells.n_agents + cells.n_items
    links = sparse.coo_array(
        (np.ones(cells.size, dtype=np.int8), (cells.agent, cells.n_agents + cells.item)),
        shape=(n, n),
    )
    count, label = csgraph.connected_components(links.tocsr(), directed=False)
    if count == 1:
        return whole
    sizes = np.bincount(label[cells.agent], minlength=count)
    blocks = [
        Block(
            tuple(table.agents[at] for at in np.flatnonzero(label[: cells.n_agents] == one)),
            tuple(table.items[at] for at in np.flatnonzero(label[cells.n_agents :] == one)),
            int(sizes[one]),
        )
        for one in np.argsort(-sizes, kind="stable")
    ]
    return tuple(blocks)


def _doubles(
    cells: Cells, ends: _Ends, names: Sequence[str], across: Ints
) -> tuple[tuple[str, ...], ...]:
    """Groups with the same answers throughout, that chance does not explain.

    Chance: given its marks, one of n cells is any of the n! / prod(n_v!) arrangements of them.
    """
    order, mean = ends.order, np.round(cells.mean, 9)
    alike: dict[bytes, list[int]] = {}
    pairs = max(math.log(ends.n * (ends.n - 1) / 2.0), 0.0) if ends.n > 1 else 0.0
    for one in range(ends.n):
        here = order[ends.start[one] : ends.start[one] + ends.count[one]]
        if len(here) < 2 or np.ptp(mean[here]) == 0:
            continue
        digest = hashlib.blake2b(across[here].tobytes(), digest_size=16)
        digest.update(mean[here].tobytes())
        alike.setdefault(digest.digest(), []).append(one)
    groups: list[tuple[str, ...]] = []
    for group in alike.values():
        if len(group) < 2:
            continue
        here = order[ends.start[group[0]] : ends.start[group[0]] + ends.count[group[0]]]
        counts = np.unique(mean[here], return_counts=True)[1]
        off = len(here) - int(np.max(counts))
        if off >= OFF and _log_arrangements(counts) > pairs - math.log(CHANCE):
            groups.append(tuple(names[one] for one in group))
    return tuple(groups)


def _log_arrangements(counts: Ints) -> float:
    return math.lgamma(int(np.sum(counts)) + 1) - sum(math.lgamma(int(n) + 1) for n in counts)


def _remarks(found: Design) -> list[Remark]:
    remarks: list[Remark] = []
    if len(found.blocks) > 1:
        remarks.append(_of_blocks(found.blocks))
    for about, names, fault, meaning in _told(found):
        if names:
            who = _count(len(names), about.partition("s_")[0])
            remarks.append(Remark(about, f"{who} {fault}: {_some(names)}. {meaning}", names))
    for about, groups, what in (
        ("items_double", found.items_double, "items"),
        ("agents_double", found.agents_double, "agents"),
    ):
        if groups:
            names = tuple(name for group in groups for name in group)
            shown = "; ".join(" = ".join(group[:NAMED]) for group in groups[:3])
            more = f" and {len(groups) - 3} more groups" if len(groups) > 3 else ""
            remarks.append(
                Remark(
                    about,
                    f"{len(names)} {what} in {len(groups)} groups have the same score throughout: "
                    f"{shown}{more}. Copies count double in a fit and make it surer than it may "
                    "be: keep one of each if they are copies.",
                    names,
                )
            )
    return remarks


def _told(found: Design) -> list[tuple[str, tuple[str, ...], str, str]]:
    prior = "by its prior alone"
    return [
        (
            "items_all_fail",
            found.items_all_fail,
            "without a mark from any agent",
            f"Hard or broken, responses cannot tell; a fit places them {prior}.",
        ),
        (
            "items_all_pass",
            found.items_all_pass,
            "with the full mark from every agent",
            f"They tell nobody apart; a fit places them {prior}.",
        ),
        (
            "items_constant",
            found.items_constant,
            "with one and the same mark from every agent",
            "They tell nobody apart.",
        ),
        (
            "agents_all_fail",
            found.agents_all_fail,
            "without a mark on any item met",
            "Ability as low as the prior lets it be, with a large error.",
        ),
        (
            "agents_all_pass",
            found.agents_all_pass,
            "with the full mark on every item met",
            "Ability as high as the prior lets it be, with a large error.",
        ),
        (
            "agents_thin",
            found.agents_thin,
            f"with fewer than {THIN_AGENT} items met",
            "Abilities that rest on the prior.",
        ),
        (
            "items_thin",
            found.items_thin,
            f"met by fewer than {THIN_ITEM} agents",
            "Difficulties that rest on the prior.",
        ),
    ]


def _of_blocks(blocks: Sequence[Block]) -> Remark:
    shown = "; ".join(
        f"{_count(len(one.agents), 'agent')} ({_some(one.agents, 2)}) x "
        f"{_count(len(one.items), 'item')} ({_some(one.items, 2)})"
        for one in blocks[:3]
    )
    more = f"; and {len(blocks) - 3} more" if len(blocks) > 3 else ""
    return Remark(
        "blocks",
        f"The design falls into {len(blocks)} parts that share neither agent nor item: {shown}"
        f"{more}. A fit compares abilities across parts only by taking every part's agents for "
        "draws from one population: fit parts apart, or let some agents meet items of both.",
        tuple(name for one in blocks[1:] for name in (*one.agents, *one.items)),
    )


def _some(names: Sequence[str], limit: int = NAMED) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
