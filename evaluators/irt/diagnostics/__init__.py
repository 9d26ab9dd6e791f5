"""What is wrong with items: statistics (one file each), and a defect score stacked on them."""

from evaluators.irt.diagnostics._bivariate import tetrachoric_matrix as tetrachoric_matrix
from evaluators.irt.diagnostics._diagnosis import Diagnosis as Diagnosis
from evaluators.irt.diagnostics._diagnosis import ItemCard as ItemCard
from evaluators.irt.diagnostics._diagnosis import Options as Options
from evaluators.irt.diagnostics._diagnosis import diagnose as diagnose
from evaluators.irt.diagnostics._mokken import invariant_ordering as invariant_ordering
from evaluators.irt.diagnostics._mokken import loevinger as loevinger
from evaluators.irt.diagnostics._mokken import monotonicity as monotonicity
from evaluators.irt.diagnostics._mokken import select_items as select_items
from evaluators.irt.diagnostics._planting import plant as plant
from evaluators.irt.diagnostics._statistic import STATISTICS as STATISTICS
from evaluators.irt.diagnostics._statistic import Statistic as Statistic
