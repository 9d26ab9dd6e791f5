"""The report of a fit: one HTML file with its pictures inside, and each picture as a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from evaluators._figures import FileKind, figure_files
from evaluators._pages import Block, Grid, Heading, Picture, listed, markdown, page, said
from evaluators.irt._fit import Fit
from evaluators.irt.pictures._material import PICTURES, Material

KINDS: tuple[FileKind, ...] = ("png", "svg", "pdf")
HTML, MARKDOWN = "report.html", "report.md"
LISTED = 40
"""Agents and items that have a card in the report; all of them stand in the CSV files."""


@dataclass(frozen=True)
class Reported:
    """What a report is made of."""

    material: Material
    evidence: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """By item: sentences of a diagnosis."""
    agents: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """By agent: sentences on how it answered."""
    title: str = "Psychometric report"


def report_files(asked: Reported) -> dict[str, bytes]:
    """The report (`report.html`, `report.md`) and its pictures as PNG, SVG and PDF, by name."""
    files = picture_files(asked.material)
    blocks = [
        Heading(1, asked.title),
        *_summary(asked.material.fit),
        *_pictures(files),
        *_agent_cards(asked),
        *_item_cards(asked),
    ]
    files[MARKDOWN] = markdown(blocks).encode()
    files[HTML] = page(blocks, asked.title, files).encode()
    return files


def picture_files(material: Material) -> dict[str, bytes]:
    """Every picture that the fit allows, as PNG, SVG and PDF, by file name."""
    files: dict[str, bytes] = {}
    for name in PICTURES.names():
        figure = PICTURES.find(name).draw(material)
        if figure is not None:
            files.update(figure_files(name, figure, KINDS))
    return files


def _summary(fit: Fit) -> list[Block]:
    bank = fit.bank
    words = (
        f"The model {bank.model.name} ({bank.model.summary.rstrip('.')}) on {fit.n_cells:,} cells "
        f"of {len(fit.abilities.agents):,} agents and {len(bank.items):,} items. "
        f"{'It converged' if fit.converged else 'It did NOT converge'}: {fit.reason}"
    )
    lines = [
        ("log-likelihood", f"{fit.log_likelihood:,.1f}"),
        ("parameters", f"{fit.n_parameters:,}"),
        ("AIC", f"{fit.aic:,.1f}"),
        ("BIC", f"{fit.bic:,.1f}"),
        ("estimator", fit.estimator),
    ]
    notes = [f"{one.rows:,} rows left out: {one.reason}" for one in fit.dropped] + [*fit.notes]
    return [
        said(words),
        Grid(("quantity", "value"), ("left", "right"), tuple(lines)),
        *([Heading(2, "Before you believe it"), listed(notes)] if notes else []),
    ]


def _pictures(files: Mapping[str, bytes]) -> list[Block]:
    shown = sorted(
        (one.place, name, one)
        for name in PICTURES.names()
        if f"{name}.png" in files and (one := PICTURES.find(name))
    )
    blocks: list[Block] = []
    for _, name, one in shown:
        blocks += [Heading(2, one.title), said(one.says), Picture(f"{name}.png", one.title)]
    return blocks


def _agent_cards(asked: Reported) -> list[Block]:
    found = asked.material.fit.abilities
    cells = asked.material.cells
    count = np.bincount(cells.agent, minlength=cells.n_agents)
    score = np.bincount(cells.agent, cells.mean, cells.n_agents) / np.maximum(count, 1)
    order = np.argsort(-asked.material.theta, kind="stable")[:LISTED]
    several = not asked.material.one_dimensional
    lines = tuple(
        (
            found.agents[k],
            f"{found.theta[k, 0] if several else found.theta[k]:.2f}",
            f"{found.se[k, 0] if several else found.se[k]:.2f}",
            f"{score[k]:.3f}",
            f"{count[k]}",
            " ".join(asked.agents.get(found.agents[k], ())),
        )
        for k in order
    )
    heads = ("agent", "ability", "se", "mean score", "items", "")
    sides = ("left", "right", "right", "right", "right", "left")
    return [Heading(2, "The ablest agents"), Grid(heads, sides, lines)]


def _item_cards(asked: Reported) -> list[Block]:
    """A card an item: the most suspect ones, or the hardest where nobody looked for defects."""
    bank, cells = asked.material.fit.bank, asked.material.cells
    suspects = asked.material.defects
    places = {name: k for k, name in enumerate(bank.items)}
    if suspects:
        names = sorted((n for n in suspects if n in places), key=lambda n: (-suspects[n], n))
    else:
        names = [bank.items[k] for k in np.argsort(-asked.material.difficulties, kind="stable")]
    parameters, errors = bank.parameters, bank.standard_errors
    count = np.bincount(cells.item, minlength=cells.n_items)
    score = np.bincount(cells.item, cells.mean, cells.n_items) / np.maximum(count, 1)
    title = "The most suspect items" if suspects else "The hardest items"
    blocks: list[Block] = [Heading(2, title)]
    for name in names[:LISTED]:
        k = places[name]
        numbers = [f"{p} = {v[k]:.2f} (se {errors[p][k]:.2f})" for p, v in parameters.items()]
        words = [f"Mean score {score[k]:.3f} of {count[k]} agents; {', '.join(numbers)}."]
        if name in suspects:
            words.append(f"Defect score {suspects[name]:.2f}.")
        blocks += [Heading(3, name), listed([" ".join(words), *asked.evidence.get(name, ())])]
    return blocks
