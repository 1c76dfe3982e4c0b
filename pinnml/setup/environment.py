"""What a run depends on besides its setup: the machine, and the software on it."""

from __future__ import annotations

import platform

import torch

from pinnml._version import __version__


def machine() -> dict[str, object]:
    """Return what of machine and software decides about the last bits of a run."""
    return {
        "version": __version__,
        "torch": str(torch.__version__),  # a class of its own, which no checkpoint may hold
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "system": platform.system(),
    }
