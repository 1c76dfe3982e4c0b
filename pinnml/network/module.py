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
from pinnml.network.purity import buffers_of, check_alone, check_kind, check_repeats
from pinnml.network.workspace import Workspace
from pinnml.settings import setting


@setting
class Custom(Architecture):
    """A network given as a module that maps points (n, d) to fields (n, m); it starts from the module's parameters.

    Its derivatives are taken by nested automatic differentiation, which is slower than the jets of `MLP` and `ResNet`.
    The module is copied, never changed; parameters that do not require a gradient stay as they are.

    Parameters
    ----------
    module : torch.nn.Module
        The network, with coordinates in the problem's own units and order.

    Raises
    ------
    DeclarationError
        Where `module` is no module; and on solving, where it has nothing to train, is scripted or compiled, has complex
        parameters, fails, gives another shape, or is not a function of each point by itself (dropout, batch norm).
    """

    module: nn.Module

    def bind(self, names: Sequence[str], lower: Sequence[float], upper: Sequence[float], outputs: int) -> ModuleNetwork:
        """Try the module on points of the box; raise `DeclarationError` for what no PDE can be solved with."""
        parameters = [parameter for parameter in self.module.parameters() if parameter.requires_grad]
        if not parameters:
            raise DeclarationError("The module has no parameters to train", "network", "give a module that has some")
        check_kind(self.module, "network")
        between = torch.tensor([[0.3], [0.5], [0.8]], dtype=torch.float64, device="cpu")
        ends = torch.tensor([lower, upper], dtype=torch.float64, device="cpu")
        _check_calls(self.module, torch.lerp(ends[:1], ends[1:], between).to(parameters[0]), outputs)
        return ModuleNetwork(copy.deepcopy(self.module))


def _check_calls(module: nn.Module, x: Tensor, outputs: int) -> None:
    """Raise `DeclarationError` where points (n, d) do not go to fields (n, m), each by itself, every time alike."""
    shape = f"points (n, {x.shape[1]}) to fields (n, {outputs})"
    buffers = buffers_of(module)
    try:
        with torch.no_grad():
            whole, again, alone = module(x), module(x), [module(point[None]) for point in x]
    except Exception as error:
        what = f"The module fails on points {tuple(x.shape)} or (1, {x.shape[1]}): {type(error).__name__}: {error}"
        raise DeclarationError(what, "network", f"give a module that maps {shape}") from error
    if not isinstance(whole, Tensor):
        raise DeclarationError(f"A {type(whole).__name__} came out of the module", "network", f"map {shape}")
    if whole.shape != (len(x), outputs):
        what = f"The module maps {tuple(x.shape)} to {tuple(whole.shape)}"
        raise DeclarationError(what, "network", f"return shape (n, {outputs})")
    check_repeats(module, buffers, whole, again, "network")
    check_alone(whole, lambda: torch.cat(alone), "point", "network")


class ModuleNetwork(AbstractNetwork):
    """A module whose parameters are taken from θ at each call; one block for each of its tensors that is not frozen."""

    # functional_call swaps the module's parameters in place, so two threads must not share it
    thread_safe = False

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        named = dict(module.named_parameters())
        self._shapes = {name: parameter.shape for name, parameter in named.items() if parameter.requires_grad}
        frozen = [(name, parameter.detach()) for name, parameter in named.items() if name not in self._shapes]
        self._constants = (*module.named_buffers(), *frozen)
        blocks, start = [], 0
        for name, shape in self._shapes.items():
            blocks.append(Block(name, start, start + shape.numel(), tuple(shape), "tensor"))
            start += shape.numel()
        self.blocks = tuple(blocks)

    def initial(self, generator: torch.Generator, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return the module's own parameters that are not frozen; nothing is drawn."""
        named = dict(self.module.named_parameters())
        return torch.cat([named[name].detach().flatten() for name in self._shapes]).to(device, dtype)

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
        # constants follow θ to its device and precision
        known = {name: c.to(theta) if c.is_floating_point() else c.to(theta.device) for name, c in self._constants}
        return torch.func.functional_call(self.module, parameters | known, (x,))


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
