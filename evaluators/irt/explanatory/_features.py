"""Features as regressions take them: standardised by the rows that were learned from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.irt._responses import Floats
from tasks import UsageError, nearest


@dataclass(frozen=True)
class Standardised:
    """Mean and sd of each feature where it was learned; takes other rows onto the same scale."""

    names: tuple[str, ...]
    mean: Floats
    sd: Floats
    """1 where a feature is constant: it then tells nothing."""

    def __call__(self, features: Mapping[str, Floats]) -> Floats:
        """(rows, features) standardised; an unknown value (NaN) stands at the mean.

        Raises:
            UsageError: a feature is missing.
        """
        for name in self.names:
            if name not in features:
                raise UsageError(
                    f"The feature {name!r} is not given.{nearest(name, list(features))} The "
                    f"regression was fitted on {', '.join(self.names)}."
                )
        columns = np.column_stack([features[name] for name in self.names])
        return np.nan_to_num((columns - self.mean) / self.sd, nan=0.0)


def standardised(
    features: Mapping[str, Floats], names: Sequence[str] | None = None
) -> Standardised:
    """Learn the scale of some features (all, by default).

    Raises:
        UsageError: no features, or one that is unknown everywhere.
    """
    chosen = tuple(features if names is None else names)
    if not chosen:
        raise UsageError(
            "No item features are given. Give number columns that are constant within an item, or "
            "a side file (`--items FEATURES.csv`)."
        )
    columns = np.column_stack([features[name] for name in chosen])
    empty = [name for name, column in zip(chosen, columns.T, strict=True) if np.isnan(column).all()]
    if empty:
        raise UsageError(f"No value of {', '.join(empty)} is known; leave it out.")
    sd = np.nanstd(columns, axis=0)
    return Standardised(chosen, np.nanmean(columns, axis=0), np.where(sd > 0, sd, 1.0))


def indicators(labels: Sequence[str], values: Sequence[str]) -> Floats:
    """(rows, values) one where a row has the value; a row of another or unknown value has none."""
    place = {value: k for k, value in enumerate(values)}
    found = np.zeros((len(labels), len(values)))
    for row, label in enumerate(labels):
        if label in place:
            found[row, place[label]] = 1.0
    return found


def known(labels: Sequence[str]) -> tuple[str, ...]:
    """The distinct values of a label, sorted, without the unknown ''."""
    return tuple(sorted({label for label in labels if label}))
