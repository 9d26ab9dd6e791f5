"""A model card per agent: who sat, under which settings, what came of it, what it is not.

The front matter is what huggingface_hub makes of `EvalResult`s, so a card can stand beside a model
and its figures are read by machines. Nothing in it is of the agent's own telling but names.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from evaluators._floors import Floor
from evaluators._pages import Block, Code, Grid, Heading, Paragraph, listed, markdown, said
from evaluators.tables._forms import grid, notebook_lists, number
from evaluators.tables._leaderboard import board_grid, cost_text, spread
from evaluators.tables._readings import Readings, Sat
from evaluators.tables._rows import Row
from evaluators.tables._standings import Standing, setup_of
from evaluators.tables._table import caveat_blocks
from tasks._record import AgentSetup

NOT = (
    "No measure of general ability: it holds for these families, presets and seeds, played "
    "through this hall.",
    "No statement on the model alone: agent, prompt, tools, limits and model were measured "
    "together.",
    "No comparison with figures from elsewhere: another prompt, budget or seed gives another "
    "number.",
    "No proof of honesty: flags are signs of cheating that were looked for, and there may be "
    "others.",
    "No statement on safety outside the limits that the families themselves grade.",
)
_UNSAFE_NAME = re.compile(r"[^A-Za-z0-9.@+=-]+")


def card_name(agent: str) -> str:
    """The file of an agent's card."""
    return f"{_UNSAFE_NAME.sub('-', agent).strip('-.') or 'agent'}.md"


def card_names(agents: Sequence[str]) -> dict[str, str]:
    """The file of each agent's card; names that would fall together are told apart by a number."""
    found: dict[str, str] = {}
    for agent in agents:
        stem, k = Path(card_name(agent)).stem, 1
        name = card_name(agent)
        while name.lower() in {other.lower() for other in found.values()}:
            k += 1
            name = f"{stem}-{k}.md"
        found[agent] = name
    return found


def card(
    agent: str,
    read: Readings,
    tables: tuple[Sequence[Row], Sequence[Standing]],
    notes: Sequence[str],
    base: Path,
) -> str:
    """The card of one agent, in Markdown with YAML front matter.

    Args:
        agent: Its name.
        read: The runs.
        tables: Rows of the comparison table and of the leaderboard, of all agents.
        notes: The caveats.
        base: Folder of the card: links are relative to it.
    """
    rows = [row for row in tables[0] if row.agent == agent]
    standings = [row for row in tables[1] if row.agent == agent]
    text = markdown(
        [
            Heading(1, agent),
            *card_blocks(agent, read, (rows, standings), base),
            *caveat_blocks(notes),
        ]
    )
    from huggingface_hub import ModelCard

    # Read back by the library that will read it elsewhere: a broken card is found here.
    return str(ModelCard(f"---\n{front_matter(agent, rows, standings)}\n---\n\n{text}"))


def card_blocks(
    agent: str,
    read: Readings,
    tables: tuple[Sequence[Row], Sequence[Standing]],
    base: Path,
) -> list[Block]:
    """The card without front matter, title and caveats; `tables` hold this agent's rows alone."""
    rows, standings = tables
    sat = read.of(agent)
    return [
        said(_summary(agent, standings)),
        Heading(2, "Setup"),
        setup_grid(setup_of(sat)),
        *_hall(read, sat),
        Heading(2, "Scores"),
        grid(rows, base),
        *_floors(read, rows),
        Heading(2, "Standing, cost and time"),
        board_grid(standings),
        Heading(2, "What this is not"),
        listed(NOT),
        *notebook_lists(rows, base),
    ]


def front_matter(agent: str, rows: Sequence[Row], standings: Sequence[Standing]) -> str:
    """The YAML block of a card."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=row.family,
            dataset_type=f"proctor/{row.family}",
            dataset_name=f"{row.family}:{row.preset}",
            dataset_split=row.stamp,
            metric_type=name,
            metric_value=round(value, 6),
            metric_args={"n": row.n, "instances": row.instances},
        )
        for row in rows
        for name, value in (
            ("mean_score", row.mean_score),
            ("normalised_score", row.normalised_score),
            ("pass_rate", row.pass_rate),
            ("validity_rate", row.validity_rate),
            ("cheat_rate", row.cheat_rate),
        )
        if value is not None
    ]
    model = next((row.model for row in standings if row.model), "")
    # A card without figures has no model index at all.
    data = ModelCardData(
        model_name=agent if results else None,
        base_model=model or None,
        eval_results=results or None,
        tags=["proctor", *sorted({row.label.replace(" ", "-") for row in standings})],
    )
    return data.to_yaml()


def setup_grid(setup: AgentSetup) -> Grid:
    """Who sat there, a line a fact."""
    facts = {
        "kind": setup.kind,
        "mode": setup.mode,
        "provider": setup.provider,
        "model": setup.model,
        "program": setup.program,
        "transport": setup.transport,
        "the agent's own sandbox": setup.sandbox,
        "prompt (sha256)": setup.prompt_sha256,
        **{f"setting: {name}": json.dumps(value) for name, value in setup.settings.items()},
    }
    lines = tuple((name, value) for name, value in facts.items() if value)
    return Grid(("fact", "value"), ("left", "left"), lines)


def _summary(agent: str, standings: Sequence[Standing]) -> str:
    parts = [
        f"{row.n} attempts on {row.n_tasks} instances of {row.n_envs} families, stamped "
        f"{row.stamp}: mean score {spread(row.mean_score)}, normalised "
        f"{spread(row.normalised_score)}, cost {cost_text(row.cost)}; "
        + (
            f"rank {row.rank} in the track {row.track}"
            if row.ranked
            else f"not ranked ({row.why_not})"
        )
        + "."
        for row in standings
    ]
    return f"{agent} in Proctor, the exam hall for coding agents. {' '.join(parts)}"


def _hall(read: Readings, sat: Sequence[Sat]) -> list[Block]:
    """Under which conditions it was played."""
    own = {one.run for one in sat}
    runs = [run for run in read.runs if run.path in own]
    tiers = sorted({one.score.sandbox for one in sat})
    tools = sorted({run.run.tools_sha256 for run in runs if run.run.tools_sha256})
    versions = sorted({f"{k} {v}" for run in runs for k, v in run.run.versions.items()})
    lines = [
        f"Runs: {', '.join(run.path.name for run in runs)}",
        f"Kernels: {', '.join(tiers)}",
        f"Versions: {', '.join(versions) or 'not noted'}",
        f"Tool schemas offered (sha256): {', '.join(tools) or 'not noted'}",
    ]
    return [listed(lines)]


def _floors(read: Readings, rows: Sequence[Row]) -> list[Block]:
    """Which blind policy sets each floor."""
    scales = read.scales
    blocks: list[Block] = []
    for row in rows:
        scale = scales.get((row.family, row.preset))
        if isinstance(scale, Floor):
            words = (
                Code(f"{row.family}:{row.preset}"),
                f" floor {number(scale.floor)}: the policy {scale.policy}, which looks at nothing "
                "hidden; ceiling "
                f"{number(scale.ceiling)}: the oracle.",
            )
            blocks.append(Paragraph(words))
    return [Heading(3, "Floors and ceilings"), *blocks] if blocks else []
