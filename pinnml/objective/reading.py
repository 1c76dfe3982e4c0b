"""Numbers of a device, read in few goes: a program that runs ahead of a GPU waits for it at every one."""

from __future__ import annotations

import torch
from torch import Tensor


def read(*scalars: Tensor) -> tuple[float, ...]:
    """Return 0-dimensional tensors of one device as numbers, all of them in one go; truth values are 0 and 1."""
    return tuple(torch.stack([scalar.detach() for scalar in scalars]).tolist()) if scalars else ()
