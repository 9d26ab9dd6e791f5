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
CHOSEN = ("passed", "2pl")
ORDERS = 20
"""Random orders that an adaptive exam is compared with."""
AFTER = (20, 30, 40)
"""Instances of a plain exam, in a random order, whose standard error the adaptive one has to reach;
at the whole suite both have asked everything."""
AIM = 1
"""Place in `AFTER` of what is asked for at the real server: the standard error of half a suite."""
LIVE = ("ladder:5", "ladder:8", "ladder:10", "ladder:12")
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
    """One agent, examined in replay by a bank that never saw it."""

    agent: str
    targets: Floats
    """(K,) standard errors: means over random orders, after `AFTER` instances."""
    random: Floats
    """(K,) mean number of instances in a random order until the target."""
    adaptive: Floats
    """(K,) the same, adaptive."""
    theta: float
    """After the adaptive exam to the middle target."""
    full_theta: float
    """After all instances."""
    full_se: float


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
        aims = {exam.agent: float(exam.targets[AIM]) for exam in exams}
        live = [] if options.kept else [lived(one, tables, aims[one], runs) for one in LIVE]
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
    targets = np.mean(random, axis=0)[np.array(AFTER) - 1]
    needed = np.array([_first(adaptive, target) for target in targets])
    return Exam(
        agent,
        targets,
        np.array([float(np.mean([_first(p, target) for p in random])) for target in targets]),
        needed,
        float(thetas[int(needed[AIM]) - 1]),
        float(thetas[-1]),
        float(adaptive[-1]),
    )


def _first(errors: Floats, target: float) -> float:
    """Instances until the target; all of them where it is not reached."""
    below = np.flatnonzero(errors <= target)
    return float(below[0] + 1 if below.size else len(errors))


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
    """Fitted difficulty of each preset, by family; only families that have all four presets.

    A mean over instances of 1 - expected score, averaged over the population of abilities: on one
    scale for all models, and finite where a slope is flat.
    """
    grid = np.linspace(-4.0, 4.0, 161)
    weights = stats.norm.pdf(grid)
    sd = found.bank.population.sd
    lost = 1.0 - found.bank.mean(sd * grid) @ (weights / weights.sum())
    sums: dict[str, dict[str, list[float]]] = {}
    for item, share in zip(found.bank.items, lost, strict=True):
        instance = InstanceId.parse(item)
        sums.setdefault(instance.family, {}).setdefault(instance.preset, []).append(float(share))
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
        *_presets(found, chosen),
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


def _presets(found: list[Recovery], chosen: Recovery) -> list[str]:
    lines = [
        "## Do fitted difficulties order the presets?\n",
        "Difficulty: 1 - expected score, averaged over the population of abilities, mean over a "
        "family's instances (two a preset). Page's trend test with families as blocks, against the "
        "ordered alternative easy < medium < hard < expert:\n",
        f"| score | model | {' | '.join(PRESETS)} | p |\n|---|---|---|---|---|---|---|",
    ]
    for one in found:
        rows = np.array(list(difficulties(one.fit).values()))
        page: Any = stats.page_trend_test(rows)
        means = _row(rows.mean(axis=0), " | ")
        lines.append(f"| {one.mark} | {one.model} | {means} | {page.pvalue:.2g} |")
    lines.append(
        f"\nFamily by family ({chosen.model}); two instances a cell, so that a single family's "
        f"order is often not to be told:\n\n| family | {' | '.join(PRESETS)} | Kendall |\n"
        "|---|---|---|---|---|---|"
    )
    for family, shares in difficulties(chosen.fit).items():
        tau = _correlation(stats.kendalltau(range(4), shares))
        lines.append(f"| {family} | {_row(np.array(shares), ' | ')} | {tau:.2f} |")
    return [*lines, ""]


def _row(values: Floats, between: str = ", ") -> str:
    return between.join(f"{value:.2f}" for value in values)


def _exams(exams: list[Exam], live: list[dict[str, Any]]) -> list[str]:
    random = np.mean([exam.random for exam in exams], axis=0)
    adaptive = np.mean([exam.adaptive for exam in exams], axis=0)
    theta = np.array([[exam.theta, exam.full_theta] for exam in exams]).T
    lines = [
        "## How many instances does an adaptive exam need?\n",
        f"Each agent by a {CHOSEN[1]} bank of `{CHOSEN[0]}`, fitted without it. The target is the "
        f"standard error that so many instances in a random order give (mean of {ORDERS} orders); "
        "means over agents of the instances until it is reached:\n",
        "| target: se of | random order | adaptive | share |\n|---|---|---|---|",
        *(
            f"| {n} instances | {r:.1f} | {a:.1f} | {a / r:.0%} |"
            for n, r, a in zip(AFTER, random, adaptive, strict=True)
        ),
        f"\nAbilities after the exam to the se of {AFTER[AIM]} instances and after everything "
        f"correlate by {np.corrcoef(theta)[0, 1]:.3f}.\n",
        f"| agent | se of {AFTER[AIM]} | random | adaptive | theta there | se, all asked | "
        "theta, all asked |\n|---|---|---|---|---|---|---|",
    ]
    lines.extend(
        f"| {one.agent} | {one.targets[AIM]:.3f} | {one.random[AIM]:.1f} | "
        f"{one.adaptive[AIM]:.0f} | {one.theta:.2f} | {one.full_se:.3f} | {one.full_theta:.2f} |"
        for one in exams
    )
    if live:
        lines.append(
            "\nThe same at the real server, `proctor run … --adaptive BANK --target-se`, "
            "two instances at a time:\n"
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
