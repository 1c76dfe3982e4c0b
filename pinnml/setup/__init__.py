"""What a run depends on and what it leaves, as plain records."""

from pinnml.setup.arguments import expect
from pinnml.setup.environment import located, machine
from pinnml.setup.history import COLUMNS, INTEGERS, LATER, HistoryRow
from pinnml.setup.memory import Memory, predict_memory, size_of, size_text, with_room, within
from pinnml.setup.periodicity import fit_network
from pinnml.setup.recipe import LARGEST, Recipe, default_recipe, recipe_for, sweeps_recipe
from pinnml.setup.room import machine_memory
from pinnml.setup.run import Run, new_identity
from pinnml.setup.setup import DEFAULT_SECONDS, Setup, arrange, bind, default_network, draw_points, initial, parameters

__all__ = [
    "COLUMNS",
    "DEFAULT_SECONDS",
    "INTEGERS",
    "LATER",
    "LARGEST",
    "HistoryRow",
    "Memory",
    "Recipe",
    "Run",
    "Setup",
    "arrange",
    "bind",
    "default_network",
    "default_recipe",
    "recipe_for",
    "draw_points",
    "expect",
    "fit_network",
    "initial",
    "machine",
    "machine_memory",
    "new_identity",
    "parameters",
    "predict_memory",
    "size_of",
    "size_text",
    "sweeps_recipe",
    "with_room",
    "located",
    "within",
]
