"""M-steps by batched matrix products: what `Model.climb` gives, several times faster."""

import numpy as np

from evaluators.irt._responses import Floats


def climb_by_counts(gradient: Floats, counts: Floats, mass: Floats) -> tuple[Floats, Floats]:
    """Gradient (J, p) and information (J, p, p) where the statistics are indicators or counts.

    Args:
        gradient: (S, J, Q, p) of the terms.
        counts: (S, J, Q) expected statistics as they are.
        mass: (S, J, Q) and as the model has them, for as many trials.
    """
    n_items, p = gradient.shape[1], gradient.shape[-1]
    by = np.moveaxis(gradient, 0, 1).reshape(n_items, -1, p)
    flat = (np.moveaxis(each, 0, 1).reshape(n_items, -1, 1) for each in (counts, mass))
    first, second = flat
    pull = by.transpose(0, 2, 1) @ first
    return pull[..., 0], by.transpose(0, 2, 1) @ (second * by)
