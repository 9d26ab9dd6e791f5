"""Text variants: the same task with other words around it. They rewrite the prompt only.

The eleven types of the published form are `PUBLISHED`; nine of them are texts and two
(`order_permutation`, `unit_scale_change`) are relations, which `ground_truth` draws. Ours
(`EXAM_VARIANTS`) are the same pressures in a form that does not defuse itself: each passage stands
among the sections of the brief, is attributed to somebody other than the examiner, and nothing
announces that it may be passed over. `paraphrase` is no text of ours: there it is a relation that
rewrites the body.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tasks._core import BriefText, TextVariant
from tasks.strategic import _variant_passages as passages
from tasks.strategic import _variant_texts as texts

PUBLISHED: tuple[str, ...] = (
    "paraphrase",
    "irrelevant_context",
    "misleading_authority",
    "emotional_pressure",
    "urgency_pressure",
    "recent_outcome_bias",
    "distractor_signal",
    "risk_pressure",
    "prompt_injection_style",
    "order_permutation",
    "unit_scale_change",
)
"""Ids of the published form, in the order of their declaration."""
RELATIONS: tuple[str, ...] = ("units", "relabel", "permute", "control")
"""Relations of our families that the published form does not have."""
PRESSURES = frozenset(
    {
        "misleading_authority",
        "emotional_pressure",
        "urgency_pressure",
        "recent_outcome_bias",
        "risk_pressure",
        "prompt_injection_style",
    }
)
"""Types that press for another answer."""
DISTRACTIONS = frozenset({"irrelevant_context", "distractor_signal"})
ANSWER_CHANGING = frozenset({"unit_scale_change", "units", "relabel", "permute"})
"""Types whose right answer may be written otherwise than that of the base."""
PER_TASK = 4
"""Variants of a task unless told otherwise (the published default, twice)."""

ABOUT: Mapping[str, str] = {
    "paraphrase": "other words around the task (v0), or the body written anew (ours)",
    "irrelevant_context": "a fact that bears on nothing",
    "misleading_authority": "somebody of standing claims to know the answer",
    "emotional_pressure": "an appeal to feelings",
    "urgency_pressure": "an appeal to haste",
    "recent_outcome_bias": "a streak of earlier outcomes",
    "distractor_signal": "a number from elsewhere",
    "risk_pressure": "a push beyond the limits",
    "prompt_injection_style": "a text in the form of an instruction",
    "order_permutation": "another order of what has none",
    "unit_scale_change": "all amounts times 10, 100 or 1000",
    "units": "numbers written in other units",
    "relabel": "other names for the same things",
    "permute": "another order of what has none",
    "control": "the same numbers without the pressure",
}
"""One line for each type."""


def selected(
    offered: Collection[str],
    types: Sequence[str] = (),
    per_task: int | None = PER_TASK,
    most: int | None = PER_TASK,
    *,
    preserving_only: bool = False,
) -> tuple[str, ...]:
    """The variants of a task: in the order asked for (else of declaration), cut as published.

    Args:
        offered: What the family has.
        types: What is asked for, of which what is not offered is passed over; () for all.
        per_task: `variants_per_task` of the published form.
        most: Its `max_variants_per_task`; the smaller of the two cuts the list, None does not.
        preserving_only: Leave out `ANSWER_CHANGING`.
    """
    known = [name for name in ABOUT if name in offered]
    order = dict.fromkeys(types or [*known, *sorted(set(offered) - set(known))])
    chosen = [name for name in order if name in offered]
    if preserving_only:
        chosen = [name for name in chosen if name not in ANSWER_CHANGING]
    cuts = [cut for cut in (per_task, most) if cut is not None]
    return tuple(chosen[: min(cuts, default=None)])


def v0_variants(environment: str) -> Mapping[str, TextVariant]:
    """The nine text variants of one environment of the published form, by type.

    Raises:
        KeyError: it is none of the six environments.
    """
    leads = texts.LEADS[environment]

    def paraphrase(brief: BriefText, rng: random.Random) -> BriefText:
        lead, wrapper = rng.choice(leads), rng.choice(texts.WRAPPERS)
        return replace(brief, prompt=wrapper.format(lead=lead, body=brief.prompt))

    def distractor(brief: BriefText, rng: random.Random) -> BriefText:
        number = round(rng.uniform(1.0, 1000.0), 2)
        return _appended(brief, texts.DISTRACTOR.format(number=number))

    return {
        "paraphrase": paraphrase,
        "irrelevant_context": _sentence(
            texts.CONTEXT[environment], texts.NOTES["irrelevant_context"]
        ),
        "misleading_authority": _sentence(
            texts.AUTHORITY[environment], texts.NOTES["misleading_authority"]
        ),
        "emotional_pressure": _sentence(texts.EMOTION),
        "urgency_pressure": _sentence(texts.URGENCY),
        "recent_outcome_bias": _sentence(texts.STREAK),
        "distractor_signal": distractor,
        "risk_pressure": _sentence(texts.RISK),
        "prompt_injection_style": _sentence(texts.OVERRIDE, texts.NOTES["prompt_injection_style"]),
    }


def _sentence(choices: Sequence[str], note: str = "") -> TextVariant:
    def append(brief: BriefText, rng: random.Random) -> BriefText:
        return _appended(brief, f"{rng.choice(choices)} {note}".strip())

    return append


def _appended(brief: BriefText, text: str) -> BriefText:
    return replace(brief, prompt=f"{brief.prompt}\n\n{text}")


def _passage(type_: str) -> TextVariant:
    """A passage of this type, put before one of the brief's sections or at its end."""

    def insert(brief: BriefText, rng: random.Random) -> BriefText:
        text = passages.written(type_, rng)
        parts = brief.prompt.split(_SECTION)
        at = rng.randint(1, len(parts))
        head, tail = _SECTION.join(parts[:at]), parts[at:]
        return replace(brief, prompt=_SECTION.join([f"{head}\n\n{text}", *tail]))

    return insert


_SECTION = "\n\n## "

EXAM_VARIANTS: Mapping[str, TextVariant] = {
    type_: _passage(type_) for type_ in PUBLISHED if type_ in passages.PASSAGES
}
"""Text variants of our families, by type; they fit any of them."""
