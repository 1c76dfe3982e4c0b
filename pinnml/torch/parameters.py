"""A module's parameters as one vector θ, and the parts that it has."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from pinnml.errors import DeclarationError
from pinnml.objective import Part, Structure


class Parameters:
    """The parameters of a module that require a gradient, one after another, as `parameters_to_vector` has them.

    Raises
    ------
    DeclarationError
        Where there are none, or where they are of two precisions or on two devices.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._named = {name: p for name, p in module.named_parameters() if p.requires_grad}
        if not self._named:
            raise DeclarationError("The module has no parameters to train", "module", "give a module that has some")
        kinds = sorted({f"{p.dtype} on {p.device}" for p in self._named.values()})
        if len(kinds) > 1:
            remedy = "move it to one device and precision, as by module.to(device, dtype)"
            raise DeclarationError(f"The module has parameters of {' and of '.join(kinds)}", "module", remedy)
        self.names = list(self._named)
        self.sizes = [p.numel() for p in self._named.values()]

    @property
    def size(self) -> int:
        """The number p of entries of θ."""
        return sum(self.sizes)

    def start(self) -> Tensor:
        """Return θ (p,) as the module has it now."""
        return torch.cat([p.detach().flatten() for p in self._named.values()]).clone()

    def load(self, theta: Tensor) -> None:
        """Put θ (p,) into the module; raise `DeclarationError` for another length."""
        if theta.shape != (self.size,):
            what = f"θ has shape {tuple(theta.shape)}"
            raise DeclarationError(what, "load", f"give the vector of the module's {self.size} parameters")
        with torch.no_grad():
            for parameter, values in zip(self._named.values(), theta.split(self.sizes), strict=True):
                parameter.copy_(values.view_as(parameter))

    def call(self, theta: Tensor, inputs: Sequence[Tensor]) -> Tensor:
        """Return what the module makes of its inputs with the parameters θ (p,)."""
        parts = zip(self._named.items(), theta.split(self.sizes), strict=True)
        known = {name: values.view_as(parameter) for (name, parameter), values in parts}
        others = [*self.module.named_buffers(), *self.module.named_parameters()]
        for name, constant in others:  # which follow θ to its device and precision
            if name not in known:
                kept = constant.detach()
                known[name] = kept.to(theta) if kept.is_floating_point() else kept.to(theta.device)
        found: Tensor = torch.func.functional_call(self.module, known, tuple(inputs))
        return found

    def structure(self, inputs: Sequence[Tensor]) -> Structure:
        """Return one part for each module that has parameters of its own, in their order.

        A `Linear` layer with a bias is a layer as networks have them. The last part is a head where the outputs for
        these inputs are affine in it.
        """
        modules, parts, start = dict(self.module.named_modules()), list[Part](), 0
        for owner, group in groupby(self._named.items(), key=lambda item: item[0].rpartition(".")[0]):
            tensors = [parameter for _, parameter in group]
            stop = start + sum(parameter.numel() for parameter in tensors)
            shapes = [tuple(parameter.shape) for parameter in tensors]
            if _is_affine(modules[owner], tensors):
                shape, kind = shapes[0], "layer" if parts else "input"
            else:  # alike where of one class and the same shapes
                shape = shapes[0] if len(shapes) == 1 else (stop - start,)
                kind = " ".join([type(modules[owner]).__name__, *map(str, shapes)])
            parts.append(Part(owner or type(self.module).__name__, start, stop, shape, kind))
            start = stop
        last = parts[-1]
        if self._bends(last, inputs):
            return Structure(tuple(parts))
        return Structure((*parts[:-1], Part(last.name, last.start, last.stop, last.shape, "head")))

    def _bends(self, part: Part, inputs: Sequence[Tensor]) -> bool:
        """Return whether outputs are not affine in a part of θ: m(θ + d) + m(θ − d) is not 2m(θ) for a large d."""
        theta = self.start()
        numbers = torch.arange(part.size, dtype=theta.dtype, device=theta.device)
        step = torch.zeros_like(theta)
        step[part.start : part.stop] = (1 + theta.abs().max()) * torch.cos(1 + numbers)
        with torch.no_grad():
            below, middle, above = (self.call(theta + sign * step, inputs) for sign in (-1, 0, 1))
        scale = below.abs() + 2 * middle.abs() + above.abs()
        bend = (below - 2 * middle + above).abs()
        return bool((bend > 1e3 * torch.finfo(theta.dtype).eps * scale.max()).any())


def _is_affine(module: nn.Module, tensors: Sequence[Tensor]) -> bool:
    """Return whether a module is h ↦ Wh + b, and the tensors are W and b."""
    return type(module) is nn.Linear and [id(t) for t in tensors] == [id(module.weight), id(module.bias)]
