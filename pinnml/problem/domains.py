"""Domains, under the name by which users call them: `pinnml.domains.Box(x=(0, 1))`."""

from pinnml.problem.box import Box
from pinnml.problem.domain import AbstractDomain

__all__ = ["AbstractDomain", "Box"]
