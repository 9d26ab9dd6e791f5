"""Weak items first, sharp ones when the ability is known: a-stratified (Chang and Ying 1999).

Items are put into strata by their sharpness (the most information they can give); as the test goes
on the stratum rises, and within it the item is asked that peaks nearest to the ability. Sharp items
are not spent while the estimate is poor, and weak ones get asked at all.
"""

from typing import ClassVar

import numpy as np

from evaluators.irt._responses import Floats
from evaluators.irt.adaptive._rule import Rule, Standing

STRATA = 4


class Stratified(Rule):
    """See the module."""

    name: ClassVar[str] = "stratified"
    summary: ClassVar[str] = "a-stratified: weak items first, peaked near the ability; sharp later."

    def worth(self, standing: Standing) -> Floats:
        """Nearness of the peak to the ability, 1 higher in each stratum nearer to the due one."""
        curves = standing.curves
        sharpness = curves.information.max(axis=1)
        peak = curves.grid[curves.information.argmax(axis=1)]
        # Ranks within bins of the peak keep difficulty alike over strata (Chang, Qian, Ying 2001).
        order = np.argsort(peak, kind="stable")
        stratum = np.zeros(len(peak), dtype=np.int64)
        for low in range(0, len(order), STRATA):
            those = order[low : low + STRATA]
            stratum[those[np.argsort(sharpness[those], kind="stable")]] = np.arange(len(those))
        due = min(STRATA * len(standing.asked) // max(standing.length, 1), STRATA - 1)
        return STRATA - np.abs(stratum - due) + np.exp(-np.abs(peak - standing.theta))


rule = Stratified()
