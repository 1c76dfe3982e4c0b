"""What changes a run's points between its steps."""

from pinnml.adapt.rad import LADDER, RAD, Stage
from pinnml.adapt.renewal import MemoryWarning, Renewal

__all__ = ["LADDER", "RAD", "MemoryWarning", "Renewal", "Stage"]
