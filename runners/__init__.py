"""Agents and suites; they speak to the server by MCP only. Imports tasks."""

from runners._core import AGENTS as AGENTS
from runners._core import Agent as Agent
from runners._core import Hall as Hall
from runners._core import Seat as Seat
from runners._evaluation import Options as Options
from runners._evaluation import Results as Results
from runners._evaluation import Scored as Scored
from runners._evaluation import evaluate as evaluate
from runners._plan import EvalConfig as EvalConfig
from runners._suite import RunReport as RunReport
