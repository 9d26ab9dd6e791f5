"""Speed of the strategic families: the published form by the second, the exam by the draw and step.

    .venv/bin/python benchmarks/strategic.py                       # everything
    .venv/bin/python benchmarks/strategic.py --only published,steps --json

The first two parts run in this process on one core (processor time); the third goes through the
front door: a real MCP client, the stdio shim, the daemon. A step's own cost is its call minus a
call that does nothing (`list_sessions`), in the same run.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import anyio
import numpy as np

from _figures import Row, timed
from _hall_rows import hall
from evaluators import MEASURES
from evaluators._floors import checked
from ground_truth import TRUTHS, answered, draw
from tasks import FAMILIES, InstanceId, Split, family

PUBLISHED = (
    "bayesian_games",
    "auctions",
    "hidden_regimes",
    "market_making",
    "prediction_markets",
    "adversarial_risk",
)


def main() -> None:
    """Run the chosen parts and print a Markdown table (or JSON)."""
    options = _options()
    parts: dict[str, Callable[[], list[Row]]] = {
        "published": lambda: published_rows(options.instances),
        "exam": lambda: exam_rows(options.draws),
        "steps": lambda: anyio.run(step_rows),
    }
    chosen = options.only.split(",") if options.only else list(parts)
    rows = [row for name in chosen for row in parts[name]()]
    print(json.dumps([asdict(r) for r in rows], indent=2) if options.json else _table(rows))


def published_rows(instances: int) -> list[Row]:
    """Draw, reference answer and grade of `strategic/v0`, instances a second of one core."""
    rows: list[Row] = []
    for leaf in PUBLISHED:
        name = f"strategic/v0/{leaf}"
        _graded(name, "published", 20)
        began = time.process_time()
        mean = _graded(name, "published", instances)
        speed = instances / (time.process_time() - began)
        rows.append(Row(f"{name}: draw, solve, grade (mean {mean:.4f})", speed, "/s", "≥ 1,000"))
    return rows


def exam_rows(draws: int) -> list[Row]:
    """One draw of an exam instance, its optimum included, by preset."""
    rows: list[Row] = []
    for name in FAMILIES.names():
        if "strategic" not in family(name).tags:
            continue
        for preset in family(name).presets:
            began = time.process_time()
            for seed in range(draws):
                draw(_instance(name, preset, seed), b"benchmark")
            spent = 1000 * (time.process_time() - began) / draws
            rows.append(Row(f"{name} {preset}: draw, its optimum included", spent, "ms"))
    return rows


async def step_rows() -> list[Row]:
    """What a step of an episode adds to an MCP call, by family, at the hardest preset."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="pb") as home:
        async with hall(Path(home)) as (client, _):
            for name in FAMILIES.names():
                if not family(name).episode or "strategic" not in family(name).tags:
                    continue
                acts: list[float] = []
                idle: list[float] = []
                for seed in range(10):
                    unit = family(name)
                    preset = list(unit.presets)[-1]
                    where = InstanceId(name, unit.version, preset, Split.PUBLIC, seed)
                    truth, drawn = TRUTHS.find(name), draw(where, b"")
                    actions = answered(truth, drawn.key, truth.reference(drawn.public))
                    asked = {"task": name, "preset": preset, "seed": seed, "split": "public"}
                    brief = await client.call_tool("start_task", asked)
                    text = "".join(getattr(block, "text", "") for block in brief.content)
                    session = json.loads(text)["session_id"]
                    for action in actions:
                        step = {"session_id": session, "action": action}
                        acts.append(await timed(lambda s=step: client.call_tool("act", s)))
                        idle.append(await timed(lambda: client.call_tool("list_sessions", {})))
                added = 1000 * float(np.median(acts) - np.median(idle))
                rows.append(Row(f"{name}: a step adds to a call, p50", added, "ms", "< 5"))
    return rows


def _graded(name: str, preset: str, count: int) -> float:
    """Mean mark of the reference on `count` instances."""
    unit, truth = family(name), TRUTHS.find(name)
    score = MEASURES.find(unit.measure).score
    total = 0.0
    for seed in range(count):
        drawn = draw(_instance(name, preset, seed), b"benchmark")
        answer = answered(truth, drawn.key, truth.reference(drawn.public))
        # The published solvers answer in text that has nothing to be checked but that it is text.
        value = answer if unit.open_keys else checked(unit, drawn.public, answer)
        total += score(value, drawn.key).ability
    return total / count


def _instance(name: str, preset: str, seed: int) -> InstanceId:
    return InstanceId(name, family(name).version, preset, Split.PUBLIC, seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", help="comma-separated: published,exam,steps")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _table(rows: list[Row]) -> str:
    lines = ["| figure | seen | asked |", "|---|---|---|"]
    lines += [f"| {r.name} | {r.value:,.1f} {r.unit} | {r.target} |" for r in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
