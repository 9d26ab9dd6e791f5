"""A suite on a real Ray cluster of two nodes, of which one is killed on the way."""

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(400)


def records(run: Path) -> dict[str, list[str]]:
    """Why each attempt of a run ended, by its instance."""
    found: dict[str, list[str]] = {}
    for usage in run.glob("attempts/*/*/usage.json"):
        found.setdefault(usage.parents[1].name, []).append(json.loads(usage.read_text())["reason"])
    return found


def test_a_node_is_killed_in_the_middle_and_every_sitting_is_played_once(grid: Any):
    runner = grid.play("--agents", "waiting", "--n", "3", "--concurrent", "2", "--no-sandbox")
    grid.waited(lambda: len(list(grid.signs.glob("begun-*"))) == 3, runner)
    assert len(grid.begun()) == 2, "one of the nodes plays two"
    secrets = {(home / "secret.json").read_text() for home in grid.begun().values()}
    assert len({json.loads(text)["current"] for text in secrets}) == 1
    grid.cluster.remove_node(grid.nodes.pop(), allow_graceful=False)
    grid.waited(lambda: sum(map(grid.alive, grid.begun())) == 1, runner)
    (grid.signs / "go").touch()
    (run,) = grid.done(runner)["runs"]
    assert (run["played"], run["failed"], run["broken"]) == (3, 0, 0)
    assert run["summary"]["metrics"]["overall"]["n"] == 3
    folder = Path(run["folder"])
    assert records(folder) == {slug: ["finished"] for slug in records(folder)}
    assert len(records(folder)) == 3
    assert not list((folder / "incoming").glob("*"))
    verified = grid.proctor("runs", "verify", str(folder), "--json")
    assert grid.done(verified)["holds"]
