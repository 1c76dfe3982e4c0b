"""What a module must be to be a function of its parameters and of each sample by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from pinnml.errors import DeclarationError

REMEDY = "call module.eval() first, or leave out dropout and batch normalisation"


def check_kind(module: nn.Module, where: str) -> None:
    """Raise `DeclarationError` for what cannot be differentiated again and again, or has no real parameters."""
    if isinstance(module, torch.jit.ScriptModule):
        raise DeclarationError("The module is scripted", where, "give the module that it was made from")
    if hasattr(module, "_orig_mod"):
        raise DeclarationError("The module is compiled", where, "give the module itself, before torch.compile")
    for name, parameter in module.named_parameters():
        if not parameter.is_floating_point():
            what = f"Its parameter {name!r} is {parameter.dtype}"
            raise DeclarationError(what, where, "give real floating-point parameters, such as two for a complex one")


def buffers_of(module: nn.Module) -> dict[str, Tensor]:
    """Return copies of a module's buffers, for `check_repeats`."""
    return {name: buffer.clone() for name, buffer in module.named_buffers()}


def check_repeats(module: nn.Module, buffers: Mapping[str, Tensor], whole: Tensor, again: Tensor, where: str) -> None:
    """Raise `DeclarationError` where two calls with the same inputs differ, or have changed buffers; put those back."""
    changed = [name for name, buffer in module.named_buffers() if not torch.equal(buffer, buffers[name])]
    module.load_state_dict(dict(buffers), strict=False)
    if changed:
        raise DeclarationError(f"The module changes its buffer {changed[0]!r} when it is called", where, REMEDY)
    if not torch.equal(whole, again):
        raise DeclarationError("The module gives another result when it is called again", where, REMEDY)


def check_alone(whole: Tensor, alone: Callable[[], Tensor], kind: str, where: str) -> None:
    """Raise `DeclarationError` where samples of a `kind`, each called by itself, give other results than together."""
    tolerance = 1e3 * torch.finfo(whole.dtype).eps * (1 + float(whole.abs().max()))
    if float((whole - alone()).abs().max()) > tolerance:
        raise DeclarationError(f"The module gives a {kind} another value among other {kind}s", where, REMEDY)
