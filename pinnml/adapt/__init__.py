"""What changes a run's weights, points and network, and the loss that such a rule works on."""

from pinnml.adapt.rad import LADDER, RAD
from pinnml.adapt.readouts import Readouts, joined
from pinnml.adapt.renewal import MemoryWarning, Renewal
from pinnml.adapt.rule import AbstractAdaptation, Stage
from pinnml.adapt.widening import Widening, freeze, thaw, widen
from pinnml.loss import AbstractBalance, Discretisation, EqualTraces, PinnObjective

__all__ = [
    "LADDER",
    "RAD",
    "AbstractAdaptation",
    "AbstractBalance",
    "Discretisation",
    "EqualTraces",
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
