"""Any torch.nn.Module as a network: jets by nested autograd, slower, with the same results."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pinnml.errors import DeclarationError
from pinnml.network.autograd import nested
from pinnml.network.indices import MultiIndex
from pinnml.network.network import AbstractLinearisation, AbstractNetwork, Architecture, Block
from pinnml.network.workspace import Workspace
from pinnml.settings import setting


@setting
class Custom(Architecture):
    """A network given as a module that maps points (n, d) to fields (n, m); it starts from the module's parameters.

    Its derivatives are taken by nested automatic differentiation, which is slower than the jets of `MLP` and `ResNet`.
    The module is copied, never changed.

    Parameters
    ----------
    module : torch.nn.Module
        The network, with coordinates in the problem's own units and order.

    Raises
    ------
    DeclarationError
        Where `module` is no module; and on solving, where it has no parameters, fails, or gives another shape.
    """

    module: nn.Module

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float], outputs: int) -> ModuleNetwork:
        """Try the module on the box' centre; raise `DeclarationError` where it has no parameters or the wrong shape."""
        parameters = list(self.module.parameters())
        if not parameters:
            raise DeclarationError("The module has no parameters", "network", "give a module that can be trained")
        centre = torch.tensor([lower, upper], dtype=torch.float64).mean(0, keepdim=True).to(parameters[0])
        try:
            shape = tuple(self.module(centre).shape)
        except RuntimeError as error:
            what = f"The module fails on points (1, {len(names)}): {error}"
            remedy = f"give a module that maps points (n, {len(names)}) to fields (n, {outputs})"
            raise DeclarationError(what, "network", remedy) from error
        if shape != (1, outputs):
            what = f"The module maps (1, {len(names)}) to {shape}"
            raise DeclarationError(what, "network", f"return shape (n, {outputs})")
        return ModuleNetwork(copy.deepcopy(self.module))


class ModuleNetwork(AbstractNetwork):
    """A module whose parameters are taken from θ at each call; one block for each of its parameter tensors."""

    # functional_call swaps the module's parameters in place, so two threads must not share it
    thread_safe = False

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._shapes = {name: parameter.shape for name, parameter in module.named_parameters()}
        self._buffers = tuple(module.named_buffers())
        blocks, start = [], 0
        for name, shape in self._shapes.items():
            blocks.append(Block(name, start, start + shape.numel(), tuple(shape), "tensor"))
            start += shape.numel()
        self.blocks = tuple(blocks)

    def initial(self, generator: torch.Generator, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return the module's own parameters; nothing is drawn."""
        return torch.cat([parameter.detach().flatten() for parameter in self.module.parameters()]).to(device, dtype)

    def embed(self, x: Tensor, indices: Sequence[MultiIndex]) -> Tensor:
        """Return the points themselves."""
        return x

    def linearise(
        self, theta: Tensor, embedded: Tensor, indices: Sequence[MultiIndex], workspace: Workspace
    ) -> ModuleLinearisation:
        """Differentiate the module again and again by its inputs."""
        return ModuleLinearisation(self, theta, embedded, indices)

    def __call__(self, theta: Tensor, x: Tensor) -> Tensor:
        """Return the fields (n, m) at points (n, d)."""
        parameters = {
            block.name: theta[block.start : block.stop].view(self._shapes[block.name]) for block in self.blocks
        }
        # buffers are constants; they follow θ to its device and precision
        buffers = {name: b.to(theta) if b.is_floating_point() else b.to(theta.device) for name, b in self._buffers}
        return torch.func.functional_call(self.module, parameters | buffers, (x,))


class ModuleLinearisation(AbstractLinearisation):
    """Jets by nested reverse mode with the graph kept, so that cotangents can be pulled back to θ."""

    def __init__(self, network: ModuleNetwork, theta: Tensor, x: Tensor, indices: Sequence[MultiIndex]) -> None:
        with torch.enable_grad():
            self._theta = theta.detach().requires_grad_()
            points = x.detach().requires_grad_()
            fields = network(self._theta, points)
            channels = [nested(fields[:, number], points, indices) for number in range(fields.shape[1])]
            self._graph = torch.stack(channels, 1)
        self.values = self._graph.detach()

    def pullback(self, cotangent: Tensor, stop: int | None = None) -> Tensor:
        """Return the gradient of Σ cotangent·values by θ[:stop]."""
        return torch.autograd.grad(self._graph, self._theta, cotangent, retain_graph=True)[0][:stop]

    def rows(self, cotangent: Tensor, start: int, stop: int) -> Tensor:
        """Pull back one point's cotangent at a time, all of them batched."""
        points = cotangent.shape[2]
        single = torch.eye(points, dtype=cotangent.dtype, device=cotangent.device)[:, None, None, :] * cotangent
        return torch.autograd.grad(self._graph, self._theta, single, retain_graph=True, is_grads_batched=True)[0][
            :, start:stop
        ]

    def along(self, cotangent: Tensor, direction: Tensor) -> Tensor:
        """Multiply the rows by the direction."""
        return self.rows(cotangent, 0, len(direction)) @ direction
