"""Speed and memory of the hall, side by side with peers, in one run.

    .venv/bin/python benchmarks/hall.py                    # Proctor and plain Jupyter
    .venv/bin/python benchmarks/hall.py --peer-venv DIR    # and jupyter-mcp-server from that venv
    .venv/bin/python benchmarks/hall.py --only calls,memory --json

Everything of ours is measured through the front door: a real MCP client, the stdio shim, the
daemon, sealed kernels. "Plain Jupyter" is Scribe's way of working: one unsealed ipykernel per
session over jupyter-client. Figures are wall-clock on this machine, so read the ratios.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import anyio

from _figures import Row
from _hall_rows import call_rows, flood_rows, leak_rows, memory_rows, start_rows
from _peers import jupyter_mcp_rows, plain_jupyter_rows


def main() -> None:
    """Run the chosen parts and print a Markdown table (or JSON)."""
    options = _options()
    parts: dict[str, Callable[[Path], list[Row]]] = {
        "starts": lambda home: anyio.run(start_rows, home, options.repeats),
        "calls": lambda home: anyio.run(call_rows, home, options.repeats * 10),
        "memory": lambda home: anyio.run(memory_rows, home, options.kernels),
        "floods": lambda home: anyio.run(flood_rows, home),
        "leaks": lambda home: anyio.run(leak_rows, home, options.cycles),
        "plain": lambda home: plain_jupyter_rows(home, options.repeats),
        "peer": lambda home: anyio.run(jupyter_mcp_rows, home, options.peer_venv, options.repeats),
    }
    chosen = options.only.split(",") if options.only else list(parts)
    rows: list[Row] = []
    for name in chosen:
        if name == "peer" and options.peer_venv is None:
            continue
        with tempfile.TemporaryDirectory(prefix="pb") as home:
            rows += parts[name](Path(home))
    print(json.dumps([asdict(r) for r in rows], indent=2) if options.json else _table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--only", default="", help="comma-separated: starts,calls,memory,floods,leaks,plain,peer"
    )
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--kernels", type=int, default=50)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--peer-venv", type=Path, help="venv that holds jupyter-mcp-server")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _table(rows: list[Row]) -> str:
    lines = ["| figure | seen | asked |", "|---|---|---|"]
    lines += [f"| {r.name} | {r.value:,.1f} {r.unit} | {r.target} |" for r in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
