"""The words that `direct` and `reflective` give a model beside the brief; hashed into the record.

The rules are the published ones: one JSON object, no hidden reasoning asked for, keep to limits,
abstain where the task allows it and says too little, all of it synthetic.
"""

import hashlib
import json
from collections.abc import Mapping

from tasks import JSON

RULES = """You sit one exam, without tools and without files. Work it out, then give your answer \
as one JSON object that fits the schema, with a short summary of your reasoning before it at most. \
Keep to every limit that the task states; where it lets you abstain and is underspecified, \
abstain. Everything in it is synthetic; nothing is advice. Nobody answers questions."""

CRITIQUE = """Look at your draft as a strict examiner would: in one or two sentences, what in it \
may be wrong, against which sentence of the task? Do not give a new answer yet."""

REVISE = """Now give your final answer: one JSON object that fits the schema, revised where your \
critique calls for it, and nothing after it."""


HAND_IN = """You have not handed in yet. Call submit_answer with your answer (in an episode: act \
until it is over); plain text is not read."""

TOOL_FIRST = """Not yet: use one of the other tools on this task first, then answer."""

LAST = """This is your last call: hand in your answer now by submit_answer."""


def opening(brief: Mapping[str, JSON]) -> str:
    """The first message: the brief's own prompt, the schema, and for an episode where it stands."""
    schema = json.dumps(brief["answer_schema"], ensure_ascii=False)
    if not brief["episode"]:
        return f"Task: {brief['task']}\n\n{brief['prompt']}\n\nThe schema of the answer:\n{schema}"
    return (
        f"Task: {brief['task']}\n\n{brief['prompt']}\n\nIt is played in steps. Each of your "
        "messages ends in exactly one action, a JSON that fits this schema; you are then shown "
        f"what came of it.\n{schema}\n\n{shown(brief['observation'])}"
    )


def shown(observation: JSON) -> str:
    """What an episode shows before a step."""
    return f"You are shown:\n{json.dumps(observation, ensure_ascii=False)}\n\nYour action:"


def refused(text: str) -> str:
    """What the server said of an answer that it did not take."""
    return f"That was not accepted: {text}\n\nGive the whole answer again, repaired, as one JSON."


def words_sha256(*more: str) -> str:
    """Hash of the words, those of the mode included."""
    return hashlib.sha256("\n\n".join((RULES, *more)).encode()).hexdigest()
