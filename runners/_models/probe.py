"""One tiny call of a model: does it answer?"""

import random
import time
from dataclasses import dataclass, replace
from types import MappingProxyType

import httpx2
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelAPIError, UnexpectedModelBehavior
from pydantic_ai.messages import ModelRequest, UserPromptPart

from runners._models.choice import Choice
from runners._models.opening import Shared
from tasks import UsageError

ASKED = "Answer with the one word: ready"
TOKENS = 16
"""Output tokens at most; the least that every provider takes."""
MAX_ERROR = 400


@dataclass(frozen=True)
class Probed:
    """How it went."""

    seconds: float
    error: str = ""
    """Without the key; '' if it answered."""


async def probe(choice: Choice) -> Probed:
    """Ask a model for one word, once; a retry would hide what is wrong."""
    options = {key: value for key, value in choice.options.items() if key != "thinking"}
    brief = MappingProxyType({"retries": 0, "timeout": 60.0, **options, "max_tokens": TOKENS})
    began = time.monotonic()
    error = ""
    try:
        async with Shared(replace(choice, options=brief)).line(random.Random(0)) as line:  # noqa: S311
            message = ModelRequest(parts=[UserPromptPart(ASKED)])
            try:
                await model_request(line.model, [message], model_settings=line.settings)
            except (ModelAPIError, UnexpectedModelBehavior, httpx2.HTTPError) as failure:
                text = " ".join(f"{type(failure).__name__}: {failure}".split())
                error = line.secret.taken_out(text)[:MAX_ERROR]
    except UsageError as failure:
        error = str(failure)
    return Probed(round(time.monotonic() - began, 3), error)
