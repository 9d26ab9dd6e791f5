"""What is said of one item: where it stands, which agents surprise, what to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.diagnostics._evidence import Evidence

NAMED = 4
"""Agents named in a sentence."""
SURE = 0.7
"""Expected score from which an agent's failure is a surprise; 1 - .7 for a success."""


@dataclass(frozen=True)
class ItemCard:
    """One item, with what speaks for and against it."""

    item: str
    rank: int
    """1 for the most suspect."""
    defect_score: float
    """P(defect); the prevalence where there is no evidence, P(broken | all fail) in the queue."""
    q: float
    """Benjamini-Hochberg over the tests against sound items simulated from a 2PL of the table (what
    that is relative to: `_null`); NaN where not judged, or where none were simulated. The order of
    cards is that of `defect_score`, q need not rise along it."""
    q_inverted: float
    """Benjamini-Hochberg over the tests of slope >= 0; small: better agents do worse, surely."""
    kinds: Mapping[str, float]
    """P(inverted), P(random), P(partial)."""
    mean: float
    agents: int
    """How many answered."""
    statistics: Mapping[str, float]
    """By name; NaN where undefined."""
    standing: Mapping[str, float]
    """By statistic: share of the judged items that are at least as suspect; near 0 is worst."""
    parameters: Mapping[str, float]
    """Of the fitted model, with standard errors (`se_a`) and infit_z, outfit_z; empty without."""
    flags: tuple[str, ...]
    """`suspect`, `inverted`, `all_fail`, `all_pass`, `few_answers`, `negative_item_rest`,
    `weak_scalability`."""
    evidence: tuple[str, ...]
    """Sentences."""

    def text(self) -> str:
        """The card as people read it."""
        head = f"{self.rank}. {self.item}: P(defect) {self.defect_score:.3f}"
        if np.isfinite(self.q):
            head += f", q {self.q:.3f}"
        flags = f" [{', '.join(self.flags)}]" if self.flags else ""
        return "\n".join([head + flags, *(f"   {line}" for line in self.evidence)])


@dataclass(frozen=True)
class Surprises:
    """Cells of one item that an ability without the item would not lead one to expect."""

    failed: tuple[str, ...]
    """Strong agents that fail it, the strongest first."""
    passed: tuple[str, ...]
    """Weak agents that pass it, the weakest first."""


def surprises(evidence: Evidence, place: int) -> Surprises:
    """Agents on the wrong side of the item."""
    seen = evidence.seen[:, place] > 0
    expected, passed = evidence.expected[:, place], evidence.passed[:, place] > 0
    order = np.argsort(evidence.rasch.theta, kind="stable")
    failed = [i for i in order[::-1] if seen[i] and not passed[i] and expected[i] >= SURE]
    had = [i for i in order if seen[i] and passed[i] and expected[i] <= 1.0 - SURE]
    return Surprises(
        tuple(evidence.agents[i] for i in failed), tuple(evidence.agents[i] for i in had)
    )


def sentences(
    evidence: Evidence, place: int, statistics: Mapping[str, float], kinds: Mapping[str, float]
) -> tuple[str, ...]:
    """What the numbers say, worst first."""
    lines: list[str] = []
    r, lost = statistics.get("item_rest", np.nan), statistics.get("predictability", np.nan)
    if np.isfinite(r) and r < 0:
        lines.append(f"Agents who do well elsewhere fail it: r = {r:.2f}.")
    elif np.isfinite(r):
        lines.append(f"Item-rest correlation {r:.2f}.")
    if np.isfinite(lost):
        lines.append(f"Similar agents predict {max(lost, 0.0):.0%} of who passes it.")
    odd = surprises(evidence, place)
    said = [
        f"{len(names)} {what}: {_some(names)}"
        for names, what in ((odd.failed, "strong agents fail"), (odd.passed, "weak agents pass"))
        if names
    ]
    if said:
        lines.append("; ".join(said) + ".")
    likely = max(kinds, key=lambda kind: kinds[kind])
    if kinds[likely] >= 0.1:
        lines.append(MEANINGS[likely])
    return tuple(lines)


MEANINGS: Mapping[str, str] = {
    "inverted": "Looks inverted: check the key, the sign of the comparison, swapped labels.",
    "random": "Looks partly random: check for flaky tests, unstated choices, lost outputs.",
    "partial": "Some agents seem to fail whatever they do: check dependencies that only some "
    "scaffolds have, and tests that refuse valid answers.",
}


def standings(
    columns: Mapping[str, Floats], suspect: Mapping[str, str], judged: Sequence[bool] | Floats
) -> dict[str, Floats]:
    """(J,) by statistic: share of the judged items whose value is at least as suspect."""
    chosen = np.asarray(judged, dtype=bool)
    found: dict[str, Floats] = {}
    for name, value in columns.items():
        turned = value if suspect[name] == "low" else -value
        known = np.sort(turned[chosen & np.isfinite(turned)])
        place = np.searchsorted(known, turned, side="right") / max(len(known), 1)
        found[name] = np.where(
            np.isfinite(turned), np.maximum(place, 1 / max(len(known), 1)), np.nan
        )
    return found


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
