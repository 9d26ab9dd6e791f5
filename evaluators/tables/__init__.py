"""What scored runs come to, for people: tables, comparisons, leaderboards, cards, one report.

Every number here is a mean, a rate or a difference of what `results/scores.json` holds; what the
runner noted of an attempt (`played.json`: model, tokens, money) stands beside scores and is never
part of one. Nothing here writes into a run folder: all of it can be deleted and made again.
"""

from evaluators.tables._rows import Row as Row
from evaluators.tables._rows import rows as rows
