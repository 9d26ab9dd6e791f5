"""What every family promises, checked in words: `check_family(name)` for authors and for tests.

Every promise is checked on public instances of every preset, from fixed seeds. A promise whose
check raises is broken; the message is its detail.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluators._core import MEASURES, Measure
from evaluators._floors import checked
from ground_truth import TRUTHS, Drawn, Truth, answered, draw, related
from tasks import JSON, Family, InstanceId, Split, family
from tasks._answers import Malformed, validate
from tasks._checks import Check

SEEDS = (1, 2, 3)
SECRETS = (b"a" * 32, b"b" * 32)
CLOSE = 1e-9
OPEN_CEILING = 0.99
"""A published grade may leave a crumb out of everybody's reach (a hidden spread, rounded)."""
RESTORED = 1e-6
"""Units and rounding on the way back may cost this much."""


@dataclass(frozen=True)
class _Case:
    """One instance of a family, with everything that is promised about it."""

    name: str
    instance: InstanceId
    unit: Family[Any, Any]
    truth: Truth[Any, Any, Any]
    measure: Measure
    drawn: Drawn[Any, Any]

    def valid(self, given: Any) -> JSON:
        """The answer (of a player: its actions) in canonical form; raises where it is refused."""
        answer = answered(self.truth, self.drawn.key, given)
        value = checked(self.unit, self.drawn.public, answer)
        if isinstance(value, Malformed):
            raise ValueError(f"the answer model refuses {answer!r}: {value}")
        return value

    def ability(self, given: Any) -> float:
        """The measure's mark of a valid answer."""
        mark = self.measure.score(self.valid(given), self.drawn.key).ability
        if not 0.0 <= mark <= 1.0:
            raise ValueError(f"ability {mark} is outside [0, 1]")
        return mark

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(7)


def check_family(name: str) -> list[Check]:
    """Check every promise of the family `name`.

    Raises:
        UnknownUnitError: it has no namesake in `ground_truth`, or names no measure.
    """
    cases = list(_cases(name))
    return [_check(promise, holds, cases) for promise, holds in PROMISES.items()]


def _cases(name: str) -> Iterator[_Case]:
    unit, truth = family(name), TRUTHS.find(name)
    measure = MEASURES.find(unit.measure)
    for preset in unit.presets:
        for seed in SEEDS:
            instance = InstanceId(name, unit.version, preset, Split.PUBLIC, seed)
            drawn = draw(instance, SECRETS[0])
            yield _Case(name, instance, unit, truth, measure, drawn)


def _check(promise: str, holds: Callable[[_Case], bool], cases: list[_Case]) -> Check:
    for case in cases:
        try:
            held = holds(case)
        except Exception as error:  # noqa: BLE001 - whatever a third party's family raises
            return Check(promise, False, f"{case.instance}: {type(error).__name__}: {error}")
        if not held:
            return Check(promise, False, str(case.instance))
    return Check(promise, True)


def _same_bits(case: _Case) -> bool:
    again = draw(case.instance, SECRETS[1])
    return again.public == case.drawn.public and again.key == case.drawn.key


def _secret_decides(case: _Case) -> bool:
    private = InstanceId(
        case.name, case.unit.version, case.instance.preset, Split.PRIVATE, case.instance.seed
    )
    one, other = (draw(private, secret) for secret in SECRETS)
    return case.unit.open_keys or one.public != other.public or one.key != other.key


def _reads_back(case: _Case) -> bool:
    public, key = case.drawn.public, case.drawn.key
    return (
        type(public).model_validate_json(public.model_dump_json()) == public
        and type(key).model_validate_json(key.model_dump_json()) == key
    )


def _kinds(case: _Case) -> bool:
    return (
        isinstance(case.drawn.public, case.unit.public)
        and isinstance(case.drawn.key, case.truth.key)
        and isinstance(case.drawn.key, case.measure.key)
    )


def _briefed(case: _Case) -> bool:
    text = case.unit.brief(case.drawn.public)
    safe = all(".." not in path.split("/") and not path.startswith("/") for path in text.files)
    return len(text.prompt) > 100 and safe and case.unit.brief(case.drawn.public) == text


def _unspoken(case: _Case) -> bool:
    answer = json.dumps(case.valid(case.truth.oracle(case.drawn.key)))
    text = case.unit.brief(case.drawn.public)
    shown = [text.prompt, *(data.decode("utf-8", "replace") for data in text.files.values())]
    return len(answer) < 24 or not any(answer in part for part in shown)


def _schema(case: _Case) -> bool:
    schema = case.unit.answer(case.drawn.public).model_json_schema()
    return schema.get("type") == "object" and json.loads(json.dumps(schema)) == schema


def _ceiling(case: _Case) -> bool:
    least = OPEN_CEILING if case.unit.open_keys else 1.0 - CLOSE
    return case.ability(case.truth.oracle(case.drawn.key)) >= least


def _reference(case: _Case) -> bool:
    reached = case.ability(case.truth.reference(case.drawn.public))
    return reached <= case.ability(case.truth.oracle(case.drawn.key)) + CLOSE


def _noise(case: _Case) -> bool:
    reference = case.truth.reference(case.drawn.public)
    clean = case.truth.noisy(reference, case.drawn.public, case.rng(), 0.0)
    spoiled = case.truth.noisy(reference, case.drawn.public, case.rng(), 1.0)
    return case.ability(spoiled) <= case.ability(clean) + CLOSE


def _policies(case: _Case) -> bool:
    answers = [policy(case.drawn.public, case.rng()) for policy in case.truth.policies.values()]
    return bool(answers) and all(case.ability(answer) <= 1.0 for answer in answers)


def _strict(case: _Case) -> bool:
    model = case.unit.answer(case.drawn.public)
    good = case.valid(case.truth.oracle(case.drawn.key))
    good = good[0] if case.unit.episode else good
    wrong: list[JSON] = [None, [], {}, {**good, "extra": 1}, random.Random(1).random(), "no JSON"]  # noqa: S311
    return all(isinstance(validate(model, one), Malformed) for one in wrong)


def _relations(case: _Case) -> bool:
    """A mapped answer scores what the answer scored, and the oracle's maps to an oracle's."""
    for name in case.truth.relations:
        way = related(replace(case.instance, variant=name), SECRETS[0])
        there = replace(case, drawn=way.drawn)
        truth, public, key = case.truth, way.drawn.public, way.drawn.key
        given = [truth.oracle(key), truth.noisy(truth.reference(public), public, case.rng(), 0.6)]
        given += [policy(public, case.rng()) for policy in truth.policies.values()]
        for one in given:
            answer = there.valid(one)
            back = way.restore(answer)
            mark = case.measure.score(checked(case.unit, case.drawn.public, back), case.drawn.key)
            if abs(mark.ability - there.measure.score(answer, key).ability) > RESTORED:
                raise ValueError(f"{name}: another score after the way back")
    return True


PROMISES: dict[str, Callable[[_Case], bool]] = {
    "the same instance id gives the same bits": _same_bits,
    "the secret alone decides a private instance": _secret_decides,
    "what is public, and the key, are written as JSON and read back unchanged": _reads_back,
    "public half, key and measure are of the kinds the family declares": _kinds,
    "the brief is written, the same each time, and its files have safe names": _briefed,
    "the answer stands in neither the prompt nor the files": _unspoken,
    "the answer's schema is a JSON object": _schema,
    "answers of another shape are refused": _strict,
    "the oracle's answer is accepted and gets 1 (published forms: nearly)": _ceiling,
    "the reference's answer is accepted and does not beat the oracle": _reference,
    "a spoiled answer is accepted and does not beat the clean one": _noise,
    "the floor's policies give answers that are accepted": _policies,
    "an answer mapped back from a related instance has the same score": _relations,
}
"""Every promise in words, and its check on one instance."""
