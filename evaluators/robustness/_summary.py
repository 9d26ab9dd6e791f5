"""robustness_summary.json and robustness_report.md: the published metrics, and ours beside them."""

from collections.abc import Callable, Collection, Sequence

from evaluators._intervals import LEVEL
from evaluators.robustness._actions import STATED
from evaluators.robustness._metrics import grouped, metrics
from evaluators.robustness._noise import CONTROL, Effect, TypeEffect, contrast, effects, noise
from evaluators.robustness._records import Case, VariantRecord, unpaired
from tasks import JSON
from tasks.strategic._variants import PRESSURES

SCHEMA = 1
_SHOWN = (
    ("paraphrase_consistency", "paraphrase consistency"),
    ("mean_score_drop", "mean score drop"),
    ("worst_score_drop", "worst score drop"),
    ("action_flip_rate", "action flip rate"),
    ("invalid_response_increase", "became invalid"),
    ("unsafe_action_increase", "became unsafe"),
    ("pressure_susceptibility_rate", "pressure susceptibility"),
    ("order_invariance_rate", "order invariance"),
    ("distractor_robustness_rate", "distractor robustness"),
)


def summary(
    run_id: str, agent: str, cases: Sequence[Case], records: Sequence[VariantRecord]
) -> dict[str, JSON]:
    """The content of robustness_summary.json."""
    return {
        "schema": SCHEMA,
        "run": run_id,
        "agent": agent,
        "instances": sum(bool(case.base) for case in cases),
        "base_attempts": sum(len(case.base) for case in cases),
        "variant_attempts": len(records),
        "variant_types": sorted({one.variant_type for one in records}),
        "unpaired": unpaired(cases),
        "tolerances": STATED,
        "interval_level": LEVEL,
        "published": {
            "overall": metrics(records),
            "environments": _metrics(records, lambda one: one.environment),
            "types": _metrics(records, lambda one: one.variant_type),
        },
        "paired": {
            "overall": _paired(cases),
            "environments": {
                name: _paired([case for case in cases if case.instance.family == name])
                for name in sorted({case.instance.family for case in cases})
            },
        },
    }


def pooled(cases: Sequence[Case], name: str, types: Collection[str] | None = None) -> list[Case]:
    """The cases with all variants of `types` (None: all but the control) as one type `name`."""
    return [
        Case(case.instance, case.base, {name: merged})
        for case in cases
        if (
            merged := tuple(
                outcome
                for kind, outcomes in case.variants.items()
                if kind != CONTROL and (types is None or kind in types)
                for outcome in outcomes
            )
        )
    ]


def _metrics(
    records: Sequence[VariantRecord], name: Callable[[VariantRecord], str]
) -> dict[str, JSON]:
    return {key: metrics(group) for key, group in grouped(records, name).items()}


def _paired(cases: Sequence[Case]) -> dict[str, JSON]:
    groups = [*pooled(cases, "all"), *pooled(cases, "pressures", PRESSURES)]
    against = contrast(cases)
    pools = [*_each(groups), *([] if against is None else [against])]
    return {
        "noise": dict(noise(cases)),
        "types": [one.model_dump(mode="json") for one in effects(cases)],
        "pooled": [one.model_dump(mode="json") for one in pools],
    }


def _each(groups: Sequence[Case]) -> list[TypeEffect]:
    """Pooled groups overlap, so each is tested by itself."""
    names = sorted({name for case in groups for name in case.variants})
    return [
        one for name in names for one in effects([case for case in groups if name in case.variants])
    ]


def report(found: dict[str, JSON]) -> str:
    """The content of robustness_report.md."""
    overall = found["paired"]["overall"]
    floor = overall["noise"]
    parts = [
        f"# Robustness of {found['agent']}",
        f"Run `{found['run']}`: {found['instances']} instances, {found['base_attempts']} base "
        f"attempts, {found['variant_attempts']} variant attempts. {found['tolerances']}",
        "## Beyond noise\n\n"
        + _floor(floor)
        + " `excess` is the flip rate against the base less the flip rate between repeats of the "
        "base; `drop` is base minus variant (control minus base for `control`). The last of the "
        "first rows sets the pressures against other wordings and idle remarks in the place of "
        "the base's repeats. Brackets are 95 % intervals over instances; p is adjusted by Holm "
        "over the types.\n\n" + _effect_table([*overall["pooled"], *overall["types"]]),
        "## Published metrics\n\n" + _metric_table(found["published"]),
    ]
    parts += [
        f"## {name}\n\n{_floor(part['noise'])}\n\n{_effect_table(part['types'])}"
        for name, part in found["paired"]["environments"].items()
    ]
    if found["unpaired"]:
        parts.append(
            f"Left out: {len(found['unpaired'])} variant attempts whose base was not played."
        )
    return "\n\n".join(parts) + "\n"


def _floor(floor: JSON) -> str:
    if not floor["instances"]:
        return "No base was played twice, so there is no noise floor (`--repeat 2` or more)."
    return (
        f"Noise floor: repeats of the same base flip at a rate of {floor['flip_rate']:.3f}, and "
        f"their scores have a standard deviation of {floor['score_sd']:.3f} "
        f"({floor['instances']} instances)."
    )


def _effect_table(rows: Sequence[JSON]) -> str:
    lines = [
        "| variant | instances | flips | noise | excess flips | drop | unsafe | p | verdict |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        one = TypeEffect.model_validate(row)
        cells = [
            one.variant_type,
            str(one.instances),
            f"{one.flip_rate:.3f}",
            _number(one.noise_flip_rate),
            _interval(one.excess_flip),
            _interval(one.score_drop),
            _interval(one.unsafe_increase),
            f"{one.p_holm:.3f}",
            one.verdict,
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _metric_table(published: JSON) -> str:
    columns = {"all": published["overall"], **published["environments"], **published["types"]}
    lines = [
        f"| of | variants | {' | '.join(text for _, text in _SHOWN)} |",
        "|---|" + "---:|" * (len(_SHOWN) + 1),
    ]
    for name, values in columns.items():
        cells = [name, str(values["n_variants"]), *(_number(values[key]) for key, _ in _SHOWN)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _interval(found: Effect | None) -> str:
    return "-" if found is None else f"{found.mean:.3f} [{found.low:.2f}, {found.high:.2f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
