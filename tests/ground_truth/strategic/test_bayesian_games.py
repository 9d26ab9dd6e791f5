import asyncio
import contextlib
import io
import itertools
import json
import math
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from evaluators.measures.posterior import measure
from ground_truth import TRUTHS, Drawn, draw
from ground_truth.keys import PosteriorKey
from ground_truth.strategic._bayesian_relations import RELATIONS
from ground_truth.strategic.bayesian_games import POLICY_MAX, SIMPLE, posterior, shortcuts
from runners._solutions.strategic.bayesian_games import solve
from tasks import FAMILIES, InstanceId, Split
from tasks._answers import Malformed, validate
from tasks.strategic._bayesian_prose import SETTINGS
from tasks.strategic.bayesian_games import (
    TOLERANCE,
    Archive,
    BayesianPublic,
    Report,
    Style,
    Witness,
)

NAME = "strategic/bayesian_games"
FAMILY = FAMILIES.find(NAME)
TRUTH = TRUTHS.find(NAME)
PRESETS = list(FAMILY.presets)
STYLE = Style(
    setting="coast",
    order=("causes", "signals", "witnesses"),
    numbers="decimal",
    transposed=False,
    listed=True,
    voice="account",
)


def instance(seed: int, preset: str = "easy", split: Split = Split.PRIVATE) -> InstanceId:
    return InstanceId(NAME, FAMILY.version, preset, split, seed)


def simplex(size: int):
    numbers = st.lists(st.integers(1, 9), min_size=size, max_size=size)
    return numbers.map(lambda row: tuple(n / sum(row) for n in row))


@st.composite
def publics(draw_: DrawFn) -> BayesianPublic:
    k, m, w = draw_(st.integers(2, 3)), draw_(st.integers(2, 3)), draw_(st.integers(1, 2))
    rows = st.lists(simplex(m + 1), min_size=m, max_size=m).map(tuple)
    witnesses = tuple(Witness(name=f"w{i}", confusion=draw_(rows)) for i in range(w))
    event = st.dictionaries(st.integers(0, w - 1), st.integers(0, m), min_size=1).map(
        lambda seen: tuple(Report(witness=who, report=what) for who, what in sorted(seen.items()))
    )
    n = draw_(st.integers(1, 3))
    low = draw_(st.integers(0, n))
    archive = Archive(
        witness=draw_(st.integers(0, w - 1)),
        events=n,
        report=draw_(st.integers(0, m)),
        low=low,
        high=draw_(st.integers(low, n)),
    )
    return BayesianPublic(
        hypotheses=tuple(f"h{i}" for i in range(k)),
        prior=draw_(simplex(k)),
        signals=tuple(f"s{i}" for i in range(m)),
        rates=tuple(draw_(simplex(m)) for _ in range(k)),
        witnesses=witnesses,
        events=tuple(draw_(st.lists(event, min_size=1, max_size=3))),
        archives=draw_(st.sampled_from([(), (archive,)])),
        digits=3,
        style=STYLE,
    )


def brute_force(public: BayesianPublic) -> list[float]:
    """Sum the joint probability over every hidden signal of every event, archives included."""
    k, m = len(public.prior), len(public.signals)
    joint = []
    for h in range(k):
        total = 0.0
        for hidden in itertools.product(range(m), repeat=len(public.events)):
            p = public.prior[h]
            for signal, event in zip(hidden, public.events, strict=True):
                p *= public.rates[h][signal]
                for seen in event:
                    p *= public.witnesses[seen.witness].confusion[signal][seen.report]
            total += p
        for archive in public.archives:
            within = 0.0
            for pairs in itertools.product(
                itertools.product(range(m), range(m + 1)), repeat=archive.events
            ):
                count = sum(r == archive.report for _, r in pairs)
                if archive.low <= count <= archive.high:
                    within += math.prod(
                        public.rates[h][s] * public.witnesses[archive.witness].confusion[s][r]
                        for s, r in pairs
                    )
            total *= within
        joint.append(total)
    return [p / sum(joint) for p in joint]


@settings(max_examples=40, deadline=None)
@given(publics())
def test_posterior_is_bayes_rule_by_enumeration(public: BayesianPublic) -> None:
    exact = posterior(public)
    assert exact.sum() == pytest.approx(1.0, abs=1e-12)
    assert (exact >= 0).all()
    assert exact == pytest.approx(brute_force(public), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(publics(), st.randoms(use_true_random=False))
def test_permuting_the_labels_permutes_the_posterior(
    public: BayesianPublic, random: Random
) -> None:
    order = list(range(len(public.prior)))
    random.shuffle(order)
    turned = public.model_copy(
        update={
            "hypotheses": tuple(public.hypotheses[i] for i in order),
            "prior": tuple(public.prior[i] for i in order),
            "rates": tuple(public.rates[i] for i in order),
        }
    )
    assert posterior(turned) == pytest.approx(posterior(public)[order], abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(publics(), st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(public: BayesianPublic, random: Random) -> None:
    events = list(public.events)
    random.shuffle(events)
    turned = public.model_copy(update={"events": tuple(events)})
    assert posterior(turned) == pytest.approx(posterior(public), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(publics(), st.sampled_from(sorted(RELATIONS)), st.integers(0, 99))
def test_a_related_instance_has_the_related_posterior(
    public: BayesianPublic, name: str, seed: int
) -> None:
    coast = SETTINGS["coast"]
    named = public.model_copy(
        update={
            "hypotheses": coast.causes[: len(public.hypotheses)],
            "signals": coast.signals[: len(public.signals)],
            "witnesses": tuple(
                w.model_copy(update={"name": coast.witnesses[i]})
                for i, w in enumerate(public.witnesses)
            ),
        }
    )
    key = PosteriorKey(posterior=tuple(posterior(named).tolist()))
    way = RELATIONS[name](Drawn(named, key), np.random.default_rng(seed))
    turned: BayesianPublic = way.drawn.public
    assert posterior(turned) == pytest.approx(way.drawn.key.posterior, abs=1e-12)
    assert way.restore(TRUTH.oracle(way.drawn.key)) == TRUTH.oracle(key)
    for policy in TRUTH.policies.values():
        answer = policy(turned, np.random.default_rng(seed))
        there = measure.score(answer, way.drawn.key)
        assert measure.score(way.restore(answer), key).ability == pytest.approx(there.ability)


@pytest.mark.parametrize("name", sorted(RELATIONS))
def test_a_relation_changes_what_the_agent_reads(name: str) -> None:
    base = draw(instance(0, "hard"), b"secret")
    way = RELATIONS[name](base, np.random.default_rng(0))
    assert FAMILY.brief(way.drawn.public).prompt != FAMILY.brief(base.public).prompt


def test_a_paraphrase_leaves_no_sentence_of_the_rules_as_it_was() -> None:
    base = draw(instance(0, "hard"), b"secret")
    way = RELATIONS["paraphrase"](base, np.random.default_rng(0))
    one, two = (
        FAMILY.brief(p).prompt.split("## What is asked")[0] for p in (base.public, way.drawn.public)
    )
    before = {line for line in one.splitlines() if len(line) > 40 and line[0] not in "|-"}
    assert before
    assert not before & set(two.splitlines())


def test_one_perfect_witness_is_plain_bayes() -> None:
    perfect = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    public = BayesianPublic(
        hypotheses=("A", "B"),
        prior=(0.8, 0.2),
        signals=("x", "y"),
        rates=((0.7, 0.3), (0.4, 0.6)),
        witnesses=(Witness(name="eye", confusion=perfect),),
        events=((Report(witness=0, report=0),), (Report(witness=0, report=1),)),
        archives=(),
        digits=2,
        style=STYLE,
    )
    assert posterior(public)[0] == pytest.approx(0.8 * 0.21 / (0.8 * 0.21 + 0.2 * 0.24))


@pytest.mark.parametrize("preset", PRESETS)
def test_stated_numbers_are_exact_and_every_complication_matters(preset: str) -> None:
    for seed in range(6):
        drawn = draw(instance(seed, preset), b"secret")
        public, params = drawn.public, FAMILY.presets[preset]
        rows = [public.prior, *public.rates, *(r for w in public.witnesses for r in w.confusion)]
        for row in rows:
            units = [p * 10**params.digits for p in row]
            assert all(u == pytest.approx(round(u), abs=1e-6) for u in units)
            assert sum(round(u) for u in units) == 10**params.digits
        exact = np.array(drawn.key.posterior)
        for name, answer in shortcuts(public):
            assert 0.5 * np.abs(answer - exact).sum() > TOLERANCE, name
        for name, policy in SIMPLE.items():
            assert 1.0 - 0.5 * np.abs(policy(public) - exact).sum() <= POLICY_MAX, name


@pytest.mark.parametrize("preset", PRESETS)
def test_an_instance_follows_from_its_id_and_the_secret(preset: str) -> None:
    mine, yours = draw(instance(1, preset), b"mine"), draw(instance(1, preset), b"yours")
    assert mine.public != yours.public
    assert mine == draw(instance(1, preset), b"mine")
    public_split = instance(1, preset, Split.PUBLIC)
    assert draw(public_split, b"mine") == draw(public_split, b"yours")


def test_prompt_discloses_objective_tolerance_and_order_of_labels() -> None:
    for seed, preset in enumerate(PRESETS):
        public = draw(instance(seed, preset), b"secret").public
        prompt = FAMILY.brief(public).prompt
        schema = json.dumps(FAMILY.answer(public).model_json_schema())
        assert "TV <= 0.05" in prompt.replace("≤", "<=")
        assert ", ".join(public.hypotheses) in prompt
        position = [schema.index(name) for name in public.hypotheses]
        assert position == sorted(position)


def test_the_wording_varies_between_instances() -> None:
    styles = {draw(instance(seed), b"secret").public.style for seed in range(24)}
    assert len({s.setting for s in styles}) > 3
    assert {s.numbers for s in styles} == {"decimal", "percent", "parts"}
    assert {s.listed for s in styles} == {True, False}
    assert {s.voice for s in styles} == {"account", "protocol"}


@pytest.mark.parametrize(
    "answer",
    [
        {"posterior": [0.5, 0.25, 0.26]},
        {"posterior": [0.5, 0.25, 0.125, 0.125]},
        {"posterior": [0.5, 0.5]},
        {"posterior": [-0.5, 1.5, 0.0]},
        {"posterior": [True, False, False]},
        {"posterior": ["0.5", "0.5", "0"]},
        {"posterior": [0.5, 0.25, 0.25], "note": "extra"},
        {"posterior": [float("nan"), 1.0, 0.0]},
        {"posterior": {"a": 1}},
        {},
        [],
        None,
        "[0.5, 0.25, 0.25]",
    ],
)
def test_answers_of_another_shape_are_refused(answer: object) -> None:
    model = FAMILY.answer(draw(instance(0), b"secret").public)
    assert not isinstance(validate(model, {"posterior": [0.5, 0.25, 0.25]}), Malformed)
    assert isinstance(validate(model, answer), Malformed)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_honest_solution_computes_the_posterior_in_its_cells(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = draw(instance(3, preset), b"secret")
    text = FAMILY.brief(drawn.public)
    (tmp_path / "task").mkdir()
    for name, data in text.files.items():
        (tmp_path / "task" / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    state: dict[str, object] = {}

    async def execute(code: str) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, state)
        return out.getvalue()

    answer = asyncio.run(solve({}, execute))
    assert answer["posterior"] == pytest.approx(list(drawn.key.posterior), abs=1e-9)
