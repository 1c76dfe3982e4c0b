"""What is known of an error without a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from torch import Tensor

from pinnml.settings import record


@record
class Estimate:
    """The estimated relative L² error of every field (dimensionless), and whether to trust it.

    `method` names the estimator, and `reason` says in a sentence why the estimate is trusted or not. `differences` are
    what the estimator looked at, field by field, such as ‖u − u_m‖/‖u‖ for growing parts of a basis, and `nearby` are
    the parameters (p,) of the last u_m: where that is far from u the error is likely to be large. `lighter` are those
    of an approximation with lighter weights that leaves little more, from which a larger basis can begin, None where
    none is called for. `error` is the error itself, where it is known: points x (n, d) to values of all fields, shape
    (m, n), in their units; or points and the fields' slopes (m, n) there along an axis, where fields are displaced.
    It is `stuck` where nothing but another start is likely to lower it.
    """

    relative_l2: Mapping[str, float]
    trustworthy: bool
    reason: str
    method: str = ""
    differences: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    nearby: Tensor | None = field(default=None, repr=False)
    lighter: Tensor | None = field(default=None, repr=False)
    error: Callable[..., Tensor] | None = field(default=None, repr=False)
    stuck: bool = False

    @property
    def largest(self) -> float:
        """The largest of all fields' errors."""
        return max(self.relative_l2.values())
