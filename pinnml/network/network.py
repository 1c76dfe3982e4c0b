"""The interface of networks: its parameters as one vector θ, its jets, and their linearisation in θ."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Self

import torch
from torch import Tensor

from pinnml.network.indices import MultiIndex
from pinnml.network.workspace import Workspace
from pinnml.settings import record


@record
class Block:
    """The part θ[start:stop] that belongs to one layer, or to one tensor of a module.

    Attributes
    ----------
    name : str
        What the network calls it.
    start, stop : int
        Where it lies in θ.
    shape : tuple of int
        What is kept there: (outputs, inputs) of W for a layer, which holds W by rows and then b; for a tensor, its own.
    kind : str
        What it does: "input", "layer", "block" (a layer with a skip connection), "head" or "tensor". Two blocks can
        hold the same parameters only where both shape and kind agree.
    """

    name: str
    start: int
    stop: int
    shape: tuple[int, ...]
    kind: str


def layers_of(blocks: Sequence[Block], start: int, stop: int) -> slice | None:
    """Return the numbers of the blocks that fill θ[start:stop]; None where no whole ones do."""
    starts, stops = [block.start for block in blocks], [block.stop for block in blocks]
    if start not in starts or stop not in stops or stop <= start:
        return None
    return slice(starts.index(start), stops.index(stop) + 1)


class AbstractLinearisation(ABC):
    """The jets of a network at some θ and points, and the linear map from parameters to jets there.

    `values` has shape (C, m, n): derivative, field, point.
    """

    values: Tensor

    @abstractmethod
    def pullback(self, cotangent: Tensor, stop: int | None = None) -> Tensor:
        """Return Σ cotangent·∂values/∂θ[:stop] for a cotangent of shape (C, m, n); without `stop`, of all θ.

        The range is made of whole layers where the network has layers.
        """

    @abstractmethod
    def rows(self, cotangent: Tensor, start: int, stop: int) -> Tensor:
        """Return cotangent_i·∂values_i/∂θ[start:stop] point by point, shape (n, stop − start), in the workspace.

        The range is made of whole layers where the network has layers.
        """

    @abstractmethod
    def along(self, cotangent: Tensor, direction: Tensor) -> Tensor:
        """Return cotangent_i·(∂values_i/∂θ · direction) point by point, shape (n,), for a direction (p,)."""


class AbstractNetwork(ABC):
    """A network whose inputs and outputs are known; stateless: its parameters θ (p,) are arguments."""

    blocks: tuple[Block, ...]
    thread_safe: bool = True
    most_points: int | None = None
    """The most points that are worth being evaluated at once, None where that does not depend on the network."""
    scales: tuple[float, ...] | None = None
    """The sizes s of the fields that its outputs N stand for, in u = g + sℓN; None where all are one."""

    @property
    def size(self) -> int:
        """The number p of parameters."""
        return self.blocks[-1].stop

    @property
    def parameters(self) -> int:
        """The number of all parameters that it has been given by training, those that are frozen by now included.

        Weights of random neurons are none: they are drawn, and never trained.
        """
        return self.size

    @abstractmethod
    def initial(self, generator: torch.Generator, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Draw θ (p,) to start from."""

    @abstractmethod
    def embed(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return what `linearise` takes as its points: all that depends on x (n, d) and not on θ."""

    def embed_each(self, parts: Sequence[Tensor], indices: Sequence[MultiIndex]) -> Iterator[Tensor]:
        """Yield what `embed` returns for each of several sets of points, the next when it is asked for."""
        return (self.embed(x, indices) for x in parts)

    @abstractmethod
    def linearise(
        self, theta: Tensor, embedded: Tensor, indices: Sequence[MultiIndex], workspace: Workspace
    ) -> AbstractLinearisation:
        """Return the jets at embedded points and their linearisation, which is good until the workspace is rewound."""

    def scaled(self, scales: Sequence[float]) -> Self:
        """Return the network with the sizes of the fields that its outputs stand for, in the fields' units."""
        found = copy.copy(self)
        found.scales = tuple(scales) if any(scale != 1 for scale in scales) else None
        return found

    def part(self, start: int, stop: int) -> AbstractNetwork | None:
        """Return the network of the layers that fill θ[start:stop], fed with jets; None where that cannot be cut."""
        return None

    def evaluate(self, theta: Tensor, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the jets at points x (n, d), shape (C, m, n)."""
        return self.linearise(theta, self.embed(x, indices), indices, Workspace()).values


class Architecture(ABC):
    """A network as the user declares it, before inputs and outputs are known."""

    @abstractmethod
    def bind(
        self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float], outputs: int
    ) -> AbstractNetwork:
        """Return the network for coordinates `names` in the box [lower, upper] and a number of output fields."""
