"""The one door from the server to ground truth.

It hands out briefs (without keys), hidden worlds to step, record keys and, on the operator's word
only, diagnostic answers. No key ever leaves through it.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import ground_truth
from tasks import (
    JSON,
    Brief,
    InstanceId,
    Split,
    Stamp,
    UsageError,
    World,
    briefed,
    family,
)

Diagnostic = Literal["public", "reference", "oracle", "noisy"]
_Draw = Callable[[InstanceId, bytes], ground_truth.Drawn[Any, Any]]


class Safe:
    """What is drawn and keyed under one secret; an attempt keeps its own until it has ended."""

    def __init__(self, secret_id: str, secret: bytes, draw: _Draw) -> None:
        self.secret_id = secret_id
        """Fingerprint of the secret; stands in every record."""
        self._secret = secret
        self._draw = draw

    def brief(self, instance: InstanceId, *, graded: bool, diagnostic: bool = False) -> Brief:
        """All that the agent gets of the instance."""
        unit = family(instance.family)
        public = self._drawn(instance).public
        text = briefed(unit, public, instance)
        return Brief(
            instance=instance,
            title=unit.title,
            prompt=text.prompt,
            answer_schema=unit.answer(public).model_json_schema(),
            files=text.files,
            budget=unit.budget,
            stamp=stamp(instance, graded=graded, diagnostic=diagnostic),
            notebook=unit.notebook,
            episode=unit.episode,
        )

    def answer_model(self, instance: InstanceId) -> type[Any]:
        """The pydantic model that an answer to this instance must fit."""
        return family(instance.family).answer(self._drawn(instance).public)

    def world(self, instance: InstanceId) -> World:
        """A fresh hidden world of an episode.

        Raises:
            UsageError: the family has no episode.
        """
        truth = ground_truth.TRUTHS.find(instance.family)
        if truth.world is None:
            raise UsageError(f"{instance.family} is not an episode: it has no world to act in.")
        return truth.world(self._drawn(instance).key)

    def diagnostic(self, instance: InstanceId, kind: Diagnostic, level: float) -> JSON:
        """The answer of a diagnostic agent; for the operator's socket only.

        `public` is the public half in full precision; `noisy` spoils the reference answer by
        `level`, drawn from the instance's own stream. For an episode: the list of actions.
        """
        truth = ground_truth.TRUTHS.find(instance.family)
        drawn = self._drawn(instance)
        if kind == "public":
            return drawn.public.model_dump(mode="json")
        given = truth.oracle(drawn.key) if kind == "oracle" else truth.reference(drawn.public)
        if kind == "noisy":
            rng = ground_truth.stream(self._secret + b"noisy", instance)
            given = truth.noisy(given, drawn.public, rng, level)
        return ground_truth.answered(truth, drawn.key, given)

    def record_key(self, attempt: str) -> bytes:
        """Key of the attempt's event chain."""
        return ground_truth.record_key(self._secret, attempt)

    def _drawn(self, instance: InstanceId) -> ground_truth.Drawn[Any, Any]:
        return self._draw(instance, self._secret)


class Vault:
    """Opens instances under the user's secrets; `home` is Proctor's state folder."""

    def __init__(self, home: Path) -> None:
        self._store = ground_truth.SecretStore(home)
        # A brief, its world and its diagnostic answer come of one draw.
        self._drawn = functools.lru_cache(maxsize=64)(ground_truth.draw)

    def safe(self, secret_id: str | None = None) -> Safe:
        """What belongs to the secret of that fingerprint (None: the one in force now).

        Raises:
            RecordError: no such secret here.
        """
        name = self._store.current() if secret_id is None else secret_id
        return Safe(name, self._store.get(name), self._drawn)

    def instance(self, task: str, preset: str | None, seed: int, split: Split) -> InstanceId:
        """Name the instance of the installed version.

        Raises:
            UsageError: unknown task or preset, or a split that is not offered.
        """
        unit = family(task)
        unit.preset(preset)
        if split is Split.CALIBRATION:
            raise UsageError("The calibration split is not played; choose `public` or `private`.")
        return InstanceId(task, unit.version, preset or unit.default_preset, split, seed)


def secret_store(home: Path) -> ground_truth.SecretStore:
    """The user's secrets, for the operator's `proctor secret`; never reachable by an agent."""
    return ground_truth.SecretStore(home)


def stamp(instance: InstanceId, *, graded: bool, diagnostic: bool) -> Stamp:
    """What a result of this attempt may be used for."""
    if diagnostic:
        return Stamp.DIAGNOSTIC
    if family(instance.family).open_keys:
        return Stamp.OPEN
    if graded and instance.split is Split.PRIVATE:
        return Stamp.EXAM
    return Stamp.PRACTICE
