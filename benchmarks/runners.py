"""What Proctor's runner adds to an agent CLI's own time, and many attempts at once.

    .venv/bin/python benchmarks/runners.py                      # Claude Code, Codex, Gemini CLI
    .venv/bin/python benchmarks/runners.py --clis codex --only overhead --repeats 9 --json

The CLIs must be on PATH. Their model is scripted and answers at once; every attempt solves one
instance. "Alone" is the same CLI with the same settings, server command and scripted model, started
by hand: no booth, no doors, no meter, no record of the runner. Both are timed in turns in one run.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import anyio

from _figures import Row

CLIS = ("claude", "codex", "gemini")


def main() -> None:
    """Run the chosen parts and print a Markdown table (or JSON)."""
    # This script has a room's name and lies first on the path: the room goes before it.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from _runner_rows import crowd_rows, overhead_rows

    options = _options()
    names = [name.strip() for name in options.clis.split(",")]
    for name in names:
        tool = import_module(f"runners.agents.{name}").TOOL
        if shutil.which(tool.program) is None:
            raise SystemExit(f"`{tool.program}` is not on PATH: npm install -g {tool.package}")
    parts: dict[str, Callable[[Path], list[Row]]] = {
        "overhead": lambda home: anyio.run(overhead_rows, home, names, options.repeats),
        "crowd": lambda home: anyio.run(crowd_rows, home, names, options.many),
    }
    rows: list[Row] = []
    for name in options.only.split(",") if options.only else list(parts):
        with tempfile.TemporaryDirectory(prefix="pb", ignore_cleanup_errors=True) as home:
            rows += parts[name](Path(home))
    print(json.dumps([asdict(r) for r in rows], indent=2) if options.json else _table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", default="", help="comma-separated: overhead,crowd")
    parser.add_argument("--clis", default=",".join(CLIS), help="comma-separated")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--many", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _table(rows: list[Row]) -> str:
    lines = ["| figure | seen | asked |", "|---|---|---|"]
    lines += [f"| {r.name} | {r.value:,.2f} {r.unit} | {r.target} |" for r in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
