"""How well broken items are found without a language model: planted defects, column by column.

    .venv/bin/python benchmarks/defects.py                     # the table, real data sets
    .venv/bin/python benchmarks/defects.py --train             # re-makes the shipped coefficients
    .venv/bin/python benchmarks/defects.py --only bigcodebench --seeds 10 --json

5 % of the items with .1 < mean < .9 are broken in one way; AUC and precision@k (k = number broken)
among those items, mean over seeds. `stack` is the shipped defect score, `own class` its part for
the class that the plants belong to. It was trained on `TRAINING` and simulated tables; a set of
those is scored by a stack trained on the others (`--train` writes the shipped one alone). All-fail
plants are judged in the queue of items that nobody passes, by difficulty predicted from the
features an LLM judge gave.
"""

import argparse
import csv
import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evaluators.irt._responses import Floats, ResponseTable
from evaluators.irt._simulation import simulate
from evaluators.irt.diagnostics._evidence import Evidence, evidence
from evaluators.irt.diagnostics._planting import Planted, plant
from evaluators.irt.diagnostics._queue import extremes
from evaluators.irt.diagnostics._regression import slopes
from evaluators.irt.diagnostics._shipped import PATH, shipped_stack, stack_json
from evaluators.irt.diagnostics._stack import NEEDS, Sample, Stack, features, train
from evaluators.irt.diagnostics._statistic import STATISTICS

ROOT = Path(__file__).parents[1]
DATA = (ROOT / "../shared/data/responses").resolve()
TRAINING = ("terminal_bench_2", "mathvista_mini", "rewardbench", "mmlu_pro_quarter")
HELD_OUT = ("swebench_verified", "bigcodebench")
SIMULATED = ((150, 400), (40, 300), (20, 200))
"""Agents x items of simulated 2PL tables in the training."""
LABELS = {"flipped": 1, "shuffled": 2, "half_shuffled": 2, "group_fails": 3, "rejecting": 3}
"""Kinds of planted defect, by the class that they train."""
COLUMNS = ("item_rest", "scalability", "tetrachoric", "infit", "outfit", "slope", "predictability")
WEIGHT = 80.0
"""Weight of one planted table in training, whatever its size; twice that for flipped items."""
MADE_BY = "benchmarks/defects.py --train"

Row = dict[str, str | float]


def main() -> None:
    """Train, or print the table."""
    parser = argparse.ArgumentParser(description="Planted defects: what finds them.")
    parser.add_argument("--train", action="store_true", help="re-make the shipped coefficients")
    parser.add_argument("--only", default=",".join(HELD_OUT), help="data sets to test on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"no response data in {DATA}")
    if options.train:
        stack = trained(TRAINING)
        PATH.write_text(stack_json(stack, MADE_BY))
        print(f"wrote {PATH.relative_to(ROOT)}")
        return
    rows = [row for name in options.only.split(",") for row in tested(name, options.seeds)]
    print(json.dumps(rows, indent=2) if options.json else table_text(rows))


def read(name: str) -> ResponseTable:
    """One of the data sets, agents and items in the order of their names."""
    with gzip.open(DATA / f"{name}.csv.gz", "rt", newline="") as file:
        rows = [(row["agent"], row["item"], float(row["score"])) for row in csv.DictReader(file)]
    agents, items = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    of_agent = {agent: place for place, agent in enumerate(agents)}
    of_item = {item: place for place, item in enumerate(items)}
    return ResponseTable(
        tuple(agents),
        tuple(items),
        np.array([of_agent[row[0]] for row in rows], dtype=np.int64),
        np.array([of_item[row[1]] for row in rows], dtype=np.int64),
        np.array([row[2] for row in rows]),
        np.ones(len(rows)),
        np.ones(len(rows), dtype=np.int64),
    )


def measured(shown: Evidence, names: Sequence[str]) -> dict[str, Floats]:
    """Statistics by name."""
    return {name: STATISTICS.find(name).measure(shown) for name in names}


def stacked(stack: Stack, values: Floats) -> Floats:
    """(J,) log odds of a defect; NaN where an item is not judged."""
    with np.errstate(invalid="ignore"):
        return np.logaddexp.reduce(stack.log_ratios(values), axis=1)


def trained(names: Sequence[str], seeds: int = 3) -> Stack:
    """The stack of these real data sets and the simulated tables."""
    samples: list[Sample] = []
    for name in names:
        samples += planted_samples(read(name), seeds)
        print(f"planted in {name}", file=sys.stderr, flush=True)
    for agents, items in SIMULATED:
        samples += planted_samples(simulate("2pl", agents, items, seed=agents).table, seeds)
    said = [f"{name}.csv.gz" for name in names]
    said += [f"simulated 2pl, {agents} agents x {items} items" for agents, items in SIMULATED]
    together = Sample(
        np.concatenate([one.values for one in samples]),
        np.concatenate([one.label for one in samples]),
        np.concatenate([one.weight for one in samples]),
    )
    return train(together, tuple(said))


def planted_samples(table: ResponseTable, seeds: int) -> list[Sample]:
    """One sample a kind of defect and seed."""
    found: list[Sample] = []
    for kind, label in LABELS.items():
        for seed in range(100, 100 + seeds):
            planted = plant(table, kind, seed=seed)
            shown = evidence(planted.table)
            values = features(shown, measured(shown, NEEDS), slopes(shown).se)
            able = np.isin(shown.items, planted.eligible) & np.isfinite(values).all(axis=1)
            broken = np.isin(shown.items, planted.items)[able]
            weight = WEIGHT * (2.0 if kind == "flipped" else 1.0) / able.sum()
            found.append(Sample(values[able], broken * label, np.full(int(able.sum()), weight)))
    return found


def tested(name: str, seeds: int) -> list[Row]:
    """Rows of one data set: every kind of defect against every column."""
    table = read(name)
    stack = (
        trained([one for one in TRAINING if one != name]) if name in TRAINING else shipped_stack()
    )
    rows: list[Row] = []
    for kind in LABELS:
        found: dict[str, list[tuple[float, float]]] = {}
        for seed in range(seeds):
            planted = plant(table, kind, seed=seed)
            for column, value in judged(planted, stack).items():
                found.setdefault(column, []).append(value)
        rows += [
            {"data": name, "defect": kind, "column": column,
             "auc": float(np.mean([one[0] for one in values])),
             "precision": float(np.mean([one[1] for one in values]))}
            for column, values in found.items()
        ]  # fmt: skip
    return rows + queue_rows(name, table, seeds)


def judged(planted: Planted, stack: Stack) -> dict[str, tuple[float, float]]:
    """AUC and precision@k of every column and of the stack."""
    shown = evidence(planted.table)
    columns = measured(shown, tuple(dict.fromkeys((*COLUMNS, *NEEDS))))
    values = features(shown, columns, slopes(shown).se)
    suspicion = {
        name: columns[name] * (1.0 if STATISTICS.find(name).suspect == "high" else -1.0)
        for name in COLUMNS
    }
    suspicion["stack"] = stacked(stack, values)
    suspicion["own class"] = stack.log_ratios(values)[:, LABELS[planted.kind] - 1]
    able = np.isin(shown.items, planted.eligible)
    broken = np.isin(shown.items, planted.items)[able]
    return {name: found(value[able], broken) for name, value in suspicion.items()}


def found(
    suspicion: Floats, broken: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> tuple[float, float]:
    """AUC, and precision among as many items as are broken; an item without a value comes last."""
    from scipy.stats import rankdata

    value = np.where(np.isfinite(suspicion), suspicion, -np.inf)
    rank = rankdata(value)
    bad, good = int(broken.sum()), int((~broken).sum())
    auc = (rank[broken].sum() - bad * (bad + 1) / 2) / (bad * good)
    first = np.argsort(-value, kind="stable")[:bad]
    return float(auc), float(broken[first].mean())


def queue_rows(name: str, table: ResponseTable, seeds: int) -> list[Row]:
    """All-fail plants against the items that nobody passes anyhow: by features, and without."""
    known = judge_features(name, table)
    if known is None:
        return []
    found_by: dict[str, list[tuple[float, float]]] = {"features": [], "prior alone": []}
    for seed in range(seeds):
        planted = plant(table, "all_fail", seed=seed)
        shown = evidence(planted.table)
        broken = np.isin(shown.items, planted.items)
        for column, values in (("features", known), ("prior alone", known[:, :0])):
            said = extremes(shown, values, 0.05)
            at = said.all_fail
            found_by[column].append(found(said.broken[at], broken[at]))
    return [
        {"data": name, "defect": "all_fail", "column": column,
         "auc": float(np.mean([one[0] for one in values])),
         "precision": float(np.mean([one[1] for one in values]))}
        for column, values in found_by.items()
    ]  # fmt: skip


def judge_features(name: str, table: ResponseTable) -> Floats | None:
    """(J, 15) features of the items in the order of the table; None where there are none."""
    with gzip.open(DATA / "item_judge_features.csv.gz", "rt", newline="") as file:
        rows = [row for row in csv.reader(file) if row[0] == name]
    by = {row[1]: [float(value) for value in row[2:]] for row in rows}
    return np.array([by[item] for item in table.items]) if rows else None


def table_text(rows: Sequence[Row]) -> str:
    """Markdown, one line a data set and kind of defect."""
    columns = list(dict.fromkeys(str(row["column"]) for row in rows))
    lines = [f"| data | defect | {' | '.join(columns)} |", "|---" * (len(columns) + 2) + "|"]
    for key in dict.fromkeys((str(row["data"]), str(row["defect"])) for row in rows):
        cells = {str(r["column"]): r for r in rows if (r["data"], r["defect"]) == key}
        said = [
            f"{cells[c]['auc']:.3f} / {cells[c]['precision']:.2f}" if c in cells else ""
            for c in columns
        ]
        lines.append(f"| {key[0]} | {key[1]} | {' | '.join(said)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
