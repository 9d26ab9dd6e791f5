"""The report of a fit and its pictures: real files, made from real fits."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from evaluators._figures import figure_files
from evaluators.irt import fit, simulate
from evaluators.irt.pictures._material import PICTURES, Material
from evaluators.irt.pictures._report import KINDS, Reported, report_files
from evaluators.irt.pictures.characteristic_curves import grouped, shown_items
from evaluators.irt.pictures.heat_map import binned


@pytest.fixture(scope="module")
def material() -> Material:
    drawn = simulate("2pl", 60, 40, seed=3, observed=0.8)
    return Material(fit(drawn.table, "2pl"), drawn.table)


@pytest.fixture(scope="module")
def files(material: Material) -> dict[str, bytes]:
    suspects = {item: float(k) for k, item in enumerate(material.fit.bank.items)}
    evidence = {material.fit.bank.items[-1]: ("Agents who do well <b>elsewhere</b> fail it.",)}
    return report_files(Reported(replace(material, defects=suspects), evidence))


def test_every_picture_is_there_in_three_formats(files: dict[str, bytes]):
    for name in PICTURES.names():
        size = Image.open(io.BytesIO(files[f"{name}.png"])).size
        assert min(size) > 200
        assert b"<svg" in files[f"{name}.svg"][:2000]
        assert files[f"{name}.pdf"].startswith(b"%PDF")


def test_the_report_is_one_file_that_loads_nothing_and_runs_nothing(files: dict[str, bytes]):
    html = files["report.html"].decode()
    assert html.count("data:image/png;base64,") == len(PICTURES.names())
    assert "<script" not in html
    assert 'src="http' not in html
    assert "elsewhere</b>" not in html
    assert "&lt;b&gt;elsewhere" in html


def test_the_most_suspect_item_comes_first(files: dict[str, bytes], material: Material):
    text = files["report.md"].decode()
    last, first = material.fit.bank.items[-1], material.fit.bank.items[-2]
    assert text.index(f"### {last}") < text.index(f"### {first}")
    assert "Defect score 39.00" in text


def test_the_same_fit_gives_the_same_bytes(material: Material):
    def drawn() -> dict[str, bytes]:
        figure = PICTURES.find("information").draw(material)
        assert figure is not None
        return figure_files("information", figure, KINDS)

    assert drawn() == drawn()


def test_difficulties_are_b(material: Material):
    b = material.fit.bank.parameters["b"]
    inside = np.abs(b) < 10
    assert material.difficulties[inside] == pytest.approx(b[inside], abs=0.03)


def test_groups_of_agents_hold_all_of_an_items_cells(material: Material):
    place = int(shown_items(material)[0])
    theta, score, half = grouped(material, place)
    cells = material.cells
    assert np.all(np.diff(theta) > 0)
    assert np.all((score >= 0) & (score <= 1) & (half > 0))
    sizes = [len(g) for g in np.array_split(np.flatnonzero(cells.item == place), len(score))]
    assert np.average(score, weights=sizes) == pytest.approx(cells.mean[cells.item == place].mean())


def test_the_heat_map_is_sorted_and_keeps_what_is_missing_apart(material: Material):
    image = binned(material)
    assert image.shape == (60, 40)
    assert np.isnan(image).mean() == pytest.approx(0.2, abs=0.05)
    left, right = image[:, :10], image[:, -10:]
    assert np.nanmean(left) > np.nanmean(right)
    assert np.nanmean(image[:15]) > np.nanmean(image[-15:])


def test_a_large_table_is_drawn_as_means_of_neighbours():
    drawn = simulate("rasch", 1000, 900, seed=1, observed=0.2)
    few = fit(drawn.table, "rasch")
    assert binned(Material(few, drawn.table)).shape == (800, 800)


def test_several_abilities_are_drawn_too():
    table = simulate("2pl", 40, 12, seed=1).table
    files = report_files(Reported(Material(fit(table, "multidimensional"), table)))
    assert {"report.html", "agents.png", "heat_map.svg"} <= set(files)
    assert "wright.png" not in files
