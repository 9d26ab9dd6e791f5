"""Full scores from few items: mean absolute error for unseen agents, by rule and number of items.

    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/adaptive.py                 # 20 splits, minutes
    OMP_NUM_THREADS=1 .venv/bin/python benchmarks/adaptive.py --splits 4 --rules random,score

Agents are split 75/25 at random (NumPy's default generator, seeds 0, 1, …); the 2PL and the norms
know the 75 %, the test is replayed for the rest. `mean` is the mean of what was asked, `IRT` the
bank's posterior alone (prior N(0, 1)), `norms` ours. The data lie beside the project.
"""

import argparse
import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evaluators.irt._fit import ItemBank
from evaluators.irt._fitting import FitOptions, fit
from evaluators.irt._responses import Floats, Ints, ResponseTable, table_of
from evaluators.irt.adaptive._plan import Plan
from evaluators.irt.adaptive.replay import Replay, replay
from evaluators.irt.scoring.norms import Norms, norms_of

DATA = (Path(__file__).parents[1] / "../shared/data/responses").resolve()
LOOKS = (5, 10, 20, 40, 80)


@dataclass(frozen=True)
class Responses:
    """A complete matrix; items with gaps are left out."""

    agents: list[str]
    items: list[str]
    wide: Floats

    def table(self, rows: Ints) -> ResponseTable:
        """The table of some agents."""
        return table_of([self.agents[at] for at in rows], self.items, self.wide[rows])


def main() -> None:
    """Replay every rule on every split and print a Markdown table."""
    options = _options()
    data = read(DATA / f"{options.data}.csv.gz")
    rules: list[str] = options.rules.split(",")
    found = dict[str, list[Floats]]()
    for seed in range(options.first, options.first + options.splits):
        train, rest = split(len(data.agents), seed)
        for name, row in one_split(data, (train, rest), rules).items():
            found.setdefault(name, []).append(row)
    print(f"{options.data}: {options.splits} splits from seed {options.first}, points\n")
    print("| method | " + " | ".join(f"{look} items" for look in LOOKS) + " |")
    print("|---" * (len(LOOKS) + 1) + "|")
    for name, rows in found.items():
        print(f"| {name} | " + " | ".join(f"{x:.2f}" for x in np.mean(rows, axis=0)) + " |")


def one_split(data: Responses, places: tuple[Ints, Ints], rules: list[str]) -> dict[str, Floats]:
    """(looks,) mean absolute errors in points of each method, for the agents left out."""
    known, rest = data.table(places[0]), data.table(places[1])
    bank = fit(known, "2pl", options=FitOptions(standard_errors=False)).bank
    norms = norms_of(bank, known)
    found = dict[str, Floats]()
    for rule in rules:
        plain = _replayed(bank, rest, rule, None)
        if rule == "random":
            found["random, mean"] = _raw(plain, data, places[1])
        if rule in {"random", "information"}:
            found[f"{rule}, IRT"] = 100.0 * plain.mean_absolute_error
        ours = _replayed(bank, rest, rule, norms)
        found[f"{rule}, norms"] = 100.0 * ours.mean_absolute_error
        found[f"{rule}, norms: share in 90 % interval"] = ours.coverage
    return found


def split(n_agents: int, seed: int) -> tuple[Ints, Ints]:
    """Places of three quarters of the agents, and of the rest."""
    order = np.random.default_rng(seed).permutation(n_agents)
    known = round(0.75 * n_agents)
    return np.sort(order[:known]), np.sort(order[known:])


def read(path: Path) -> Responses:
    """Agents and items in alphabetical order; items that not all agents answered are left out."""
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    agents, items = (sorted({row[name] for row in rows}) for name in ("agent", "item"))
    at = {name: place for names in (agents, items) for place, name in enumerate(names)}
    wide = np.full((len(agents), len(items)), np.nan)
    for row in rows:
        wide[at[row["agent"]], at[row["item"]]] = float(row["score"])
    whole = np.flatnonzero(~np.isnan(wide).any(axis=0))
    return Responses(agents, [items[place] for place in whole], wide[:, whole])


def _replayed(bank: ItemBank, rest: ResponseTable, rule: str, norms: Norms | None) -> Replay:
    return replay(bank, rest, Plan(rule=rule), norms=norms, after=LOOKS)


def _raw(found: Replay, data: Responses, rows: Ints) -> Floats:
    """The mean of the items asked as the prediction."""
    at = {item: place for place, item in enumerate(data.items)}
    errors: list[list[float]] = []
    for row, asked, full in zip(data.wide[rows], found.asked, found.full, strict=True):
        seen = row[[at[item] for item in asked]]
        errors.append([100.0 * abs(float(seen[:look].mean()) - full) for look in found.after])
    return np.array(errors).mean(axis=0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="swebench_verified")
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--rules", default="random,information,posterior_information,score")
    return parser.parse_args()


if __name__ == "__main__":
    main()
