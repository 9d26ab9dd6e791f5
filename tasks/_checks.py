"""One promise that was checked; what `proctor tasks check` shows and conformance tests assert."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """A promise, and whether it holds."""

    promise: str
    holds: bool
    detail: str = ""
    """What was seen where it does not hold."""
