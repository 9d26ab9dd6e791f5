"""Scales that come with Proctor: there for every family of ours, of its present code, and true."""

import re
from pathlib import Path

import pytest

from evaluators._calibration import pairs
from evaluators._floors import ROOMS, code_hash, estimate, shipped, slug
from tasks import family

PAIRS = pairs()


@pytest.mark.parametrize(("name", "preset"), PAIRS)
def test_a_scale_of_the_present_code_is_shipped(name: str, preset: str) -> None:
    scale = shipped().get(slug(name, preset))
    assert scale is not None, (
        f"{name} has changed since its floors were estimated: run `python -m "
        f"evaluators._calibration {name}` and commit evaluators/floors.json"
    )
    assert 0.0 <= scale.floor < scale.ceiling <= 1.0
    assert scale.floor == max(scale.policies.values())


def test_no_scale_is_left_of_code_that_is_gone() -> None:
    assert set(shipped()) == {slug(*pair) for pair in PAIRS}


@pytest.mark.parametrize(
    ("name", "preset"),
    [("strategic/bayesian_games", "easy"), ("strategic/v0/market_making", "published")],
)
def test_an_estimate_gives_the_shipped_scale_again(name: str, preset: str) -> None:
    again, scale = estimate(name, preset), shipped()[slug(name, preset)]
    assert again.floor == pytest.approx(scale.floor, abs=1e-9)
    assert again.policies == pytest.approx(scale.policies, abs=1e-9)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "preset"), PAIRS)
def test_every_estimate_gives_the_shipped_scale_again(name: str, preset: str) -> None:
    assert estimate(name, preset).floor == pytest.approx(
        shipped()[slug(name, preset)].floor, abs=1e-6
    )


@pytest.mark.parametrize(
    ("family", "file"),
    [
        ("strategic/market_making", "ground_truth/strategic/_making_draw.py"),
        ("strategic/auctions", "tasks/strategic/auctions.py"),
        ("interp/one_head", "ground_truth/organisms/_gauge.py"),
    ],
)
def test_the_hash_hangs_on_every_file_that_makes_the_scale(
    family: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, _, rest = file.partition("/")
    path, before = ROOMS[room] / rest, code_hash(family)
    read = type(path).read_bytes

    def other(self: Path) -> bytes:
        return read(self) + (b"# changed" if self == path else b"")

    monkeypatch.setattr(type(path), "read_bytes", other)
    code_hash.cache_clear()
    try:
        assert code_hash(family) != before
    finally:
        monkeypatch.undo()
        code_hash.cache_clear()
    assert code_hash(family) == before


def test_the_readme_tells_the_shipped_floors() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text()
    row = r"^\| `(?P<name>[a-z_/0-9]+)` \|.*\| (?P<floors>\d\.\d\d(?: · \d\.\d\d)+) \|$"
    told = {
        found["name"]: [float(floor) for floor in found["floors"].split(" · ")]
        for found in re.finditer(row, text, re.MULTILINE)
    }
    ours = {name for name, _ in PAIRS if not family(name).open_keys}
    assert set(told) == ours
    for name, floors in told.items():
        known = [shipped()[slug(name, preset)].floor for preset in family(name).presets]
        assert floors == [pytest.approx(floor, abs=0.0051) for floor in known], name
