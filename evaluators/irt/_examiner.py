"""Chooses what an agent is asked next in an adaptive run: a bank, its score, and a rule."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from evaluators.irt._saving import FIT, read_fit
from evaluators.irt.adaptive._plan import Plan
from evaluators.irt.adaptive.session import NextItems, Session, begin
from tasks import InstanceId, UsageError

Mark = Literal["passed", "ability"]


@dataclass(frozen=True)
class BankExaminer:
    """An adaptive test before its first answer, for any agent."""

    start: Session
    mark: Mark
    """The score of an attempt that the bank was fitted to."""

    @classmethod
    def of(cls, bank: Path, rule: str) -> "BankExaminer":
        """The examiner of a saved fit; groups of items are families with their presets.

        Raises:
            UsageError: no such rule; a fit of vector abilities, or not of runs of ours, whose
                score is `passed` or `ability`.
            RecordError: the folder holds no fit.
        """
        items = read_fit(bank).bank
        mark: str | None = json.loads((bank / FIT).read_bytes())["asked"].get("score")
        if mark not in ("passed", "ability"):
            raise UsageError(
                f"The fit in {bank} does not say to which score of attempts it was made. Fit the "
                "runs again: `proctor irt fit RUNS --score ability --model beta --out …`, or "
                "`--score passed --model 2pl`."
            )
        try:
            groups = {item: _group(item) for item in items.items}
        except UsageError as error:
            raise UsageError(
                f"The fit in {bank} is of items that are no instances of ours: {error}"
            ) from error
        return cls(begin(items, Plan(rule=rule, groups=groups)), mark)

    @property
    def items(self) -> Sequence[str]:
        """Instances that the bank knows."""
        return self.start.setting.bank.items

    def advise(self, answered: Mapping[str, float], left: Sequence[str], n: int) -> NextItems:
        """Look at the answers; choose up to `n` instances of those `left`."""
        wanted = set(left)
        among = np.array([item in wanted for item in self.items])
        return self.start.answered(answered).next(n, among)


def _group(item: str) -> str:
    instance = InstanceId.parse(item)
    return f"{instance.family}:{instance.preset}"
