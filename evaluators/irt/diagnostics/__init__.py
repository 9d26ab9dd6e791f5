"""What is wrong with items: statistics (one file each), and a defect score stacked on them."""

from evaluators.irt.diagnostics._diagnosis import Diagnosis as Diagnosis
from evaluators.irt.diagnostics._diagnosis import ItemCard as ItemCard
from evaluators.irt.diagnostics._diagnosis import Options as Options
from evaluators.irt.diagnostics._diagnosis import diagnose as diagnose
from evaluators.irt.diagnostics._statistic import STATISTICS as STATISTICS
from evaluators.irt.diagnostics._statistic import Statistic as Statistic
