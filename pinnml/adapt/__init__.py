"""What changes a run's points between its steps, and the loss that such a rule works on."""

from pinnml.adapt.rad import LADDER, RAD, Stage
from pinnml.adapt.renewal import MemoryWarning, Renewal
from pinnml.loss import Discretisation, PinnObjective

__all__ = ["LADDER", "RAD", "Discretisation", "MemoryWarning", "PinnObjective", "Renewal", "Stage"]
