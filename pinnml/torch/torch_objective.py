"""The loss of any torch module on data as an objective."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from pinnml.errors import DeclarationError, finite, shown
from pinnml.objective import (
    COSTS,
    AbstractCoarsening,
    AbstractObjective,
    CoarseProblem,
    Evaluation,
    HalfDepth,
    Iterate,
    ShareOfPoints,
    Structure,
    Successive,
    everything,
    successive,
)
from pinnml.torch.checks import TRIED, prepared
from pinnml.torch.halved import HalvedModule, halved
from pinnml.torch.losses import Loss, divides_evenly, sums
from pinnml.torch.samples import Samples, spread

CHUNK = 8192
"""The most samples that are evaluated at once where nothing else is said."""


class TorchObjective(AbstractObjective):
    """f(θ) = loss(m_θ(x), y) + ½λ‖θ‖², with θ (p,) all parameters of a module m that require a gradient.

    The module is never changed, but by `load`; θ decides device and precision, and data and the module's buffers
    follow it.

    Parameters
    ----------
    module : torch.nn.Module
        m, a function of its parameters and of each sample by itself. Parameters that require no gradient stay.
    loss : callable
        (outputs, targets) ↦ a 0-dimensional tensor: a torch loss with a mean or a sum, or a function that returns the
        mean over the samples.
    data : sequence of tensors, or TensorDataset
        What the module takes, each of shape (n, …), and the targets (n, …) last.
    weight_decay : float, default 0
        λ (dimensionless), at least 0.
    chunk : int, default 8192
        The most samples evaluated at once. A mean with weights of classes, or with some ignored, is evaluated whole.

    Raises
    ------
    DeclarationError
        For a module without parameters, with those of two precisions or devices, scripted or compiled, that fails on
        the data, changes its buffers or gives other results for a sample each time or among others (batch
        normalisation and dropout in training mode); for no data, or of different lengths; for a loss that has no single
        value; for a negative `weight_decay`, and for a `chunk` of less than one.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Loss,
        data: Sequence[Tensor] | TensorDataset,
        *,
        weight_decay: float = 0.0,
        chunk: int = CHUNK,
    ) -> None:
        self._check(loss)
        decay = finite(weight_decay)
        if decay is None or decay < 0:
            raise DeclarationError(f"weight_decay is {shown(weight_decay)}", "objective", "give a number of at least 0")
        if not isinstance(chunk, int) or chunk < 1:
            raise DeclarationError(f"chunk is {shown(chunk)}", "objective", "give a whole number of at least 1")
        self._parameters, self._samples, self._structure = prepared(module, loss, data)
        self._loss = loss
        self._decay = decay
        self._all = len(self._samples)
        self._chunk = chunk if divides_evenly(loss) else max(chunk, self._all)
        self._unit = 1.0
        self._coarse = dict[AbstractCoarsening, CoarseProblem]()
        self._halved = dict[HalfDepth, HalvedModule | None]()  # batches have it in common
        self._moved: tuple[tuple[torch.device, torch.dtype], Samples] | None = None

    def _check(self, loss: Loss) -> None:
        """Raise `DeclarationError` for a loss that this objective does not take."""

    @property
    def size(self) -> int:
        """The number p of entries of θ."""
        return self._parameters.size

    @property
    def samples(self) -> int:
        """The number of samples."""
        return len(self._samples)

    @property
    def start(self) -> Tensor:
        """θ (p,) as the module has it now."""
        return self._parameters.start()

    def load(self, theta: Tensor) -> None:
        """Put θ (p,) into the module."""
        self._parameters.load(theta)

    def batch(self, numbers: Tensor) -> Self:
        """Return the same objective on some of the samples, by their numbers (k,).

        A loss that sums over samples is scaled to the number of all, so that each batch stands for all samples.
        Raises `DeclarationError` where there are none.
        """
        if not len(numbers):
            raise DeclarationError("A batch has no samples", "batch", "give the number of at least one")
        found = copy.copy(self)
        found._samples = self._samples.chosen(numbers.to(self._samples.targets.device))
        found._coarse, found._moved = {}, None
        return found

    def at(self, theta: Tensor) -> Iterate:
        """Return f and ∇f, chunk by chunk."""
        parts, gradient = [], self._decay * theta
        for part in self._placed(theta).chunks(self._chunk):
            with torch.enable_grad():
                free = theta.detach().requires_grad_()
                f = self._part(free, part)
                gradient = gradient + torch.autograd.grad(f, free)[0]
            parts.append(f.detach())
        return Iterate(theta, torch.stack(parts).sum() + self._decayed(theta), gradient)

    def value(self, theta: Tensor) -> Tensor:
        """Return f without recording a graph."""
        with torch.no_grad():
            parts = [self._part(theta, part) for part in self._placed(theta).chunks(self._chunk)]
            return torch.stack(parts).sum() + self._decayed(theta)

    def _part(self, theta: Tensor, part: Samples) -> Tensor:
        """Return what some samples add to f."""
        outputs = self._parameters.call(theta, part.inputs)
        return self._weight(len(part)) * self._loss(outputs, part.targets)

    def _weight(self, count: int) -> float:
        """Return what the loss of so many of the samples counts."""
        return self._all / self.samples if sums(self._loss) else count / self.samples

    def _decayed(self, theta: Tensor) -> Tensor:
        return 0.5 * self._decay * theta.dot(theta)

    def _placed(self, theta: Tensor) -> Samples:
        """Return the samples where θ lies and in its precision, to which they are brought once."""
        key = theta.device, theta.dtype
        if self._moved is None or self._moved[0] != key:
            self._moved = key, self._samples.like(theta)
        return self._moved[1]

    def coarse(self, rule: AbstractCoarsening, theta: Tensor | None = None) -> CoarseProblem | None:
        """Return the objective on a share of the samples, taken evenly in their order, or of a module half as deep.

        Of the latter λ is the same. Raises `DeclarationError` where the module fails with fewer blocks.
        """
        if isinstance(rule, Successive):
            return successive(self, rule, theta)
        if isinstance(rule, ShareOfPoints) and rule not in self._coarse:
            same = everything(self.size)
            kept = spread(self.samples, math.ceil(rule.share * self.samples))
            self._coarse[rule] = CoarseProblem(self.batch(kept), same, same)
        if isinstance(rule, HalfDepth) and rule not in self._coarse and (smaller := self._half(rule)) is not None:
            self._coarse[rule] = CoarseProblem(self._of(smaller), smaller.restriction, smaller.iterates)
        return self._coarse.get(rule)

    def _half(self, rule: HalfDepth) -> HalvedModule | None:
        """Return the module half as deep, which is made once for all batches."""
        if rule not in self._halved:
            few = self._samples.chosen(slice(0, TRIED)).like(self.start)
            self._halved[rule] = halved(self._parameters, rule.transfer, few.inputs)
        return self._halved[rule]

    def _of(self, smaller: HalvedModule) -> Self:
        """Return the same objective of another module."""
        found = copy.copy(self)
        found._parameters, found._structure = smaller.parameters, smaller.structure
        found._unit = self._unit * smaller.share
        found._coarse, found._halved = {}, smaller.halved
        return found

    @property
    def structure(self) -> Structure:
        """The modules that have parameters of their own."""
        return self._structure

    @property
    def _share(self) -> float:
        """What this objective costs of that of the whole module on all samples."""
        return self._unit * self.samples / self._all

    def cost(self, kind: Evaluation) -> float:
        """Return the usual cost on the share of samples and blocks that this objective has."""
        return self._share * COSTS[kind]
