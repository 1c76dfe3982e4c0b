"""The version of the package, in this one place."""

from __future__ import annotations

__version__ = "0.1.0"
"""The version of the package."""
