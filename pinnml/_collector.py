"""Imports without a collection of garbage among them, which would look at all that torch has made."""

import gc

_WAS_ENABLED = gc.isenabled()
gc.disable()


def resume() -> None:
    """Collect again, if that was done before."""
    if _WAS_ENABLED:
        gc.enable()
