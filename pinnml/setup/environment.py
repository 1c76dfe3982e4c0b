"""What a run depends on besides its setup: the machine, and the software on it."""

from __future__ import annotations

import platform
import re

import torch

from pinnml._version import __version__


def has_gpu(device: str | torch.device) -> bool:
    """Return whether a GPU such as "cuda" or "cuda:1" is there."""
    return torch.cuda.is_available() and (torch.device(device).index or 0) < torch.cuda.device_count()


def located(device: str) -> str:
    """Return where what lay on a device of a file goes: there, to the first GPU for a missing one, or to the CPU."""
    if re.fullmatch(r"cuda(:\d{1,3})?", device) is None or not has_gpu("cuda"):
        return "cpu"
    return device if has_gpu(device) else "cuda:0"


def machine() -> dict[str, object]:
    """Return what of machine and software decides about the last bits of a run."""
    return {
        "version": __version__,
        "torch": str(torch.__version__),  # a class of its own, which no checkpoint may hold
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "system": platform.system(),
    }
