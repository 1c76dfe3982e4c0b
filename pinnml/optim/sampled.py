"""A preconditioner made from some of the residuals."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from pinnml.objective import AbstractObjective, ShareOfPoints, Structure
from pinnml.optim.inverse import AbstractInverse, AbstractPreconditioner
from pinnml.settings import Between, setting


@setting
class OnFewerPoints(AbstractPreconditioner):
    """The M⁻¹ of another preconditioner with J of a share of every condition's points, at that share of the work.

    Only the preconditioner is sampled: f and ∇f are those of all points, and so is where the method leads. J keeps
    about as many rows as unknowns of the largest block are worth: with fewer, directions that no row sees are left to
    the damping. Source: Byrd, Chin, Neveitt, Nocedal, SIAM J. Optim. 21, 2011, for sampled Hessians; an objective that
    is not a sum over points is used unchanged.

    Parameters
    ----------
    inner : AbstractPreconditioner
        What makes M⁻¹.
    share : float, default 0.25
        The share of the points (dimensionless), above 0 up to 1.
    """

    inner: AbstractPreconditioner
    share: Annotated[float, Between(0, 1, (False, True))] = 0.25

    def storage(self, structure: Structure, size: int, rows: int) -> int:
        """Return that of the inner one on fewer rows."""
        return self.inner.storage(structure, size, max(1, round(self.share * rows)))

    def factors(self, objective: AbstractObjective, theta: Tensor, damping: float) -> AbstractInverse:
        """Make M⁻¹ of the coarse problem on these points, whose f and residuals are weighted to be like the whole."""
        coarse = objective.coarse(ShareOfPoints(self.share))
        return self.inner.factors(objective if coarse is None else coarse.objective, theta, damping)
