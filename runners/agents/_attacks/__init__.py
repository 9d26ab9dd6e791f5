"""Attacks that an agent can try from its seat: one file each, a row of the threat model or more."""

from runners.agents._attacks._attack import Attack as Attack
from tasks import Shelf

ATTACKS: Shelf[Attack] = Shelf(
    package="runners.agents._attacks", attribute="attack", kind=Attack, group="proctor.attacks"
)
