"""How attempts are measured, and what measurements mean. Imports tasks and ground_truth."""

from evaluators._core import MEASURES as MEASURES
from evaluators._core import Marks as Marks
from evaluators._core import Measure as Measure
from evaluators._core import Score as Score
