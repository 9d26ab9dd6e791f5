"""A YAML file becomes a config and the way it is carried out; every problem is told at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from runners._config.agents import AgentEntry
from runners._config.shapes import NUM_TASKS, EnvironmentEntry, File, ModelEntry
from runners._config.strict import problems
from runners._evaluation import EngineName
from runners._plan import ALL, EvalConfig, Part, sittings
from tasks import UsageError
from tasks.strategic._variants import PER_TASK

SUFFIXES = frozenset({".yaml", ".yml"})
"""What tells a file from a suite."""
MAX_FILE = 1 << 20
"""Bytes of a file that is read."""


@dataclass(frozen=True)
class Described:
    """What a file asks for."""

    config: EvalConfig
    runs: Path
    concurrent: int
    """0: one a processor."""
    budget_usd: float | None
    engine: EngineName
    address: str | None


def described(path: Path) -> Described:
    """Read a file.

    Raises:
        UsageError: it cannot be read, is no YAML mapping, or does not fit; every problem is told.
    """
    try:
        file = File.model_validate(_loaded(path))
    except ValidationError as error:
        raise _unfit(path, problems(File, error)) from None
    try:
        config = _config(file)
        sittings(config)
    except UsageError as error:
        raise _unfit(path, [str(error)]) from None
    run = file.run
    return Described(
        config, run.output_dir, run.max_workers, run.budget_usd, run.engine, run.address
    )


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: the first one would be lost without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[object] = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)  # pyright: ignore[reportUnknownMemberType]
            if isinstance(name, str) and name in seen:
                raise yaml.MarkedYAMLError(None, None, f"{name!r} stands twice", key.start_mark)
            seen.add(str(name))
        return super().construct_mapping(node, deep)


def _loaded(path: Path) -> object:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE + 1).decode()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text.") from None
    if len(text) > MAX_FILE:
        raise UsageError(
            f"{path} is longer than {MAX_FILE} bytes: that is no description of a run."
        )
    try:
        raw = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not valid YAML: {error}") from None
    if raw is None:
        raise UsageError(f"{path} is empty. It needs `run`, an agent and `environments`.")
    if not isinstance(raw, dict):
        raise UsageError(f"{path} holds a {type(raw).__name__}, not a mapping with `run`, ….")
    return raw  # pyright: ignore[reportUnknownVariableType] - checked by the shapes


def _unfit(path: Path, found: list[str]) -> UsageError:
    count = "a problem" if len(found) == 1 else f"{len(found)} problems"
    return UsageError("\n".join([f"{path} has {count}:", *(f"  {one}" for one in found)]))


def _config(file: File) -> EvalConfig:
    names = _names(file)
    parts = tuple(part for one in file.environments for part in _parts(one, file))
    return EvalConfig(
        suite=",".join(dict.fromkeys(part.suite for part in parts)),
        name=file.run.name,
        agents=tuple(names),
        seed=file.run.seed,
        repeat=file.run.repeat,
        split=file.run.split,
        parts=parts,
        labels=_labels(file, names),
    )


def _names(file: File) -> dict[str, str]:
    """What the file calls each agent, by the agent's name."""
    entries = [file.agent] if file.agent else [*(file.agents or ()), *_seated(file)]
    names: dict[str, str] = {}
    for entry in entries:
        name = entry.spelled(file.run.cache)
        if name in names:
            raise UsageError(f"agents: {name} stands twice; `repeat` says how often it plays.")
        names[name] = entry.name or entry.type
    return names


def _seated(file: File) -> list[AgentEntry]:
    """A leaderboard's models, each in every manner."""
    manners = file.manners or ("direct",)
    return [_entry(model, manner) for model in file.models or () for manner in manners]


def _entry(model: ModelEntry, manner: str) -> AgentEntry:
    given = {name: getattr(model, name) for name in model.model_fields_set}
    try:
        return AgentEntry.model_validate({**given, "type": manner})
    except ValidationError as error:
        why = "; ".join(problems(AgentEntry, error)).removeprefix("the file: ")
        raise UsageError(f"models: {model.model} as {manner}: {why}") from None


def _parts(one: EnvironmentEntry, file: File) -> list[Part]:
    protocol = file.protocol
    seeds = protocol.task_seeds if protocol and protocol.task_seeds and one.seed is None else None
    each = protocol.tasks_per_environment if protocol else None
    varied = _variants(one, file)
    return [
        Part(
            suite=one.name,
            seed=seed,
            n=one.num_tasks or each or NUM_TASKS,
            preset=one.preset,
            **varied,
        )
        for seed in seeds or [file.run.seed if one.seed is None else one.seed]
    ]


def _variants(one: EnvironmentEntry, file: File) -> dict[str, Any]:
    """The perturbations of an environment: its own, or those of the file's `robustness`."""
    asked = file.robustness
    if asked is None or not asked.enabled:
        if one.variant_types is None and one.variants_per_task is None:
            return {}
        return {
            "variants": one.variant_types or (ALL,),
            "variants_per_task": one.variants_per_task,
        }
    cuts = [one.variants_per_task or asked.variants_per_task, asked.max_variants_per_task]
    return {
        "variants": one.variant_types or asked.variant_types.get(one.name) or (ALL,),
        "variants_per_task": min((cut for cut in cuts if cut is not None), default=PER_TASK),
        "answer_preserving_only": asked.answer_preserving_only,
    }


def _labels(file: File, names: dict[str, str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    if file.protocol and file.protocol.track:
        labels["track"] = file.protocol.track
    if file.protocol and file.protocol.scale:
        labels["scale"] = file.protocol.scale
    if file.baseline_agent is not None:
        labels["baseline_agent"] = _baseline(file.baseline_agent, names)
    return labels


def _baseline(asked: str, names: dict[str, str]) -> str:
    """The agent that the file calls its baseline."""
    found = [name for name, called in names.items() if asked in (name, called)]
    if len(found) != 1:
        known = ", ".join(sorted({*names.values()}))
        raise UsageError(
            f"baseline_agent: {asked!r} names {len(found)} of the agents; give one of them a "
            f"`name` of its own. They are called {known}."
        )
    return found[0]
