"""What is refused of a module, a loss and data, before anything is evaluated."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from pinnml.errors import DeclarationError, shown
from pinnml.network.purity import buffers_of, check_alone, check_kind, check_repeats
from pinnml.objective import Structure
from pinnml.torch.losses import Loss, squares, sums
from pinnml.torch.parameters import Parameters
from pinnml.torch.samples import Samples, samples_of

TRIED = 3
"""Samples that a module is tried on."""


def prepared(
    module: nn.Module, loss: Loss, data: Sequence[Tensor] | TensorDataset
) -> tuple[Parameters, Samples, Structure]:
    """Return parameters, samples and parts of θ; raise `DeclarationError` for what no objective can be made of."""
    if not isinstance(module, nn.Module):
        raise DeclarationError(f"module is {shown(module)}", "objective", "give a torch.nn.Module")
    check_kind(module, "module")
    parameters, samples = Parameters(module), samples_of(data)
    sums(loss)
    few = samples.chosen(slice(0, TRIED)).like(parameters.start())
    outputs = _tried(module, few)
    if squares(loss, 1) is None:
        _check_loss(loss, outputs, few.targets)
    elif outputs.shape != few.targets.shape:
        what = f"The module gives {tuple(outputs.shape)} for targets of shape {tuple(few.targets.shape)}"
        raise DeclarationError(what, "data", "give targets of the outputs' shape, as by targets.view_as(outputs)")
    return parameters, samples, parameters.structure(few.inputs)


def _tried(module: nn.Module, samples: Samples) -> Tensor:
    """Return the outputs for some samples; raise `DeclarationError` where they are no function of each of these."""
    buffers, inputs = buffers_of(module), samples.inputs

    def alone() -> Tensor:
        return torch.cat([module(*(part[n : n + 1] for part in inputs)) for n in range(len(samples))])

    try:
        with torch.no_grad():
            whole, again = module(*inputs), module(*inputs)
            if not isinstance(whole, Tensor) or len(whole) != len(samples):
                what = f"{shown(whole)} came out of the module for {len(samples)} samples"
                raise DeclarationError(what, "module", "return one tensor with an output for every sample")
            check_repeats(module, buffers, whole, again, "module")
            check_alone(whole, alone, "sample", "module")
    except DeclarationError:
        raise
    except Exception as error:
        shapes = ", ".join(str(tuple(part.shape)) for part in inputs)
        what = f"The module fails on inputs of shape {shapes}: {type(error).__name__}: {error}"
        raise DeclarationError(what, "module", "give one that maps the inputs of the data") from error
    return whole


def _check_loss(loss: Loss, outputs: Tensor, targets: Tensor) -> None:
    """Raise `DeclarationError` where the loss of some outputs is no number."""
    if not callable(loss):
        raise DeclarationError(f"loss is {shown(loss)}", "objective", "give a torch loss, or a function")
    try:
        found = loss(outputs, targets)
    except Exception as error:
        what = f"The loss fails on the module's outputs: {type(error).__name__}: {error}"
        raise DeclarationError(what, "loss", "give targets that the loss takes") from error
    if not isinstance(found, Tensor) or found.dim() or not math.isfinite(float(found)):
        raise DeclarationError(f"The loss is {shown(found)}", "loss", "return one finite number, a tensor of shape ()")
