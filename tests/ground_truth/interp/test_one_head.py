import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

import ground_truth
from evaluators.measures.edges import measure
from ground_truth import Drawn
from ground_truth.interp._circuits import opened
from ground_truth.interp.one_head import truth
from ground_truth.keys import EdgeSetKey
from ground_truth.organisms._forward import run
from ground_truth.organisms._planting import MARGIN, OTHERS_AT_MOST, TRUE_AT_LEAST
from tasks import FAMILIES, InstanceId, Split
from tasks.interp.one_head import OneHeadPublic, family

NAME = "interp/one_head"
SECRET = b"s" * 32
Instance = Drawn[OneHeadPublic, EdgeSetKey]


def instance(preset: str, seed: int, secret: bytes = SECRET) -> Instance:
    return ground_truth.draw(InstanceId(NAME, family.version, preset, Split.PRIVATE, seed), secret)


@pytest.fixture(scope="module", params=[(p, s) for p in family.presets for s in range(2)])
def drawn(request: pytest.FixtureRequest) -> Instance:
    return instance(*request.param)


def hub(key: EdgeSetKey) -> str:
    """The circuit's head."""
    (head,) = {edge.partition("->")[0] for edge in key.edges if edge.endswith("->logits")}
    return head


def test_the_circuit_is_one_head_between_embeddings_and_logits(drawn: Instance) -> None:
    head = hub(drawn.key)
    assert 3 <= len(drawn.key.edges) <= 5
    assert f"{head}->logits" in drawn.key.edges
    assert f"tok->{head}<v>" in drawn.key.edges
    for edge in drawn.key.edges - {f"{head}->logits"}:
        source, _, target = edge.partition("->")
        assert source in ("tok", "pos")
        assert target.partition("<")[0] == head
    assert drawn.key.universe == set(drawn.public.universe.edges())
    assert drawn.key.neutral.isdisjoint(drawn.key.edges)


def test_no_effect_lies_between_the_true_edges_and_the_others(drawn: Instance) -> None:
    for edge, effect in drawn.key.effects.items():
        inside = edge in drawn.key.edges
        assert abs(effect) >= TRUE_AT_LEAST if inside else abs(effect) <= OTHERS_AT_MOST
    preset = family.presets
    weak = drawn.public.model.n_layers == preset["hard"].layers
    others = {e: x for e, x in drawn.key.effects.items() if e not in drawn.key.edges}
    # Where there are no weak bystanders, everything else does exactly nothing.
    assert any(abs(effect) > 1e-6 for effect in others.values()) == weak


@pytest.mark.parametrize("preset", ["easy", "medium"])
def test_inert_heads_are_louder_than_the_circuit_on_the_whole(preset: str) -> None:
    ratios: list[float] = []
    for case in (instance(preset, seed) for seed in range(12)):
        weights, pairs = opened(case.public)
        writes = run(weights, pairs.clean).writes.items()
        sizes = {n: float(np.linalg.norm(w, axis=-1).mean()) for n, w in writes if ".h" in n}
        own = sizes.pop(hub(case.key))
        # The loudest head is never the one: who looks for size finds a bystander.
        assert max(sizes.values()) > own
        ratios.append(float(np.mean(list(sizes.values()))) / own)
    assert np.mean(ratios) > 1.0


def test_the_model_answers_clearly_in_both_runs(drawn: Instance) -> None:
    weights, pairs = opened(drawn.public)
    clean = run(weights, pairs.clean).logits(weights, pairs.at)
    other = run(weights, pairs.counterfactual, pairs.positions).logits(weights, pairs.at)
    best = np.partition(clean, -2, axis=1)
    assert (clean.argmax(1) == pairs.clean_answer).all()
    assert (other.argmax(1) == pairs.counterfactual_answer).all()
    assert (best[:, -1] - best[:, -2]).min() >= MARGIN
    assert len(pairs.clean) >= 64
    assert (pairs.clean_answer != pairs.counterfactual_answer).all()


def test_reference_and_oracle_reach_the_ceiling(drawn: Instance) -> None:
    for answer in (truth.reference(drawn.public), truth.oracle(drawn.key)):
        marks = measure.score(answer, drawn.key)
        assert marks.ability == 1.0
        assert marks.passed


@pytest.mark.parametrize("preset", ["easy", "medium"])
def test_no_fixed_policy_comes_near_a_pass(preset: str) -> None:
    rng = np.random.default_rng(0)
    seeds = [instance(preset, seed) for seed in range(16)]
    for name, policy in truth.policies.items():
        scores = [measure.score(policy(d.public, rng), d.key).ability for d in seeds]
        assert np.mean(scores) < 0.4, name


def test_noise_spoils_the_answer_by_its_level() -> None:
    found = instance("easy", 0)
    answer = truth.oracle(found.key)
    rng = np.random.default_rng(0)
    assert truth.noisy(answer, found.public, rng, 0.0) == answer
    spoiled = truth.noisy(answer, found.public, rng, 1.0)
    assert measure.score(spoiled, found.key).ability < 0.5


def test_weights_betray_nothing_by_zeros_ranks_or_types(drawn: Instance) -> None:
    stored = load(drawn.public.weights)
    for name, array in stored.items():
        assert array.dtype == np.float32
        bias = name.rpartition(".")[2].startswith("b_") and not name.endswith("b_in")
        assert array.any() != bias, name
        assert bias or (array != 0).all(), name
    weights, _ = opened(drawn.public)
    head = hub(drawn.key)
    layer, index = (int(part) for part in head[1:].split(".h"))
    values = np.linalg.svd(weights.v @ weights.o, compute_uv=False)
    flat = values / values[..., :1]
    ranks = (flat > 1e-4).sum(-1)
    # The copy map has the same rank in every head, so that rank tells none apart.
    assert (ranks == ranks[layer, index]).all()


def test_files_say_no_more_than_the_public_half(drawn: Instance) -> None:
    files = family.brief(drawn.public).files
    assert set(files) == {"instance.json", "model.json", "model.safetensors", "data.safetensors"}
    told = files["instance.json"].decode()
    assert "effects" not in told
    assert "->" not in told


def test_prompt_states_everything_that_is_graded(drawn: Instance) -> None:
    prompt = family.brief(drawn.public).prompt
    size = f"{len(drawn.public.universe.edges()):,} candidate edges"
    for fact in (size, "IoU ≥ 0.8", "src->a1.h2<q>", "clean_tokens", "kit.load_model()"):
        assert fact in prompt
    for method in ("patch", "ablat", "ACDC", "attribution"):
        assert method not in prompt


def test_heads_lie_anywhere() -> None:
    places = {hub(instance("easy", seed).key) for seed in range(24)}
    assert len(places) >= 4


def test_another_secret_gives_another_instance() -> None:
    assert instance("easy", 0).public.weights != instance("easy", 0, b"t" * 32).public.weights


DIGEST = """
import hashlib, ground_truth
from tasks import InstanceId
drawn = ground_truth.draw(InstanceId.parse({id!r}), {secret!r})
text = drawn.public.model_dump_json() + repr(sorted(drawn.key.edges)) + repr(drawn.key.effects)
print(hashlib.sha256(text.encode()).hexdigest())
"""


def digest(drawn: Instance) -> str:
    key = drawn.key
    text = drawn.public.model_dump_json() + repr(sorted(key.edges)) + repr(key.effects)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("preset", ["easy", "expert"])
def test_same_id_and_secret_give_the_same_bytes_in_any_process(preset: str) -> None:
    name = InstanceId(NAME, family.version, preset, Split.PRIVATE, 7)
    here = digest(instance(preset, 7))
    environment = {**os.environ, "PYTHONHASHSEED": "123", "OMP_NUM_THREADS": "2"}
    there = subprocess.run(
        [sys.executable, "-c", DIGEST.format(id=str(name), secret=SECRET)],
        capture_output=True, text=True, check=True, timeout=60, env=environment,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert there.stdout.strip() == here


def test_the_family_is_in_the_circuits_suite() -> None:
    assert "circuits" in FAMILIES.find(NAME).tags
