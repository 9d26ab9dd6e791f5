"""How attempts are measured, and what measurements mean. Imports tasks and ground_truth."""

from evaluators._core import MEASURES as MEASURES
from evaluators._core import Marks as Marks
from evaluators._core import Measure as Measure
from evaluators._core import Score as Score
from evaluators._scoring import Scored as Scored
from evaluators._scoring import read_results as read_results
from evaluators._scoring import score_run as score_run
from evaluators._scoring import score_saved as score_saved
