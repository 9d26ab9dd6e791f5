"""Writes `evaluators/floors.json`, the scales of our own families; for whoever changes a family.

python -m evaluators._calibration [SUITE]      # only those whose code has changed
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor, as_completed

from rich.console import Console

from evaluators._floors import SEEDS, SHIPPED, Floor, estimate, shipped, slug
from tasks import FAMILIES, family
from tasks._record import LocalDisk, dump, save


def pairs(prefix: str = "") -> list[tuple[str, str]]:
    """Our own families and presets whose names begin with `prefix`."""
    return [
        (name, preset)
        for name in FAMILIES.names()
        if name.startswith(prefix) and name in FAMILIES.own()
        for preset in family(name).presets
    ]


def calibrate(prefix: str = "", jobs: int = 2) -> None:
    """Estimate the scales that are missing, and drop those of code that is gone."""
    console = Console(stderr=True)
    current = {slug(*pair) for pair in pairs()}
    kept = {name: scale for name, scale in shipped().items() if name in current}
    missing = [pair for pair in pairs(prefix) if slug(*pair) not in kept]
    with ProcessPoolExecutor(jobs) as pool:
        asked = {pool.submit(estimate, *pair): pair for pair in missing}
        for done in as_completed(asked):
            kept[slug(*asked[done])] = done.result()
            _write(kept)
            scale = done.result()
            console.print(f"{asked[done]}: {scale.floor:.3f} by {scale.policy}", markup=False)
    _write(kept)


def _write(scales: dict[str, Floor]) -> None:
    body = {name: scales[name].model_dump(mode="json") for name in sorted(scales)}
    save(LocalDisk(), SHIPPED, dump(body))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=f"Estimate floors on {SEEDS} instances each.")
    parser.add_argument("prefix", nargs="?", default="", help="of family names; all if left out")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    calibrate(asked.prefix, asked.jobs)


if __name__ == "__main__":
    main()
