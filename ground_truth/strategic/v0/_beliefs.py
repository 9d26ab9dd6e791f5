"""Key of the two published families that ask for a posterior."""

from typing import Literal

from ground_truth.strategic.v0._form import PublishedKey


class BeliefKey(PublishedKey):
    """A list of probabilities is asked for."""

    name: Literal["posterior", "regime_posterior"]
    """Field of the response that holds it."""
    exact: tuple[float, ...]
    """The exact posterior, full precision."""
