"""`diagnose`: which items of a table are likely broken, and why one would think so."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from evaluators._saving import save_files
from evaluators.irt._fit import Fit
from evaluators.irt._responses import Dropped, Floats, ResponseTable
from evaluators.irt.diagnostics._cards import ItemCard, sentences, standings
from evaluators.irt.diagnostics._evidence import ENOUGH, Evidence, evidence
from evaluators.irt.diagnostics._groups import AgentSign, SuspectGroup, agent_signs, suspect_groups
from evaluators.irt.diagnostics._null import fitted_design, null_log_ratios, p_values
from evaluators.irt.diagnostics._queue import Extremes, extremes
from evaluators.irt.diagnostics._regression import slopes
from evaluators.irt.diagnostics._scores import Scores, scores
from evaluators.irt.diagnostics._shipped import shipped_stack
from evaluators.irt.diagnostics._stack import CLASSES, NEEDS, Stack, features
from evaluators.irt.diagnostics._statistic import STATISTICS
from evaluators.irt.fit_statistics._chi_squares import false_discovery
from tasks import UsageError

EXTREME_PRIOR = 0.01
"""Share of items taken to be broken so that nobody passes, or nobody fails, if not said."""


@dataclass(frozen=True)
class Options:
    """How to diagnose."""

    prevalence: float | None = None
    """Share of broken items, in (0, 1); None: what the table itself supports."""
    level: float = 0.05
    """False discovery rate of the flags `suspect` and `inverted` (Benjamini-Hochberg)."""
    extreme_prior: float = EXTREME_PRIOR
    """Share of items broken so that nobody passes (or fails), before looking."""
    statistics: tuple[str, ...] | None = None
    """Statistics on the cards; None for all. Those that the score needs are always there."""
    stack: Stack | None = None
    """Another trained stack than the shipped one."""
    null_items: int = 4_000
    """Sound items simulated in replicates of the table (ten at least), for `q`; they take most of
    the time. 0: none, q is NaN and nothing is flagged `suspect`."""
    seed: int = 0
    """Of that simulation."""


@dataclass(frozen=True)
class Diagnosis:
    """What a table says of its items."""

    cards: tuple[ItemCard, ...]
    """Sorted by defect_score, the most suspect first; equals by name."""
    groups: tuple[SuspectGroup, ...]
    agents: tuple[AgentSign, ...]
    prevalence: float
    """Share of broken items that probabilities assume: estimated, unless it was given."""
    level: float
    notes: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()

    def card(self, item: str) -> ItemCard:
        """The card of one item.

        Raises:
            UsageError: there is no such item.
        """
        for card in self.cards:
            if card.item == item:
                return card
        raise UsageError(f"The diagnosis has no item {item!r} among its {len(self.cards)}.")

    def review(
        self, value: Mapping[str, float] | None = None, cost: Mapping[str, float] | None = None
    ) -> tuple[ItemCard, ...]:
        """Cards by what a review is expected to bring: P(defect) x value / cost, most first.

        Args:
            value: What finding a defect in the item is worth; 1 where not said.
            cost: What its review costs, above 0; 1 where not said.

        Raises:
            UsageError: a cost of 0 or below.
        """
        worth, price = value or {}, cost or {}
        free = [item for item, spent in price.items() if not spent > 0]
        if free:
            raise UsageError(f"The cost of a review must be above 0; it is not of {free[:5]}.")
        return tuple(
            sorted(
                self.cards,
                key=lambda card: (
                    -card.defect_score * worth.get(card.item, 1.0) / price.get(card.item, 1.0),
                    card.rank,
                ),
            )
        )

    def write(self, folder: Path) -> list[Path]:
        """items.csv (most suspect first), cards.json and cards.txt; returns their paths.

        Raises:
            RecordError: they cannot be written.
        """
        texts = {
            "items.csv": _csv_text(self.cards),
            "cards.json": json.dumps(_json(asdict(self)), indent=1, allow_nan=False) + "\n",
            "cards.txt": "\n\n".join(card.text() for card in self.cards) + "\n",
        }
        return save_files(folder, {n: t.encode() for n, t in texts.items()}, what="diagnosis")


@dataclass(frozen=True)
class _Found:
    """Everything computed, in the order of the evidence."""

    evidence: Evidence
    columns: Mapping[str, Floats]
    standing: Mapping[str, Floats]
    scores: Scores
    extremes: Extremes
    q: Floats
    q_inverted: Floats
    probability: Floats
    parameters: Mapping[str, Floats]


def diagnose(
    table: ResponseTable,
    fit: Fit | None = None,
    options: Options = Options(),
) -> Diagnosis:
    """Statistics of every item, its probability of being broken, and the evidence in words.

    The score rests on the table alone, so that it means the same with any model or none; a fit adds
    its parameters and its infit and outfit to the cards. Item features (`of_items.numbers`) tell
    hard from broken among the items that nobody passes.

    Args:
        table: The responses; missing cells and several trials a cell are fine.
        fit: A fit of these items.
        options: How to diagnose.

    Raises:
        UsageError: fewer than three agents or items, scores outside [0, 1], a share outside (0, 1).
        UnknownUnitError: a statistic that is not there.
    """
    if options.null_items < 0:
        raise UsageError(f"null_items is a number of items, 0 for none, not {options.null_items}.")
    for said in (options.prevalence, options.level, options.extreme_prior):
        if said is not None and not 0.0 < said < 1.0:
            raise UsageError(f"Prevalence, level and prior are shares between 0 and 1, not {said}.")
    shown = evidence(table)
    found = _found(table, fit, shown, options)
    order = sorted(
        range(len(shown.items)), key=lambda place: (-found.probability[place], shown.items[place])
    )
    cards = tuple(_card(found, place, rank, options) for rank, place in enumerate(order, 1))
    labels = {
        column: [values[place] for place in shown.places]
        for column, values in table.of_items.labels.items()
    }
    return Diagnosis(
        cards,
        suspect_groups(shown.items, found.probability, labels),
        agent_signs(shown, found.probability),
        found.scores.prevalence,
        options.level,
        _notes(found, options),
        table.dropped,
    )


def _found(table: ResponseTable, fit: Fit | None, shown: Evidence, options: Options) -> _Found:
    names = options.statistics or tuple(STATISTICS.names())
    every = {name: STATISTICS.find(name) for name in dict.fromkeys((*names, *NEEDS))}
    columns = {name: one.measure(shown) for name, one in every.items()}
    lines = slopes(shown)
    stack = options.stack or shipped_stack()
    ratios = stack.log_ratios(features(shown, columns, lines.se))
    judged = scores(ratios, options.prevalence)
    known = list(table.of_items.numbers.values())
    numbers = np.array(known).T[shown.places] if known else np.zeros((len(shown.items), 0))
    odd = extremes(shown, numbers, options.extreme_prior)
    constant = odd.all_fail | odd.all_pass
    standing = standings(
        columns, {name: one.suspect for name, one in every.items()}, shown.judged.astype(float)
    )
    return _Found(
        shown,
        columns,
        standing,
        judged,
        odd,
        _q(table, shown, ratios, options),
        _inverted(lines.a / lines.se, shown),
        np.where(constant, odd.broken, judged.probability),
        _parameters(table, fit, shown),
    )


def _q(table: ResponseTable, shown: Evidence, ratios: Floats, options: Options) -> Floats:
    """(J,) Benjamini-Hochberg over the tests against simulated sound items; NaN if not judged."""
    if not options.null_items or not shown.judged.any():
        return np.full(len(ratios), np.nan)
    stack = options.stack or shipped_stack()
    # The prevalence that was asked for must not move the null: slopes are weighed by the table's.
    design = fitted_design(table, shown, scores(ratios, None).probability)
    null = null_log_ratios(
        shown, design, stack, null_items=options.null_items, seed=options.seed
    )  # fmt: skip
    return false_discovery(p_values(ratios, null))


def _inverted(ratio: Floats, shown: Evidence) -> Floats:
    """(J,) adjusted p of the hypothesis that the slope is at least 0; NaN for items not judged."""
    from scipy.special import ndtr

    return false_discovery(np.where(shown.judged, ndtr(ratio), np.nan))


def _parameters(table: ResponseTable, fit: Fit | None, shown: Evidence) -> dict[str, Floats]:
    """(J,) each, in the order of the evidence; NaN for items that the fit does not have."""
    if fit is None:
        return {}
    from evaluators.irt.fit_statistics.mean_squares import mean_squares

    found = {name: np.asarray(value) for name, value in fit.bank.parameters.items()}
    found |= {f"se_{name}": value for name, value in fit.bank.standard_errors.items()}
    columns = {name: (fit.bank.items, value) for name, value in found.items() if value.ndim == 1}
    if not fit.bank.layout.dimensions and table.kind != "continuous":
        fits = mean_squares(table, fit.bank, fit.abilities).items
        columns["infit_z"], columns["outfit_z"] = (
            (fits.names, fits.infit_z), (fits.names, fits.outfit_z),
        )  # fmt: skip
    aligned: dict[str, Floats] = {}
    for name, (items, value) in columns.items():
        by = dict(zip(items, value.tolist(), strict=True))
        aligned[name] = np.array([by.get(item, np.nan) for item in shown.items])
    return aligned


def _card(found: _Found, place: int, rank: int, options: Options) -> ItemCard:
    shown, odd = found.evidence, found.extremes
    statistics = {name: float(value[place]) for name, value in found.columns.items()}
    constant = bool(odd.all_fail[place] or odd.all_pass[place])
    kinds = dict(zip(CLASSES, found.scores.kinds[place].tolist(), strict=True))
    return ItemCard(
        shown.items[place],
        rank,
        float(found.probability[place]),
        float(found.q[place]),
        float(found.q_inverted[place]),
        {} if constant else kinds,
        float(shown.mean[place]),
        int(shown.count[place]),
        statistics,
        {name: float(value[place]) for name, value in found.standing.items()},
        {name: float(value[place]) for name, value in found.parameters.items()},
        _flags(found, place, options),
        _words(found, place) if constant else sentences(shown, place, statistics, kinds),
    )


def _flags(found: _Found, place: int, options: Options) -> tuple[str, ...]:
    odd, columns = found.extremes, found.columns
    said = {
        "suspect": found.q[place] <= options.level,
        "inverted": found.q_inverted[place] <= options.level,
        "all_fail": odd.all_fail[place],
        "all_pass": odd.all_pass[place],
        "few_answers": not found.evidence.judged[place]
        and not odd.all_fail[place]
        and not odd.all_pass[place],
        "negative_item_rest": "item_rest" in columns and columns["item_rest"][place] < 0,
        "weak_scalability": "scalability" in columns and columns["scalability"][place] < 0.3,
    }
    return tuple(name for name, holds in said.items() if holds)


def _words(found: _Found, place: int) -> tuple[str, ...]:
    odd = found.extremes
    what = "fail" if odd.all_fail[place] else "pass"
    return (
        f"All {int(found.evidence.count[place])} agents {what} it; a sound item of the difficulty "
        f"expected here ({odd.expected[place]:.1f} logits) has that happen with probability "
        f"{odd.chance[place]:.2g}.",
    )


def _notes(found: _Found, options: Options) -> tuple[str, ...]:
    shown, odd = found.evidence, found.extremes
    said: list[str] = []
    extreme = int(odd.all_fail.sum() + odd.all_pass.sum())
    if extreme:
        said.append(
            f"{int(odd.all_fail.sum())} items that all fail and {int(odd.all_pass.sum())} that all "
            "pass stand in a queue of their own: no correlation is defined for them, their score "
            f"is P(broken) at a prior of {options.extreme_prior:g}."
        )
    few = int((~shown.judged).sum()) - extreme
    if few:
        said.append(
            f"{few} items have fewer than {ENOUGH} successes or fewer than {ENOUGH} failures; they "
            "are not judged, their score is the prevalence."
        )
    if options.null_items and shown.judged.any():
        said.append(
            "q and `suspect` are relative to sound items simulated from a 2PL of this table (one "
            "ability, lognormal slopes, independent cells): what shares a topic or a scaffold may "
            "depart from it without being broken."
        )
    else:
        said.append("No sound items were simulated: q is not known, nothing is flagged `suspect`.")
    if not shown.binary:
        said.append("Tetrachoric and biserial columns count a cell as passed from a half on.")
    if len(shown.agents) < 20:
        said.append(
            f"{len(shown.agents)} agents are few: the score was learnt on tables of 20 to 149."
        )
    return tuple(said)


def _csv_text(cards: tuple[ItemCard, ...]) -> str:
    """One line an item; statistics and parameters in columns of their own."""
    statistics = list(cards[0].statistics) if cards else []
    parameters = list(cards[0].parameters) if cards else []
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    fixed = ["item", "rank", "defect_score", "q", "q_inverted", *CLASSES, "mean", "agents"]
    lines.writerow([*fixed, *statistics, *parameters, "flags", "evidence"])
    for card in cards:
        numbers = [card.defect_score, card.q, card.q_inverted]
        numbers += [card.kinds.get(kind, np.nan) for kind in CLASSES]
        tail = [card.statistics[name] for name in statistics]
        tail += [card.parameters[name] for name in parameters]
        lines.writerow(
            [
                *(card.item, card.rank, *map(_shown, numbers), _shown(card.mean), card.agents),
                *(*map(_shown, tail), " ".join(card.flags), " ".join(card.evidence)),
            ]
        )
    return out.getvalue()


def _shown(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else ""


def _json(value: object) -> object:
    """The same with null for what is no finite number."""
    if isinstance(value, dict):
        return {str(key): _json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner) for inner in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
