"""What a run depends on and what it leaves, as plain records."""

from pinnml.setup.environment import machine
from pinnml.setup.history import COLUMNS, INTEGERS, HistoryRow
from pinnml.setup.memory import Memory, predicted, size_of, size_text, within
from pinnml.setup.recipe import LARGEST, Recipe, default_recipe
from pinnml.setup.run import Run
from pinnml.setup.setup import DEFAULT_SECONDS, Setup, arranged, bind, drawn, parameters

__all__ = [
    "COLUMNS",
    "DEFAULT_SECONDS",
    "INTEGERS",
    "LARGEST",
    "HistoryRow",
    "Memory",
    "Recipe",
    "Run",
    "Setup",
    "arranged",
    "bind",
    "default_recipe",
    "drawn",
    "machine",
    "parameters",
    "predicted",
    "size_of",
    "size_text",
    "within",
]
