"""Pruning: residual blocks that do nothing are removed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import torch
from torch import Tensor

from pinnml.adapt.around import AbstractAround
from pinnml.adapt.insertion import with_unknowns
from pinnml.errors import DeclarationError
from pinnml.loss import PinnObjective
from pinnml.network import ChainNetwork, arranged
from pinnml.optim import Finished, Progress, Renewed, moved
from pinnml.settings import AtLeast, Count, setting


@setting
class Pruning(AbstractAround):
    """Every so often, remove the residual block without which f is least, if that is at most (1 + tolerance) f.

    h ↦ h + step·σ(Wh + b) becomes h ↦ h: one loss for each block tells what that changes. Solvers keep what they know
    of the parameters that are left. Nothing is removed at a step after which `rule` changes the loss, nor from what it
    has frozen or widened.

    Parameters
    ----------
    rule : AbstractAdaptation, default RAD()
        What points, readouts and blocks are renewed by, such as an `Insertion`; `Fixed()` for points that stay.
    every : int, default 100
        Iterations from one look at all blocks to the next, at least 1.
    tolerance : float, default 1e-8
        By which share f may rise (dimensionless), at least 0.
    """

    every: Count = 100
    tolerance: Annotated[float, AtLeast(0)] = 1e-8

    def adapted(
        self, progress: Progress, objective: PinnObjective, generator: torch.Generator, state: Any
    ) -> tuple[Renewed | Finished | None, Any]:
        """Return what `rule` does, or the network with one block less where one is due and does nothing."""
        found, state = self.rule.adapted(progress, objective, generator, state)
        due = found is None and progress.iteration % self.every == 0 and isinstance(objective.network, ChainNetwork)
        if not due:
            return found, state
        theta = progress.iterate.theta
        shorter = [without(objective, theta, number) for number in residual_blocks(objective)]
        objective.count(points=len(shorter) * objective.points)
        values = [float(one.objective.value(one.theta)) for one in shorter]
        if not values or not min(values) <= (1 + self.tolerance) * float(progress.iterate.f):
            return None, state
        return shorter[values.index(min(values))], state


def residual_blocks(objective: PinnObjective) -> list[int]:
    """Return the numbers of the layers with a skip connection; raise `DeclarationError` for no chain of layers."""
    network = objective.network
    if not isinstance(network, ChainNetwork):
        what = f"A {type(network).__name__} has no layers that could be removed"
        raise DeclarationError(what, "Pruning", "use a ResNet, neither frozen nor widened")
    return [number for number, layer in enumerate(network.layers) if layer.step is not None]


def without(objective: PinnObjective, theta: Tensor, number: int) -> Renewed:
    """Return the loss of the network without the residual block of this number, and θ for it.

    Raises `DeclarationError` where that layer has no skip connection.
    """
    if number not in residual_blocks(objective):
        what = f"Layer {number} is no residual block"
        raise DeclarationError(what, "without", f"name one of {residual_blocks(objective)}")
    network = objective.network
    assert isinstance(network, ChainNetwork)
    shorter, own = arranged(network, [other for other in range(len(network.layers)) if other != number])
    sources = with_unknowns(own, objective).to(theta.device)
    objective.threads.release()  # chunks need other memory
    return Renewed(objective.on(replace(objective.discretisation, network=shorter)), moved(theta, sources), sources)
