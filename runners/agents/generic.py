"""Any other agent CLI, by a template: `generic:opencode`, `generic:qwen+model=scripted`.

`generic:PATH.yaml` takes a template of one's own; `_templates.py` says what stands in one. Options
are those of every CLI, and `+model=…`: what stands after the colon is the template.
"""

from collections.abc import Sequence
from dataclasses import replace

from runners._booth import cli_agent
from runners._core import Agent, Seat
from runners.agents._templates import READY, template
from tasks import UsageError

_NAMED = f"generic:{'|'.join(sorted(path.stem for path in READY.glob('*.yaml')))}|PATH.yaml"


async def play(seat: Seat) -> None:
    """Refuse: `generic` alone names no CLI."""
    ready(())


def ready(families: Sequence[str]) -> None:
    """Refuse a suite: `generic` alone names no CLI."""
    raise UsageError(f"The agent `generic` needs a template: {_NAMED}.")


def variant(text: str) -> Agent:
    """The agent `generic:text`: a template, then options.

    Raises:
        UsageError: no such template, something wrong in it, or in the options.
    """
    name, *options = text.split("+")
    model = [option for option in options if option.startswith("model=")]
    if len(model) > 1:
        raise UsageError("The option +model is given twice; once says it.")
    rest = [option for option in options if option not in model]
    asked = "+".join([model[0].removeprefix("model=") if model else "", *rest])
    made = cli_agent(template(name).tool())
    assert made.variant is not None, "every CLI has variants"
    return replace(made.variant(asked), variant=variant)


agent = Agent(
    summary=f"another agent CLI by a template: {_NAMED}", play=play, ready=ready, variant=variant
)
