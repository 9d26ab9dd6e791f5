"""results/summary.json: what the scores of a run come to, with intervals, floors and caveats.

Only attempts that were measured count (`status: scored`); those in error, never seen, or still open
are listed beside them and stand in no mean. An attempt without a valid answer has ability 0.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from evaluators._core import AXES, Score
from evaluators._floors import Floor
from evaluators._intervals import LEVEL, Interval, clustered_t, mean, wilson
from tasks import JSON, Stamp, UnknownUnitError, family
from tasks._record import Run

SCHEMA = 1
FILES: Mapping[str, str] = {"circuits": "circuit_evaluation_results.json"}
"""Published file names by group tag."""

SEALED = frozenset({"zygote", "bwrap", "-"})
"""Tiers whose results may be ranked; `-`: no kernel started, so nothing could leak from one."""

Scales = Mapping[tuple[str, str], Floor | str]
"""Floor and ceiling by family and preset, or why there are none."""


def summary(
    run: Run, scores: Sequence[Score], floors: Scales, unfinished: Sequence[str]
) -> dict[str, JSON]:
    """The content of summary.json."""
    counted = [score for score in scores if score.status == "scored" and not score.variant]
    families = {
        name: {
            **metrics(group, floors),
            "presets": {
                preset: {**metrics(part, floors), **_scale(floors.get((name, preset)))}
                for preset, part in _by(group, lambda s: s.preset).items()
            },
        }
        for name, group in _by(counted, lambda s: s.family).items()
    }
    return {
        "schema": SCHEMA,
        "suite": run.suite,
        "agents": sorted({score.agent for score in scores} or {run.agent}),
        "versions": run.versions,
        "interval_level": LEVEL,
        "metrics": {"overall": metrics(counted, floors), "families": families},
        "variants": sum(bool(score.variant) for score in scores),
        "statuses": dict(sorted(Counter(score.status for score in scores).items())),
        "reasons": dict(sorted(Counter(score.reason for score in scores if score.reason).items())),
        "stamps": dict(sorted(Counter(score.stamp.value for score in scores).items())),
        "sandboxes": dict(sorted(Counter(score.sandbox for score in scores).items())),
        "ranked": bool(counted)
        and all(s.stamp is Stamp.EXAM and s.sandbox in SEALED for s in counted),
        "open": list(unfinished),
        "flagged": [
            {"instance": s.instance, "n": s.n, "notebook": s.notebook, "flags": list(s.flags)}
            for s in scores
            if s.flags
        ],
        "not_scored": [
            {"instance": s.instance, "n": s.n, "status": s.status, "note": s.note}
            for s in scores
            if s.status != "scored"
        ],
        "caveats": caveats(scores, floors, unfinished),
    }


def metrics(scores: Sequence[Score], floors: Scales) -> dict[str, JSON]:
    """Means and rates of measured attempts, each with its interval (None where there is none)."""
    abilities = [score.ability or 0.0 for score in scores]
    clusters = [score.instance for score in scores]
    scaled = normalised(scores, floors)
    passed = sum(score.passed for score in scores)
    valid = sum(score.validity >= 1.0 for score in scores)
    evidence = [score.evidence for score in scores if score.evidence is not None]
    safety = [score.safety for score in scores if score.safety is not None]
    axes = {axis: [s.axes[axis] for s in scores if axis in s.axes] for axis in AXES}
    n = len(scores)
    return {
        "n": n,
        "instances": len(set(clusters)),
        "mean_score": mean(abilities) if n else None,
        "normalised_score": None if scaled is None else mean(scaled),
        "pass_rate": passed / n if n else None,
        "validity_rate": valid / n if n else None,
        "intervals": {
            "mean_score": _clip(clustered_t(abilities, clusters)),
            "normalised_score": None if scaled is None else clustered_t(scaled, clusters),
            "pass_rate": wilson(passed, n),
            "validity_rate": wilson(valid, n),
        },
        "evidence": mean(evidence) if evidence else None,
        "safety": mean(safety) if safety else None,
        "axes": {axis: mean(values) if values else None for axis, values in axes.items()},
        "flagged": sum(bool(score.flags) for score in scores),
        "metric_means": _metric_means(scores),
    }


def normalised(scores: Sequence[Score], floors: Scales) -> list[float] | None:
    """Each ability on its preset's scale; None if a scale is missing or there are no scores.

    The mean of these is (mean - floor) / (ceiling - floor) within a family and preset, and the
    mean over attempts of such groups above it.
    """
    values: list[float] = []
    for score in scores:
        scale = floors.get((score.family, score.preset))
        if not isinstance(scale, Floor):
            return None
        values.append(scale.normalised(score.ability or 0.0))
    return values or None


def caveats(scores: Sequence[Score], floors: Scales, unfinished: Sequence[str]) -> list[str]:
    """What a reader must know before quoting a number, a sentence each."""
    found: list[str] = []
    apart = sorted({score.stamp.value for score in scores if score.stamp is not Stamp.EXAM})
    if apart:
        found.append(f"Not ranked: attempts are stamped {', '.join(apart)}.")
    if any(score.sandbox == "none" for score in scores):
        found.append("Kernels ran without a sandbox: an agent could have read keys.")
    if any(score.sandbox == "landlock" for score in scores):
        found.append("Kernels ran in the reduced tier `landlock`, which has known leaks.")
    missing = [f"{name}:{preset} ({why})" for (name, preset), why in floors.items() if _text(why)]
    if missing:
        found.append(f"No scale, so no normalised score: {'; '.join(missing)}.")
    few = len({score.instance for score in scores if score.status == "scored"})
    if 0 < few < 20:
        count = "One instance is" if few == 1 else f"{few} instances are"
        found.append(f"{count} few: intervals are wide and t assumes near-normal means.")
    flagged = sum(bool(score.flags) for score in scores)
    if flagged:
        found.append(f"{flagged} attempts are flagged; their scores are counted as they stand.")
    aside = sum(score.status != "scored" for score in scores)
    if aside or unfinished:
        found.append(
            f"{aside} attempts are invalid or in error and {len(unfinished)} still open; none of "
            "them is in a mean."
        )
    return found


def published(scores: Sequence[Score]) -> dict[str, JSON]:
    """Files under the names that the field's published suites use, by file name."""
    files: dict[str, JSON] = {}
    for tag, name in FILES.items():
        group = [s for s in scores if s.status == "scored" and tag in _tags(s.family)]
        if group:
            files[name] = {
                "schema": SCHEMA,
                "tasks": {
                    task: {"n": len(part), **_metric_means(part), "attempts": _rows(part)}
                    for task, part in _by(group, lambda s: s.family).items()
                },
            }
    return files


def _rows(scores: Sequence[Score]) -> list[JSON]:
    return [
        {"instance": s.instance, "n": s.n, "agent": s.agent, "passed": s.passed, **s.metrics}
        for s in scores
    ]


def _tags(name: str) -> frozenset[str]:
    try:
        return family(name).tags
    except UnknownUnitError:
        return frozenset()


def _metric_means(scores: Sequence[Score]) -> dict[str, float]:
    """Mean of each metric over the attempts that have it, which are those with a valid answer."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for score in scores:
        for name, value in score.metrics.items():
            values[name].append(value)
    return {name: mean(found) for name, found in sorted(values.items())}


def _by(scores: Sequence[Score], name: Callable[[Score], str]) -> dict[str, list[Score]]:
    groups: defaultdict[str, list[Score]] = defaultdict(list)
    for score in scores:
        groups[name(score)].append(score)
    return dict(sorted(groups.items()))


def _scale(scale: Floor | str | None) -> dict[str, JSON]:
    if not isinstance(scale, Floor):
        return {"floor": None, "ceiling": None, "floor_policy": None, "floor_error": None}
    return {
        "floor": scale.floor,
        "ceiling": scale.ceiling,
        "floor_policy": scale.policy,
        "floor_error": scale.error,
    }


def _clip(interval: Interval) -> Interval:
    return None if interval is None else (max(0.0, interval[0]), min(1.0, interval[1]))


def _text(scale: Floor | str) -> bool:
    return isinstance(scale, str)
