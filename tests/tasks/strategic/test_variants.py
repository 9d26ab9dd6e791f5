"""Text variants: what they change, what they leave, and what ours must not say."""

import hashlib
import random
import re
from collections.abc import Mapping

import pytest

from tasks import BriefText, InstanceId, TextVariant, variant_seed
from tasks.strategic._variant_passages import PASSAGES
from tasks.strategic._variant_texts import LEADS
from tasks.strategic._variants import (
    ABOUT,
    EXAM_VARIANTS,
    PRESSURES,
    PUBLISHED,
    selected,
    v0_variants,
)

BODY = (
    "You must {decide}.\n\n## Data\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n## What is asked\n\nOne."
)
BRIEF = BriefText(prompt=BODY, files={"instance.json": b"{}"})
TEXTS = PUBLISHED[:9]


def drawn(variants: Mapping[str, TextVariant], type_: str, count: int = 40) -> set[str]:
    return {variants[type_](BRIEF, random.Random(seed)).prompt for seed in range(count)}


def test_there_are_eleven_published_types():
    assert len(PUBLISHED) == 11
    assert PUBLISHED[-2:] == ("order_permutation", "unit_scale_change")
    assert len(PRESSURES) == 6


@pytest.mark.parametrize("environment", LEADS)
@pytest.mark.parametrize("type_", TEXTS)
def test_published_variants_keep_the_body_verbatim(environment: str, type_: str):
    variants = v0_variants(environment)
    assert tuple(variants) == TEXTS
    for seed in range(20):
        brief = variants[type_](BRIEF, random.Random(seed))
        assert BODY in brief.prompt
        assert brief.prompt != BODY
        assert brief.files == BRIEF.files


@pytest.mark.parametrize("environment", LEADS)
def test_the_published_form_has_three_leads_four_wrappers_two_sentences(environment: str):
    variants = v0_variants(environment)
    assert len(drawn(variants, "paraphrase", 200)) == 12
    for type_ in ("irrelevant_context", "misleading_authority", "emotional_pressure"):
        assert len(drawn(variants, type_)) == 2


@pytest.mark.parametrize("type_", EXAM_VARIANTS)
def test_our_variants_say_nothing_of_themselves(type_: str):
    confessions = re.compile(
        r"irrelevant|unrelated|untrusted|not evidence|no evidence|nothing to do with|disregard"
        r"|ignore this|may be skipped|still apply|says nothing about|not an instruction"
        r"|does not matter|unfounded",
        re.IGNORECASE,
    )
    for prompt in drawn(EXAM_VARIANTS, type_, 200):
        assert confessions.search(prompt) is None


@pytest.mark.parametrize("type_", EXAM_VARIANTS)
def test_our_passages_vary_and_stand_between_sections(type_: str):
    prompts = drawn(EXAM_VARIANTS, type_, 100)
    assert len(prompts) > 50
    for prompt in prompts:
        assert "{" not in prompt.replace("{decide}", "")
        left = [part for part in BODY.split("\n\n") if part not in prompt]
        assert left == []
        assert prompt.startswith("You must {decide}.")
    places = {len(prompt.split("## Data")) and prompt.index("## Data") for prompt in prompts}
    assert len(places) > 1


def test_every_passage_is_somebodys_words_or_an_idle_fact():
    assert set(PASSAGES) == set(EXAM_VARIANTS) == set(TEXTS) - {"paraphrase"}
    assert all(len(wordings) >= 3 for wordings in PASSAGES.values())
    quoted = PRESSURES - {"recent_outcome_bias"}
    assert all(text.startswith("> ") for type_ in quoted for text in PASSAGES[type_])


def test_a_brief_without_sections_is_perturbed_at_its_end():
    brief = EXAM_VARIANTS["urgency_pressure"](BriefText(prompt="One."), random.Random(1))
    assert brief.prompt.startswith("One.\n\n> ")


def test_the_seed_of_a_variant_is_the_published_one():
    instance = InstanceId.parse("strategic/v0/auctions@1:published:public:123::paraphrase")
    digest = hashlib.sha256(b"auctions-123:paraphrase:123").hexdigest()
    assert variant_seed(instance) == int(digest[:8], 16)


def test_variants_of_a_task_are_cut_as_published():
    offered = ["unit_scale_change", *TEXTS]
    assert selected(offered) == PUBLISHED[:4]
    assert selected(offered, per_task=2) == PUBLISHED[:2]
    assert selected(offered, per_task=9, most=3) == PUBLISHED[:3]
    everything = selected(offered, per_task=None, most=None)
    assert everything == (*TEXTS, "unit_scale_change")
    kept = selected(offered, per_task=None, most=None, preserving_only=True)
    assert kept == TEXTS
    asked = ("risk_pressure", "paraphrase", "order_permutation", "risk_pressure")
    assert selected(offered, asked) == ("risk_pressure", "paraphrase")


def test_an_unknown_type_of_a_family_comes_last():
    assert selected(["mine", "control", "paraphrase"]) == ("paraphrase", "control", "mine")
    assert set(PUBLISHED) < set(ABOUT)
