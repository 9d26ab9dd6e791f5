r"""Speed, memory and error of a 2PL fit beside the peers', and of ten million cells alone.

    .venv/bin/python benchmarks/irt.py                                       # Proctor alone
    python3 -m venv /tmp/light && /tmp/light/bin/pip install mirt==1.2.0 girth==0.8.0
    python3 -m venv /tmp/jax && /tmp/jax/bin/pip install theta-irt==0.1.1
    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 py-irt==0.7.1 \
        torch_measure==0.1.0
    .venv/bin/python benchmarks/irt.py --peer mirt=/tmp/light --peer girth=/tmp/light \
        --peer theta_irt=/tmp/jax --peer py_irt=/tmp/torch --peer torch_measure=/tmp/torch
    .venv/bin/python benchmarks/irt.py --only large

Cold is a whole process: interpreter, imports, one fit, result written. Warm is the second call in
one process. Every tool is given the same data and one thread. Errors are to the truth that the data
were drawn from, abilities after taking on the truth's mean and sd (which no tool can know).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from _irt_tools import TOOLS

HERE = Path(__file__).parent
SIZES = ((200, 500), (2000, 500))
LARGE, SHARE = (10_000, 10_000), 0.1


@dataclass(frozen=True)
class Row:
    """One tool at one size."""

    tool: str
    size: str
    cold_s: float | None
    """None: it did not end within the limit."""
    warm_s: float | None
    peak_mb: float | None
    theta_rmse: float | None
    a_rmse: float | None
    p_rmse: float | None
    """Of each cell's probability."""


def main() -> None:
    """Measure and print a Markdown table, or JSON."""
    options = _options()
    rows: list[Row] = []
    if options.only != "large":
        for size in SIZES:
            rows += compared(size, _peers(options.peer), options)
    if options.only != "peers":
        rows.append(large(options))
    print(json.dumps([asdict(row) for row in rows], indent=2) if options.json else _table(rows))


def truth(agents: int, items: int, seed: int) -> dict[str, Any]:
    """Draw theta ~ N(0, 1), a ~ lognormal(0, .4), b ~ N(0, 1.2^2): the published comparison's."""
    rng = np.random.default_rng(seed)
    theta, b = rng.normal(size=agents), rng.normal(0.0, 1.2, items)
    a = rng.lognormal(0.0, 0.4, items)
    p = 1.0 / (1.0 + np.exp(-a * (theta[:, None] - b)))
    return {"theta": theta, "a": a, "b": b, "p": p, "y": (rng.random(p.shape) < p).astype(float)}


def compared(size: tuple[int, int], peers: Mapping[str, str], options: Any) -> list[Row]:
    """Every tool on the same draw, one after the other."""
    drawn = truth(*size, options.seed)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.npz"
        np.savez(source, y=drawn["y"])
        for tool, python in peers.items():
            rows.append(_row(tool, python, source, drawn, options))
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _row(tool: str, python: str, source: Path, drawn: Mapping[str, Any], options: Any) -> Row:
    size = f"{drawn['y'].shape[0]} x {drawn['y'].shape[1]}"
    colds: list[float] = []
    found: Any = None
    for _ in range(options.repeats):
        seconds, found = _process(tool, python, source, 1, options.limit)
        if found is None:
            return Row(tool, size, None, None, None, None, None, None)
        colds.append(seconds)
        if seconds > options.patience:
            break
    warm = None
    if min(colds) <= options.patience:
        _, again = _process(tool, python, source, 1 + options.repeats, options.limit)
        warm = None if again is None else float(np.min(again["seconds"][1:]))
    return Row(tool, size, min(colds), warm, float(found["peak_mb"]), *_errors(found, drawn))


def _process(tool: str, python: str, source: Path, calls: int, limit: float) -> tuple[float, Any]:
    target = source.with_name("out.npz")
    one_thread = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
    )
    command = [python, str(HERE / "_irt_tools.py"), tool, str(source), str(target), str(calls)]
    begun = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **one_thread},
            timeout=limit,
            capture_output=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return limit, None
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{tool} failed:\n{done.stderr.decode()[-2000:]}")
    with np.load(target) as found:
        return seconds, dict(found)


def _errors(found: Mapping[str, Any], drawn: Mapping[str, Any]) -> tuple[float, float, float]:
    """RMSE of abilities, slopes and probabilities."""
    theta, a, b = found["theta"], found["a"], found["b"]
    p = 1.0 / (1.0 + np.exp(np.clip(-a * (theta[:, None] - b), -500, 500)))
    slope = drawn["theta"].std() / theta.std()
    placed = (theta - theta.mean()) * slope + drawn["theta"].mean()

    def rmse(one: Any, other: Any) -> float:
        return float(np.sqrt(np.mean((one - other) ** 2)))

    return rmse(placed, drawn["theta"]), rmse(a / slope, drawn["a"]), rmse(p, drawn["p"])


def large(options: Any) -> Row:
    """Ours alone on a sparse design: simulated, fitted and timed in another process."""
    agents, items = LARGE
    code = (
        "import json, resource, sys, time\n"
        "from proctor import irt\n"
        f"s = irt.simulate('2pl', {agents}, {items}, seed={options.seed}, observed={SHARE})\n"
        "begun = time.perf_counter()\n"
        "fit = irt.fit(s.table, '2pl')\n"
        "seconds = time.perf_counter() - begun\n"
        "t, u = fit.abilities.theta, s.theta\n"
        "slope = u.std() / t.std()\n"
        "e = float((((t - t.mean()) * slope + u.mean() - u) ** 2).mean() ** 0.5)\n"
        "da = fit.bank.parameters['a'] / slope - s.bank.parameters['a']\n"
        "print(json.dumps({'s': seconds, 'theta': e, 'a': float((da ** 2).mean() ** 0.5),\n"
        "  'mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,\n"
        "  'converged': fit.converged, 'cells': fit.n_cells}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    found = json.loads(done.stdout)
    words = f"{agents} x {items}, {found['cells']:,} cells"
    words += "" if found["converged"] else " (not converged)"
    return Row("proctor", words, None, found["s"], found["mb"], found["theta"], found["a"], None)


def _peers(named: list[str]) -> dict[str, str]:
    pythons = {"proctor": sys.executable}
    for word in named:
        tool, _, venv = word.partition("=")
        if tool not in TOOLS or not venv:
            raise SystemExit(f"--peer {word}: say TOOL=VENV with one of {', '.join(TOOLS)}.")
        pythons[tool] = str(Path(venv) / "bin" / "python")
        if tool == "mirt":
            pythons["mirt_61"] = pythons[tool]
    return pythons


def _table(rows: list[Row]) -> str:
    def shown(value: float | None, digits: int) -> str:
        return "-" if value is None else f"{value:.{digits}f}"

    lines = [
        "| tool | agents x items | cold, s | warm, s | peak, MB | RMSE theta | RMSE a | RMSE P |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        numbers = [shown(row.cold_s, 2), shown(row.warm_s, 2), shown(row.peak_mb, 0)]
        numbers += [shown(row.theta_rmse, 3), shown(row.a_rmse, 3), shown(row.p_rmse, 4)]
        lines.append(f"| {' | '.join([row.tool, row.size, *numbers])} |")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", action="append", default=[], metavar="TOOL=VENV")
    parser.add_argument("--only", choices=["peers", "large"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3, help="the best of so many is told")
    parser.add_argument("--limit", type=float, default=600, help="seconds a process may take")
    parser.add_argument("--patience", type=float, default=30, help="slower tools run once")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
