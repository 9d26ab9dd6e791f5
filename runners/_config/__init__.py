"""Runs described in YAML: the published run / agent / environments / reporting shapes."""

from runners._config.reading import SUFFIXES as SUFFIXES
from runners._config.reading import Described as Described
from runners._config.reading import described as described
