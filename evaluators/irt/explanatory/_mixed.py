"""Linear mixed model of estimates with known standard errors, by restricted maximum likelihood.

    y = mu + sum_k Z_k g_k + u + e,   g_k ~ N(0, v_k I),   u ~ N(0, v_u I),   e_i ~ N(0, se_i^2)

Blocks Z_k are standardised features (a ridge whose penalty is estimated) or indicators of a label
(random effects of an LLM, of a scaffold). n rows, q columns of all blocks together; the cost is
n q^2, never n^3 (Woodbury). Source: Patterson & Thompson (1971); as meta-regression with known
sampling variances, Raudenbush & Bryk (1985).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats, Ints
from tasks import UsageError

SMALL = 1e-8
"""Floor of a variance component, relative to the variance of y."""


@dataclass(frozen=True)
class Mixed:
    """A fitted mixed model."""

    mean: float
    """mu, by generalised least squares."""
    effects: tuple[Floats, ...]
    """g_k of each block, (q_k,): posterior means."""
    effects_se: tuple[Floats, ...]
    """Their posterior standard deviations."""
    variances: tuple[float, ...]
    """v_k of each block."""
    residual: float
    """v_u: what the blocks do not explain, beyond sampling error."""
    residuals: Floats
    """(n,) posterior means of u."""
    covariance: Floats
    """(1 + q, 1 + q) posterior of (mu, all g)."""
    explained: float
    """Share of the variance of y - e that the blocks explain: v(Zg) / (v(Zg) + v_u)."""

    def predict(self, blocks: Sequence[Floats]) -> tuple[Floats, Floats]:
        """Mean and variance of new rows' true values (m,), u included in the variance.

        Args:
            blocks: As in the fit, with m rows each.
        """
        design = np.column_stack([np.ones(len(blocks[0])), *blocks])
        value = design @ np.concatenate([[self.mean], *self.effects])
        spread = np.einsum("mi,ij,mj->m", design, self.covariance, design)
        return value, spread + self.residual


def mixed(y: Floats, se: Floats, blocks: Sequence[Floats]) -> Mixed:
    """Fit the model.

    Args:
        y: (n,) estimates.
        se: (n,) their standard errors.
        blocks: Z_k, (n, q_k) each; none is a meta-analysis.

    Raises:
        UsageError: fewer than three rows, or a value that is no finite number.
    """
    if len(y) < 3:
        raise UsageError(f"A regression needs at least 3 estimates; there are {len(y)}.")
    if not all(np.all(np.isfinite(one)) for one in (y, se, *blocks)):
        raise UsageError("A regression needs finite estimates, standard errors and features.")
    # Imported where it is used: most callers of this room never regress.
    from scipy.optimize import minimize

    scale = float(np.var(y)) or 1.0
    widths = [block.shape[1] for block in blocks]
    stacked = np.column_stack(blocks) if blocks else np.zeros((len(y), 0))
    owner = np.repeat(np.arange(len(widths)), widths)
    problem = _Problem(y, se**2, stacked, owner, len(widths))
    start = np.log(scale) * np.ones(len(widths) + 1) - np.log(2.0 * (1 + len(widths)))
    start[:-1] -= np.log(np.maximum([np.var(b, axis=0).sum() for b in blocks], 1e-12))
    low = float(np.log(SMALL * scale))
    found = minimize(
        problem.deviance,
        np.maximum(start, low),
        jac=True,
        method="L-BFGS-B",
        bounds=[(low, float(np.log(1e4 * scale)))] * len(start),
    )
    return problem.solved(np.exp(found.x))


@dataclass(frozen=True)
class _Problem:
    y: Floats
    sampling: Floats
    z: Floats
    owner: Ints
    n_blocks: int

    def _system(self, variances: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Weights D^-1 (n,), the mixed-model matrix (1 + q square), its inverse, its right side."""
        weight = 1.0 / (self.sampling + variances[-1])
        design = np.column_stack([np.ones(len(self.y)), self.z])
        penalty = np.concatenate([[0.0], 1.0 / variances[:-1][self.owner]])
        matrix = (design.T * weight) @ design + np.diag(penalty)
        return weight, matrix, np.linalg.inv(matrix), design.T @ (weight * self.y)

    def deviance(self, logs: Floats) -> tuple[float, Floats]:
        """Half the restricted deviance and its gradient by the log variances."""
        variances = np.exp(logs)
        weight, matrix, inverse, right = self._system(variances)
        solution = inverse @ right
        error = self.y - solution[0] - self.z @ solution[1:]
        effects = solution[1:]
        block = variances[:-1][self.owner]
        value = 0.5 * (
            -np.sum(np.log(weight))
            + np.sum(np.log(block))
            + np.linalg.slogdet(matrix)[1]
            + np.sum(weight * error**2)
            + np.sum(effects**2 / block)
        )
        # Envelope theorem: the inner solution minimises the quadratic form.
        design = np.column_stack([np.ones(len(self.y)), self.z])
        leverage = np.einsum("ni,ij,nj->n", design, inverse, design)
        gradient = np.empty(len(logs))
        for k in range(self.n_blocks):
            mine = np.flatnonzero(self.owner == k)
            trace = np.trace(inverse[np.ix_(1 + mine, 1 + mine)]) / variances[k]
            gradient[k] = 0.5 * (len(mine) - trace - np.sum(effects[mine] ** 2) / variances[k])
        own = variances[-1] * weight
        gradient[-1] = 0.5 * np.sum(own * (1.0 - weight * leverage - weight * error**2))
        return float(value), gradient

    def solved(self, variances: Floats) -> Mixed:
        """The fit at given variances."""
        weight, _, inverse, right = self._system(variances)
        solution = inverse @ right
        error = self.y - solution[0] - self.z @ solution[1:]
        spread = np.sqrt(np.diag(inverse))[1:]
        mine = [np.flatnonzero(self.owner == k) for k in range(self.n_blocks)]
        told = float(np.var(self.z @ solution[1:])) if self.z.shape[1] else 0.0
        return Mixed(
            mean=float(solution[0]),
            effects=tuple(solution[1 + at] for at in mine),
            effects_se=tuple(spread[at] for at in mine),
            variances=tuple(float(v) for v in variances[:-1]),
            residual=float(variances[-1]),
            residuals=variances[-1] * weight * error,
            covariance=inverse,
            explained=told / (told + float(variances[-1])),
        )
