"""Metamorphic relations of `strategic/bayesian_games`: the same question asked otherwise.

Each turns the public half and the key alike and knows the way back for answers. That the exact
posterior of the turned half is the turned key is tested, not assumed.
"""

from collections.abc import Sequence

from ground_truth._core import Drawn, Related, Relation, Rng
from ground_truth.keys import PosteriorKey
from ground_truth.strategic._stated import inverse, other, some, taken
from tasks import JSON
from tasks.strategic._bayesian_prose import SETTINGS
from tasks.strategic._tables import NUMBERS
from tasks.strategic.bayesian_games import Archive, BayesianPublic, Report, Witness

Instance = Drawn[BayesianPublic, PosteriorKey]
Turned = Related[BayesianPublic, PosteriorKey]


def units(base: Instance, rng: Rng) -> Turned:
    """All probabilities in another notation."""
    style = base.public.style
    told = style.model_copy(update={"numbers": other(style.numbers, NUMBERS, rng)})
    return Related(Drawn(base.public.model_copy(update={"style": told}), base.key), _unchanged)


def relabel(base: Instance, rng: Rng) -> Turned:
    """Every hypothesis, signal and witness gets another name of the same setting."""
    public, setting = base.public, SETTINGS[base.public.style.setting]

    def renamed(names: Sequence[str], pool: tuple[str, ...]) -> tuple[str, ...]:
        shift = int(rng.integers(1, len(pool)))
        return tuple(pool[(pool.index(name) + shift) % len(pool)] for name in names)

    turned = public.model_copy(
        update={
            "hypotheses": renamed(public.hypotheses, setting.causes),
            "signals": renamed(public.signals, setting.signals),
            "witnesses": _named(
                public.witnesses, renamed([w.name for w in public.witnesses], setting.witnesses)
            ),
        }
    )
    return Related(Drawn(turned, base.key), _unchanged)


def paraphrase(base: Instance, rng: Rng) -> Turned:
    """Another setting, the other voice, other sections' order and other tables."""
    public, style = base.public, base.public.style
    name = other(style.setting, tuple(sorted(SETTINGS)), rng)
    setting = SETTINGS[name]
    first, *rest = style.order
    told = style.model_copy(
        update={
            "setting": name,
            "order": (*rest, first),
            "transposed": not style.transposed,
            "listed": not style.listed,
            "voice": "account" if style.voice == "protocol" else "protocol",
        }
    )
    turned = public.model_copy(
        update={
            "hypotheses": some(setting.causes, len(public.hypotheses), rng),
            "signals": some(setting.signals, len(public.signals), rng),
            "witnesses": _named(
                public.witnesses, some(setting.witnesses, len(public.witnesses), rng)
            ),
            "style": told,
        }
    )
    return Related(Drawn(turned, base.key), _unchanged)


def permute(base: Instance, rng: Rng) -> Turned:
    """Hypotheses, signals, witnesses, events, reports on one event and archives reordered."""
    public = base.public
    order: list[int] = rng.permutation(len(public.hypotheses)).tolist()
    signals: list[int] = rng.permutation(len(public.signals)).tolist()
    witnesses: list[int] = rng.permutation(len(public.witnesses)).tolist()
    # The last report is silence, which stays the last.
    reports = [*signals, len(signals)]

    def seen(report: Report) -> Report:
        return Report(witness=witnesses.index(report.witness), report=reports.index(report.report))

    def kept(archive: Archive) -> Archive:
        return archive.model_copy(
            update={
                "witness": witnesses.index(archive.witness),
                "report": reports.index(archive.report),
            }
        )

    events = [tuple(sorted(map(seen, event), key=_duty)) for event in public.events]
    turned = public.model_copy(
        update={
            "hypotheses": taken(public.hypotheses, order),
            "prior": taken(public.prior, order),
            "signals": taken(public.signals, signals),
            "rates": tuple(taken(row, signals) for row in taken(public.rates, order)),
            "witnesses": tuple(
                w.model_copy(
                    update={
                        "confusion": tuple(
                            taken(row, reports) for row in taken(w.confusion, signals)
                        )
                    }
                )
                for w in taken(public.witnesses, witnesses)
            ),
            "events": taken(events, rng.permutation(len(events)).tolist()),
            "archives": taken(
                [kept(a) for a in public.archives], rng.permutation(len(public.archives)).tolist()
            ),
        }
    )
    key = PosteriorKey(posterior=taken(base.key.posterior, order))

    def restore(answer: JSON) -> JSON:
        return {**answer, "posterior": list(taken(answer["posterior"], inverse(order)))}

    return Related(Drawn(turned, key), restore)


def _duty(report: Report) -> int:
    return report.witness


def _named(witnesses: tuple[Witness, ...], names: tuple[str, ...]) -> tuple[Witness, ...]:
    return tuple(
        witness.model_copy(update={"name": name})
        for witness, name in zip(witnesses, names, strict=True)
    )


def _unchanged(answer: JSON) -> JSON:
    return answer


RELATIONS: dict[str, Relation] = {
    "units": units,
    "relabel": relabel,
    "permute": permute,
    "paraphrase": paraphrase,
}
