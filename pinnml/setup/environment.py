"""What a run depends on besides its setup: the machine, and the software on it."""

from __future__ import annotations

import platform
import re

import torch

from pinnml._version import __version__


def has_gpu(device: str | torch.device) -> bool:
    """Return whether a GPU such as "cuda" or "cuda:1" is there."""
    return torch.cuda.is_available() and (torch.device(device).index or 0) < torch.cuda.device_count()


def there_or_cpu(device: str) -> str:
    """Return a GPU by the name that a file has for it, or the CPU where there is no such device, whatever the text."""
    known = re.fullmatch(r"cuda(:\d{1,3})?", device) is not None
    return device if known and has_gpu(device) else "cpu"


def machine() -> dict[str, object]:
    """Return what of machine and software decides about the last bits of a run."""
    return {
        "version": __version__,
        "torch": str(torch.__version__),  # a class of its own, which no checkpoint may hold
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "system": platform.system(),
    }
