"""The options that `solve` and `bench` share."""

from __future__ import annotations

import argparse
from typing import Any

from pinnml.cli.catalogue import NETWORKS, SAMPLERS, choose
from pinnml.network import Architecture
from pinnml.points import Sampler
from pinnml.problem import Problem
from pinnml.setup import default_network, fit_network

DEFAULTS: dict[str, Any] = {"network": "resnet", "width": 16, "depth": 9, "sampler": "hammersley", "points": 10_000}
"""The defaults of options; the parser's default is None, so that options left out can be recognised."""


def add_discretisation(parser: argparse.ArgumentParser) -> None:
    """Add network and points."""
    parser.add_argument("--network", help=f"{', '.join(NETWORKS)} [{DEFAULTS['network']}]")
    parser.add_argument("--width", type=int, help=f"neurons a layer [{DEFAULTS['width']}]")
    parser.add_argument("--depth", type=int, help=f"residual blocks or hidden layers [{DEFAULTS['depth']}]")
    parser.add_argument("--sampler", help=f"{', '.join(SAMPLERS)} [{DEFAULTS['sampler']}]")
    parser.add_argument("--points", type=int, help=f"points for the equation [{DEFAULTS['points']}]")


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add device and precision."""
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda [auto]")
    parser.add_argument("--dtype", choices=("float64", "float32"), default="float64", help="precision [float64]")


def given(parsed: argparse.Namespace) -> list[str]:
    """Return the options of `add_discretisation` that the user has named."""
    return [f"--{name}" for name in DEFAULTS if getattr(parsed, name) is not None]


def network(parsed: argparse.Namespace, problem: Problem) -> Architecture:
    """Return the network asked for, fitted to a problem, or the problem's own where nothing is asked for."""
    if all(getattr(parsed, name) is None for name in ("network", "width", "depth")):
        return default_network(problem)
    architecture = choose("--network", _value(parsed, "network"), NETWORKS)
    return fit_network(architecture(_value(parsed, "width"), _value(parsed, "depth")), problem)


def sampler(parsed: argparse.Namespace) -> Sampler:
    """Return the sampler asked for."""
    return choose("--sampler", _value(parsed, "sampler"), SAMPLERS)(_value(parsed, "points"))


def _value(parsed: argparse.Namespace, name: str) -> Any:
    named = getattr(parsed, name)
    return DEFAULTS[name] if named is None else named
