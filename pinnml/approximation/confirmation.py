"""What is said of an error where two estimators can be asked."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from pinnml.approximation.linearised import METHOD, linearised_error
from pinnml.approximation.rounding import rounding
from pinnml.network import AbstractNetwork
from pinnml.optim import Estimate
from pinnml.problem import Problem


def confirmed(problem: Problem, network: AbstractNetwork, theta: Tensor, known: Estimate | None) -> Estimate | None:
    """Return the linearised equation's estimate where it is to be trusted or no other is known, else the known one.

    It solves for the error itself, whereas differences between levels say what the last neurons have changed: where
    both can be had it is the better one. What the known estimate has of levels is kept, and what rounding does to a
    readout (`rounding`) is part of the error.

    Parameters
    ----------
    problem, network, theta
        Those of `linearised_error`.
    known : Estimate or None
        What another estimator says, None where there is none.

    Returns
    -------
    Estimate or None
        None where nothing is known, and memory or the problem's domain allow no linearised equation.
    """
    if known is not None and known.method == METHOD:
        return known
    try:
        found = linearised_error(problem, network, theta)
    except torch.OutOfMemoryError:  # the run is worth more than what is known of it
        return known
    if found is not None:
        noise = rounding(problem, network, theta)
        found = replace(found, relative_l2={name: math.hypot(e, noise[name]) for name, e in found.relative_l2.items()})
    if known is None or found is None:
        return found or known
    if not found.trustworthy:
        return known
    return replace(found, differences=known.differences, nearby=known.nearby, lighter=known.lighter)
