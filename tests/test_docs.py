"""The pages in `docs/` and the front page name what is really there, and nothing else."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import proctor
from server.calculators import CALCULATORS
from server.tools import TOOLS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def _rows(page: Path, heading: str) -> dict[str, str]:
    """First cell (its code) to second of the table below a heading."""
    text = page.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): row[1].strip(" `") for row in cells}


def _arguments(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return schema.get("properties", {})


def test_the_tools_and_their_arguments_are_those_of_the_server():
    told = _rows(ROOT / "docs" / "tools.md", "The tools")
    real = {tool.name: ", ".join(_arguments(tool.input_schema)) for tool in TOOLS}
    assert told == real


def test_the_calculators_are_named():
    text = (ROOT / "docs" / "tools.md").read_text()
    assert [name for name in CALCULATORS.names() if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_verb_that_is_told_is_one(page: Path):
    told = set(re.findall(r"(?:`|bin/|\$ )proctor ([a-z][a-z-]+)", page.read_text()))
    assert told <= set(proctor.VERBS), told - set(proctor.VERBS)
