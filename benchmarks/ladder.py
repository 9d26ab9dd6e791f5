"""The loop closed on our own exam: agents of known order sit it, IRT must find the order again.

    .venv/bin/python benchmarks/ladder.py                      # plays, fits, examines, reports
    .venv/bin/python benchmarks/ladder.py --runs runs/ladder   # goes on with what was played there
    .venv/bin/python benchmarks/ladder.py --kept               # the kept responses alone, no play

Plays `runners/configs/ladder.yaml` (fourteen rungs, sixty instances, real server), keeps the
responses in `benchmarks/ladder/responses.csv` and writes `benchmarks/ladder/report.md`: whether the
order of the agents and of the presets is found, and how many instances an adaptive exam needs. The
bank that examines an agent is always fitted without that agent.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import stats

from evaluators.irt._fit import Fit, ItemBank
from evaluators.irt._fitting import fit
from evaluators.irt._reading import read_responses
from evaluators.irt._responses import Floats, ResponseTable, table_of
from evaluators.irt._saving import write_fit
from evaluators.irt.adaptive._plan import Plan
from evaluators.irt.adaptive.session import begin
from tasks import InstanceId

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "runners" / "configs" / "ladder.yaml"
KEPT = ROOT / "benchmarks" / "ladder"
PRESETS = ("easy", "medium", "hard", "expert")
CANDIDATES = (("ability", "beta"), ("passed", "2pl"), ("passed", "rasch"))
"""Scores and models that are compared."""
CHOSEN = ("ability", "beta")
ORDERS = 20
"""Random orders that an adaptive exam is compared with."""
LIVE = ("ladder:4", "ladder:7", "ladder:10", "ladder:12")
"""Agents that are examined at the real server, by a bank that never saw them."""


@dataclass(frozen=True)
class Recovery:
    """How well one model of one score finds the order of the agents."""

    mark: str
    model: str
    fit: Fit
    spearman: float
    kendall: float


@dataclass(frozen=True)
class Exam:
    """One agent, examined by a bank that never saw it."""

    agent: str
    full_se: float
    """After all instances."""
    target: float
    random: float
    """Mean number of instances in a random order until the target."""
    adaptive: int
    theta: float
    """After the adaptive exam."""
    full_theta: float


def main() -> None:
    """Play what is not played, analyse, write the report."""
    options = _options()
    with tempfile.TemporaryDirectory() as scratch:
        runs = Path(options.runs or scratch)
        if not options.kept:
            _proctor("run", str(CONFIG), "--runs", str(runs / "played"))
            keep(runs / "played")
        tables = {mark: kept(mark) for mark in ("ability", "passed")}
        found = [recovered(mark, model, tables[mark]) for mark, model in CANDIDATES]
        exams = examinations(tables[CHOSEN[0]], CHOSEN[1])
        target = float(np.median([exam.target for exam in exams]))
        live = [] if options.kept else [lived(agent, tables, target, runs) for agent in LIVE]
        text = report(tables, found, exams, live)
    (KEPT / "report.md").write_text(text)
    print(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", help="folder for run folders; what lies there is gone on with")
    parser.add_argument("--kept", action="store_true", help="analyse the kept responses alone")
    return parser.parse_args()


def _proctor(*words: str) -> Any:
    done = subprocess.run(
        [Path(sys.executable).parent / "proctor", *words, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def keep(runs: Path) -> None:
    """Write the responses of the runs: one row an attempt."""
    tables = {mark: read_responses(runs, score=mark) for mark in ("ability", "passed")}
    one = tables["ability"]
    with (KEPT / "responses.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["agent", "item", "ability", "passed"])
        marks = zip(one.agent, one.item, one.score, tables["passed"].score, strict=True)
        for agent, item, ability, passed in marks:
            rows.writerow([one.agents[agent], one.items[item], f"{ability:.6g}", f"{passed:.0f}"])


def kept(mark: str) -> ResponseTable:
    """The kept responses; agents by rung, instances by family, preset and seed."""
    with (KEPT / "responses.csv").open() as file:
        rows = list(csv.DictReader(file))
    agents = sorted({row["agent"] for row in rows}, key=rung)
    items = sorted({row["item"] for row in rows}, key=_place)
    wide = np.full((len(agents), len(items)), np.nan)
    for row in rows:
        wide[agents.index(row["agent"]), items.index(row["item"])] = float(row[mark])
    return table_of(agents, items, wide)


def rung(agent: str) -> int:
    """The rung of an agent."""
    return int(agent.partition(":")[2])


def _place(item: str) -> tuple[str, int, int]:
    instance = InstanceId.parse(item)
    return instance.family, PRESETS.index(instance.preset), instance.seed


def recovered(mark: str, model: str, table: ResponseTable) -> Recovery:
    """Fit a model and hold its abilities against the rungs."""
    found = fit(table, model)
    rungs = [rung(agent) for agent in table.agents]
    return Recovery(
        mark,
        model,
        found,
        _correlation(stats.spearmanr(rungs, found.abilities.theta)),
        _correlation(stats.kendalltau(rungs, found.abilities.theta)),
    )


def _correlation(found: Any) -> float:
    return float(found.statistic)


def examinations(table: ResponseTable, model: str) -> list[Exam]:
    """Every agent, examined in replay by a bank of the others."""
    return [_examined(agent, table, model) for agent in table.agents]


def bank_without(agent: str, table: ResponseTable, model: str) -> Fit:
    """The fit of all others."""
    others = [name for name in table.agents if name != agent]
    places = [table.agents.index(name) for name in others]
    return fit(table_of(others, table.items, table.cells.wide()[places]), model)


def _examined(agent: str, table: ResponseTable, model: str) -> Exam:
    bank = bank_without(agent, table, model).bank
    row = table.cells.wide()[table.agents.index(agent)]
    answers = {item: float(score) for item, score in zip(table.items, row, strict=True)}
    random = [random_course(bank, answers, seed) for seed in range(ORDERS)]
    thetas, adaptive = adaptive_course(bank, answers)
    full = adaptive[-1]
    # What a plain exam of three quarters of the suite gives: not so near the end that only asking
    # everything could reach it.
    target = float(np.mean([path[len(answers) * 3 // 4 - 1] for path in random]))
    needed = int(np.argmax(adaptive <= target)) + 1
    return Exam(
        agent,
        float(full),
        target,
        float(np.mean([np.argmax(path <= target) + 1 for path in random])),
        needed,
        float(thetas[needed - 1]),
        float(thetas[-1]),
    )


def adaptive_course(bank: ItemBank, answers: dict[str, float]) -> tuple[Floats, Floats]:
    """Ability and its standard error after each instance of an adaptive exam."""
    session = begin(bank, Plan(rule="information"))
    known: list[tuple[float, float]] = []
    while len(known) < len(answers):
        _, (place,), _ = session.choose(1)
        item = bank.items[place]
        session = session.answered({item: answers[item]})
        known.append(session.ability)
    return np.array([theta for theta, _ in known]), np.array([se for _, se in known])


def random_course(bank: ItemBank, answers: dict[str, float], seed: int) -> Floats:
    """Standard error of the ability after each instance of an exam in a random order."""
    session, errors = begin(bank), list[float]()
    for item in np.random.default_rng(seed).permutation(bank.items):
        session = session.answered({str(item): answers[str(item)]})
        errors.append(session.ability[1])
    return np.array(errors)


def lived(
    agent: str, tables: dict[str, ResponseTable], target: float, runs: Path
) -> dict[str, Any]:
    """An agent examined at the real server with `--adaptive`."""
    mark, model = CHOSEN
    table, folder = tables[mark], runs / f"bank-{rung(agent)}"
    write_fit(bank_without(agent, table, model), folder, asked={"score": mark})
    described = yaml.safe_load(CONFIG.read_text())
    described["agents"] = [agent]
    described["run"]["name"] = "ladder-adaptive"
    config = folder / "ladder.yaml"
    config.write_text(yaml.safe_dump(described))
    words = ["--adaptive", str(folder), "--target-se", f"{target:.4f}"]
    (run,) = _proctor("run", str(config), *words, "--runs", str(runs / "adaptive"))["runs"]
    return {"agent": agent, "target": target, **run["adaptive"]}


def difficulties(found: Fit) -> dict[str, list[float]]:
    """Mean fitted difficulty b of each preset, by family; only families that have all four."""
    sums: dict[str, dict[str, list[float]]] = {}
    for item, b in zip(found.bank.items, found.bank.parameters["b"], strict=True):
        instance = InstanceId.parse(item)
        sums.setdefault(instance.family, {}).setdefault(instance.preset, []).append(float(b))
    return {
        family: [float(np.mean(by_preset[preset])) for preset in PRESETS]
        for family, by_preset in sums.items()
        if len(by_preset) == len(PRESETS)
    }


def report(
    tables: dict[str, ResponseTable],
    found: list[Recovery],
    exams: list[Exam],
    live: list[dict[str, Any]],
) -> str:
    """All of it as Markdown."""
    chosen = next(one for one in found if (one.mark, one.model) == CHOSEN)
    parts = [
        "# The ladder\n",
        f"{len(tables['ability'].agents)} agents, {len(tables['ability'].items)} instances; "
        "made by `benchmarks/ladder.py` from `responses.csv`.\n",
        *_agents(tables["ability"], found, chosen),
        *_presets(chosen.fit),
        *_exams(exams, live),
    ]
    return "\n".join(parts) + "\n"


def _agents(table: ResponseTable, found: list[Recovery], chosen: Recovery) -> list[str]:
    means = np.nanmean(table.cells.wide(), axis=1)
    rungs = [rung(agent) for agent in table.agents]
    plain = _correlation(stats.spearmanr(rungs, means))
    lines = [
        "## Is the order of the agents found?\n",
        "| score | model | Spearman | Kendall |\n|---|---|---|---|",
        *(f"| {o.mark} | {o.model} | {o.spearman:.3f} | {o.kendall:.3f} |" for o in found),
        f"| ability | plain mean | {plain:.3f} | |\n",
        f"| agent | mean ability | theta ({chosen.model}) | se |\n|---|---|---|---|",
    ]
    abilities = chosen.fit.abilities
    for at, agent in enumerate(table.agents):
        lines.append(
            f"| {agent} | {means[at]:.3f} | {abilities.theta[at]:.2f} | {abilities.se[at]:.2f} |"
        )
    return [*lines, ""]


def _presets(found: Fit) -> list[str]:
    by_family = difficulties(found)
    rows = np.array(list(by_family.values()))
    page: Any = stats.page_trend_test(rows)
    lines = [
        "## Do fitted difficulties order the presets?\n",
        f"Mean b of a family's instances. Page's trend test over {len(rows)} families, ordered "
        f"alternative easy < medium < hard < expert: L = {page.statistic:.0f}, p = "
        f"{page.pvalue:.2g}; means over families {_row(rows.mean(axis=0))}.\n",
        f"| family | {' | '.join(PRESETS)} | Kendall | in order |\n|---|---|---|---|---|---|---|",
    ]
    for family, bs in by_family.items():
        tau = _correlation(stats.kendalltau(range(4), bs))
        whole = "yes" if sorted(bs) == bs else "no"
        lines.append(f"| {family} | {_row(np.array(bs), ' | ')} | {tau:.2f} | {whole} |")
    return [*lines, ""]


def _row(values: Floats, between: str = ", ") -> str:
    return between.join(f"{value:.2f}" for value in values)


def _exams(exams: list[Exam], live: list[dict[str, Any]]) -> list[str]:
    random = float(np.mean([exam.random for exam in exams]))
    adaptive = float(np.mean([exam.adaptive for exam in exams]))
    lines = [
        "## How many instances does an adaptive exam need?\n",
        "Each agent by a bank that was fitted without it. The target is the standard error that "
        f"three quarters of the suite give in a random order (mean of {ORDERS}). Means over "
        f"agents: {random:.1f} instances in a random order, {adaptive:.1f} adaptive: "
        f"{adaptive / random:.0%}.\n",
        "| agent | se, all asked | target | random | adaptive | theta there | theta, all asked |\n"
        "|---|---|---|---|---|---|---|",
    ]
    lines.extend(
        f"| {one.agent} | {one.full_se:.3f} | {one.target:.3f} | {one.random:.1f} | "
        f"{one.adaptive} | {one.theta:.2f} | {one.full_theta:.2f} |"
        for one in exams
    )
    if live:
        lines.append(
            "\nThe same at the real server, `proctor run … --adaptive BANK --target-se`:\n"
        )
        lines.append("| agent | target | asked | of | se | theta |\n|---|---|---|---|---|---|")
    lines.extend(
        f"| {run['agent']} | {run['target']:.3f} | {run['asked']} | {run['of']} | "
        f"{run['se']:.3f} | {run['theta']:.2f} |"
        for run in live
    )
    return lines


if __name__ == "__main__":
    main()
