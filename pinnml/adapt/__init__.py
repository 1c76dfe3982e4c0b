"""What changes a run's points and network between its steps, and the loss that such a rule works on."""

from pinnml.adapt.rad import LADDER, RAD
from pinnml.adapt.readouts import Readouts, joined
from pinnml.adapt.renewal import MemoryWarning, Renewal
from pinnml.adapt.rule import AbstractAdaptation, Stage
from pinnml.adapt.widening import Widening, freeze, thaw, widen
from pinnml.loss import Discretisation, PinnObjective

__all__ = [
    "LADDER",
    "RAD",
    "AbstractAdaptation",
    "Discretisation",
    "MemoryWarning",
    "PinnObjective",
    "Readouts",
    "Renewal",
    "Stage",
    "Widening",
    "freeze",
    "joined",
    "thaw",
    "widen",
]
