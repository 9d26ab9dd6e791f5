"""What a reader must know before quoting a number of several runs, a sentence each."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from evaluators._floors import Floor
from evaluators.tables._classes import is_model, track
from evaluators.tables._quantities import cost_usd
from evaluators.tables._readings import Reading, Readings, Sat
from tasks import JSON
from tasks._record import Tokens

FEW = 20
"""Instances of a family and preset up to which a figure is preliminary."""
APART = 0.05
"""Share by which an agent's own count of tokens may differ from our proxy's."""


def caveats(read: Readings) -> list[str]:
    """The caveats of all runs together."""
    counted = [one for one in read.sat if one.counted]
    return [
        *_told_by_runs(read),
        *_small(counted),
        *_mixed(read),
        *_tracks(read),
        *_gaps(read, counted),
    ]


def _told_by_runs(read: Readings) -> Iterator[str]:
    """Those of the runs' own summaries, each once, with the number of runs that have it."""
    told: dict[str, list[Reading]] = {}
    for run in read.runs:
        for text in run.summary.get("caveats", []):
            told.setdefault(str(text), []).append(run)
    for text, runs in told.items():
        agents = sorted({run.run.agent for run in runs})
        whose = "" if len(runs) == len(read.runs) else f" (Runs of {', '.join(agents)}.)"
        yield f"{text}{whose}"


def _small(counted: Sequence[Sat]) -> Iterator[str]:
    played: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for one in counted:
        score = one.score
        played[score.family, score.preset, score.agent].add(score.instance)
    few = sum(len(names) <= FEW for names in played.values())
    if few:
        yield (
            f"Preliminary: {few} of {len(played)} rows rest on {FEW} instances or fewer of their "
            "family and preset."
        )
    exams: defaultdict[str, set[str]] = defaultdict(set)
    for one in counted:
        exams[one.score.agent].add(one.score.instance)
    if len({frozenset(names) for names in exams.values()}) > 1:
        yield (
            "The agents did not all play the same instances: means side by side differ by that "
            "too. `proctor compare --baseline AGENT` pairs them."
        )


def _mixed(read: Readings) -> Iterator[str]:
    """What should be one and is several."""
    runs = read.runs
    sat = read.sat
    yield from _several("kernel sandboxes", {s.score.sandbox for s in sat} - {"-"})
    yield from _several("versions of Proctor", _values(runs, lambda r: r.run.versions, "proctor"))
    yield from _several("versions of Python", _values(runs, lambda r: r.run.versions, "python"))
    tools = {run.run.tools_sha256[:12] for run in runs if run.run.tools_sha256}
    yield from _several("tool schemas that agents were offered", tools)
    for family, versions in _families(runs).items():
        yield from _several(f"versions of {family}", versions)
    setups: defaultdict[str, set[str]] = defaultdict(set)
    for one in sat:
        if one.setup is not None:
            setups[one.score.agent].add(one.setup.model_dump_json())
    several = sorted(agent for agent, found in setups.items() if len(found) > 1)
    if several:
        yield (
            f"Attempts of {', '.join(several)} differ in setup (program, model, prompt, settings "
            "or sandbox) under one name."
        )


def _tracks(read: Readings) -> Iterator[str]:
    """Where the settings are not those of the track that the runs' configuration names."""
    declared = read.labelled("track")
    played = {
        track([one.setup for one in read.sat if one.setup and one.score.agent == agent])
        for agent in read.agents
        if any(is_model(one.setup) for one in read.of(agent))
    }
    if declared and played - {*declared}:
        yield (
            f"The runs' configuration names the track {', '.join(declared)}; by their settings "
            f"they are of {', '.join(sorted(played))}, which is what rows say."
        )


def _gaps(read: Readings, counted: Sequence[Sat]) -> Iterator[str]:
    """What is not known."""
    scales = read.scales
    pairs = {(one.score.family, one.score.preset) for one in counted}
    bare = sorted(f"{f}:{p}" for f, p in pairs if not isinstance(scales.get((f, p)), Floor))
    if bare:
        yield f"No floor and ceiling for {', '.join(bare)}: no normalised score there."
    unknown = sorted({one.score.agent for one in counted if cost_usd(one) is None})
    if unknown:
        yield (
            f"The cost of attempts by {', '.join(unknown)} was not estimated; that is not the "
            "same as none."
        )
    cached = sum(one.usage is not None and one.usage.cached_requests > 0 for one in counted)
    if cached:
        yield (
            f"{cached} attempts had answers of the model from our own cache; their time is left "
            "out of every latency."
        )
    apart = sorted({one.score.agent for one in counted if _counted_apart(one)})
    if apart:
        yield (
            f"Tokens that {', '.join(apart)} reported differ by more than {APART:.0%} from what "
            "our proxy counted; the proxy's are shown."
        )
    missing = {run.run.agent: run.missing for run in read.runs if run.missing}
    if missing:
        told = ", ".join(f"{agent} {count}" for agent, count in sorted(missing.items()))
        yield f"Runs are not complete; attempts that were asked for and are missing: {told}."
    repeated = sum(len(run.set_aside) for run in read.runs)
    if repeated:
        yield f"{repeated} attempts were cut short and played again; they are in no mean."
    if read.left_out:
        yield f"No run and left out: {', '.join(read.left_out)}."


def _counted_apart(sat: Sat) -> bool:
    usage = sat.usage
    if usage is None or usage.tokens is None or usage.metered is None:
        return False
    return any(_differ(usage.tokens, usage.metered, name) for name in ("input", "output"))


def _differ(told: Tokens, metered: Tokens, name: str) -> bool:
    ours = getattr(metered, name)
    return abs(getattr(told, name) - ours) > APART * max(ours, 1)


def _several(what: str, found: Iterable[str]) -> Iterator[str]:
    values = sorted(found)
    if len(values) > 1:
        yield f"The runs have several {what}: {', '.join(values)}."


def _values(runs: Sequence[Reading], of: Callable[[Reading], JSON], name: str) -> set[str]:
    return {str(of(run)[name]) for run in runs if name in of(run)}


def _families(runs: Sequence[Reading]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for run in runs:
        for score in (one.score for one in run.sat):
            found[score.family].add(score.instance.partition("@")[2].partition(":")[0])
    return dict(sorted(found.items()))
