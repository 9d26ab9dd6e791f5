"""Grading of the published form: the parser of responses, and what its measures share."""

from evaluators._v0.response import Response as Response
from evaluators._v0.response import parsed as parsed
