"""Weak priors of working parameters: independent normals.

They keep what the data say little of (the slope of an item that everybody failed) from running
away, and weigh about as much as a handful of agents. Bayes modal estimation with such priors on
log slope, intercept and logit asymptote is Mislevy's (1986, Psychometrika 51, 177-195).
"""

from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats


@dataclass(frozen=True)
class NormalPrior:
    """Independent normal densities, one a column of the working parameters."""

    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def of(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Log density (J,), gradient (J, p) and curvature -d2 (J, p, p) at (J, p)."""
        sd = np.array(self.sd)
        z = (x - np.array(self.mean)) / sd
        log_density = -0.5 * (z * z).sum(axis=1) - np.log(sd * np.sqrt(2.0 * np.pi)).sum()
        curvature = np.broadcast_to(np.diag(sd**-2.0), (len(x), len(sd), len(sd)))
        return log_density, -z / sd, curvature.copy()
