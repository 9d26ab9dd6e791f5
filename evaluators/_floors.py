"""Floors and ceilings: what the best blind policy and the oracle score on a family and preset.

    floor   = max over fixed policies of the mean ability on calibration instances (at most `SEEDS`)
    ceiling = mean ability of the oracle there
    normalised score = (mean - floor) / (ceiling - floor)

Calibration instances come of public seeds and are never offered to an agent. Scales of our own
families come with Proctor (`floors.json`, made by `python -m evaluators._calibration`); others are
estimated when first asked for and kept in the state folder. Both are filed under a hash of the code
on which they depend, so that a changed family, truth or measure is never scored on an old scale.
"""

import ast
import hashlib
import inspect
import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

import ground_truth
import tasks
from evaluators._core import MEASURES
from evaluators._intervals import mean
from ground_truth import TRUTHS, answered, draw, stream
from tasks import (
    JSON,
    EvaluatorError,
    Family,
    Frozen,
    InstanceId,
    Public,
    RecordError,
    Split,
    family,
)
from tasks._answers import Malformed, validate
from tasks._record import LocalDisk, dump, read_json, save

_ORACLE = "the oracle"
SHIPPED = Path(__file__).with_name("floors.json")
ROOMS = {room.__name__: Path(inspect.getfile(room)).parent for room in (tasks, ground_truth)}
SEEDS = 128
"""Most calibration instances per family and preset; then the error of a mean is below 0.03."""
ROUND = 32
"""Instances after which, again and again, the estimate may end."""
ERROR = 0.005
"""It ends early once the standard error of the floor is below this."""


class Floor(Frozen):
    """The scale of one family and preset."""

    floor: float
    ceiling: float
    policy: str
    """The policy that sets the floor."""
    policies: dict[str, float]
    """Mean ability of each policy."""
    error: float
    """Standard error of the floor."""
    seeds: int

    def normalised(self, ability: float) -> float:
        """`ability` on the scale where the floor is 0 and the ceiling 1; not clipped."""
        return (ability - self.floor) / (self.ceiling - self.floor)


def estimate(name: str, preset: str, seeds: int = SEEDS) -> Floor:
    """Play every policy and the oracle on calibration instances, `seeds` of them at most.

    Raises:
        EvaluatorError: a policy's or the oracle's answer is not valid, or nothing lies between
            floor and ceiling.
    """
    abilities: dict[str, list[float]] = {}
    ceiling: list[float] = []
    for seed in range(seeds):
        for policy, ability in _played(name, preset, seed):
            abilities.setdefault(policy, []).append(ability)
        ceiling.append(abilities.pop(_ORACLE)[0])
        if (seed + 1) % ROUND == 0 and _floor(abilities, mean(ceiling)).error < ERROR:
            break
    found = _floor(abilities, mean(ceiling))
    if found.ceiling - found.floor < 1e-6:
        raise EvaluatorError(
            f"The policy {found.policy} reaches the ceiling {found.ceiling}: no scale is left."
        )
    return found


def _played(name: str, preset: str, seed: int) -> Iterator[tuple[str, float]]:
    """Ability of every policy, and last of the oracle, on one calibration instance."""
    unit, truth = family(name), TRUTHS.find(name)
    score = MEASURES.find(unit.measure).score
    instance = InstanceId(name, unit.version, preset, Split.CALIBRATION, seed)
    drawn = draw(instance, b"")
    rng = stream(b"", instance).spawn(1)[0]
    given = [(policy, answer(drawn.public, rng)) for policy, answer in truth.policies.items()]
    for who, one in [*given, (_ORACLE, truth.oracle(drawn.key))]:
        value = checked(unit, drawn.public, answered(truth, drawn.key, one))
        if isinstance(value, Malformed):
            raise EvaluatorError(f"{who} gives no valid answer to {instance}: {value}.")
        yield who, score(value, drawn.key).ability


def checked(unit: Family[Any, Any], public: Public, answer: JSON) -> JSON | Malformed:
    """An answer (for an episode: the list of its actions) in canonical form, if it has one."""
    model = unit.answer(public)
    if not unit.episode:
        return validate(model, answer)
    actions = [validate(model, action) for action in answer]
    return next((action for action in actions if isinstance(action, Malformed)), actions)


def _floor(abilities: dict[str, list[float]], ceiling: float) -> Floor:
    means = {policy: mean(values) for policy, values in abilities.items()}
    best = max(means, key=lambda policy: means[policy])
    seeds = len(abilities[best])
    return Floor(
        floor=means[best],
        ceiling=ceiling,
        policy=best,
        policies=means,
        error=float(np.std(abilities[best])) / math.sqrt(seeds),
        seeds=seeds,
    )


def floor(name: str, preset: str, home: Path, ask: Callable[[str, str], object]) -> Floor:
    """The scale of a family and preset: as shipped, from the cache, or from `ask(name, preset)`."""
    known = shipped().get(slug(name, preset))
    if known is not None:
        return known
    path = home / "cache" / "floors" / f"{slug(name, preset)}.json"
    try:
        return Floor.model_validate(read_json(path))
    except (RecordError, ValidationError):
        found = Floor.model_validate(ask(name, preset))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    save(LocalDisk(), path, dump(found.model_dump(mode="json")))
    return found


@cache
def shipped() -> dict[str, Floor]:
    """Scales that come with this release, by slug."""
    try:
        found = read_json(SHIPPED)
    except RecordError:
        return {}
    return {name: Floor.model_validate(scale) for name, scale in found.items()}


def slug(name: str, preset: str) -> str:
    """Names the scale of a family and preset under the code that is installed."""
    version = family(name).version
    return f"{name.replace('/', '-')}@{version}-{preset}-{SEEDS}-{code_hash(name)}"


@cache
def code_hash(name: str) -> str:
    """Hash of the code that makes the scale of `name`: its group's modules and its measure.

    Followed are the imports of family, truth and measure, within the folders of their groups; what
    all families share (the nouns, the drawing of a seed) is held fast by the conformance tests.
    """
    unit = family(name)
    parts = (unit.brief, TRUTHS.find(name).reference, MEASURES.find(unit.measure).score)
    modules = [room / f"{name}.py" for room in ROOMS.values()]
    starts = [*(_home(part) for part in parts), *(path for path in modules if path.is_file())]
    digest = hashlib.sha256()
    for path in sorted({path for start in starts for path in _followed(start)}):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _home(part: Callable[..., Any]) -> Path:
    """The file that defines a family's function; of a bound method or a partial, its function's."""
    return Path(inspect.getfile(inspect.unwrap(getattr(part, "func", part))))


def _followed(path: Path) -> set[Path]:
    """A module and all that it imports, step by step, from the folders of our groups."""
    found, todo = set[Path](), [path]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += [p for name in _imports(one) for p in _grouped(name)]
    return found


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _grouped(module: str) -> Iterator[Path]:
    """The file of a module of `tasks/<group>/` or `ground_truth/<group>/`, if it is one."""
    parts = module.split(".")
    if len(parts) > 2 and parts[0] in ROOMS:
        path = ROOMS[parts[0]].joinpath(*parts[1:]).with_suffix(".py")
        if path.is_file():
            yield path
