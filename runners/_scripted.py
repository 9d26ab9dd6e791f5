"""Options of the model `scripted`, as every agent that may have it spells them."""

from runners._spelling import Reader
from tasks import UsageError


def script(text: str) -> str:
    """The reader of `+script=`."""
    from runners.scripted_model import SCRIPTS  # a web server comes with it

    if text not in SCRIPTS.names():
        raise ValueError(f"one of {', '.join(SCRIPTS.names())}")
    return text


def faults(text: str) -> str:
    """The reader of `+faults=`."""
    from runners.scripted_model import Faults

    try:
        Faults.parse(text)
    except UsageError as error:
        raise ValueError(f"a plan of faults, such as 429x2/500. {error}") from None
    return text


OPTIONS: dict[str, Reader] = {"script": script, "faults": faults}
