"""matplotlib, whatever the environment says of windows: what is drawn here is drawn into files."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

_named = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
try:
    import matplotlib
finally:
    if _named is not None:
        os.environ["MPLBACKEND"] = _named
if _named:
    # as matplotlib does itself, which refuses to load at all where the name is wrong
    with suppress(ValueError):
        matplotlib.rcParams["backend"] = _named

__all__ = ["matplotlib"]
