"""What is held to be likely of an unknown function beside equations and measurements."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pinnml.problem.conditions import Interior, Term
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.vocabulary import Vocabulary


@dataclass(frozen=True)
class Tikhonov(Interior):
    """A weak prior: `residual(a_xx, …)` is small everywhere in the domain, as far as measurements leave that open.

    `Tikhonov(lambda a_xx, a_yy: (a_xx, a_yy))` holds an unknown coefficient `a` to be smooth. It is no equation: points
    do not follow it, and it is not meant to vanish.

    Parameters
    ----------
    residual : callable
        A function as that of `Interior`.
    weight : float or None, default None
        The factor of ½‖r‖² beside ½ mean (u − d)²/σ² of the noisy measurements, above 0; it makes up for the units
        of r. None leaves it to `Discrepancy`, which finds it by the evidence of the measurements.

    Raises
    ------
    DeclarationError
        Where a `Problem` is made with it: as for `Interior`, and without a weight where no measurement has a `sigma`.
    """

    def bind(self, name: str, domain: AbstractDomain, vocabulary: Vocabulary) -> Term:
        """Bind the residual's argument names."""
        return replace(super().bind(name, domain, vocabulary), prior=True, balanced=self.weight is None)
