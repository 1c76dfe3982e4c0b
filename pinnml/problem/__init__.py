"""Problems: domain, fields, parameters and conditions, declared by argument names."""

from pinnml.errors import DeclarationError, Finding, raise_fatal, suggestion
from pinnml.problem.boundary import Boundary, Derivative, Value
from pinnml.problem.box import Box, Face
from pinnml.problem.check import unresolved
from pinnml.problem.conditions import AbstractCondition, Interior, Periodic, Term
from pinnml.problem.data import Data
from pinnml.problem.domain import AbstractDomain, Corner, Triangulation, check_inside
from pinnml.problem.evolution import times_of
from pinnml.problem.field import Field
from pinnml.problem.integral import Integral
from pinnml.problem.interface import Across, Interface
from pinnml.problem.lifting import FieldLifting, Lifting
from pinnml.problem.mesh.nodal import NodalTable
from pinnml.problem.prior import Tikhonov
from pinnml.problem.probe import probe_term
from pinnml.problem.problem import Problem
from pinnml.problem.reference import Reference
from pinnml.problem.regions import AbstractRegion, Everywhere, Given, Pair, Parts, PointData
from pinnml.problem.sampling import UnitPoints, spread
from pinnml.problem.symbols import FieldDerivative, MultiIndex
from pinnml.problem.table import Table
from pinnml.problem.unknown import Unknown
from pinnml.problem.volterra import Volterra

__all__ = [
    "Across",
    "AbstractCondition",
    "AbstractDomain",
    "AbstractRegion",
    "Boundary",
    "Box",
    "Corner",
    "Data",
    "DeclarationError",
    "Derivative",
    "Everywhere",
    "Face",
    "Field",
    "FieldDerivative",
    "FieldLifting",
    "Finding",
    "Given",
    "Integral",
    "Interface",
    "Interior",
    "Lifting",
    "MultiIndex",
    "NodalTable",
    "Pair",
    "Parts",
    "Periodic",
    "PointData",
    "Problem",
    "Reference",
    "Table",
    "Term",
    "Tikhonov",
    "Triangulation",
    "UnitPoints",
    "Unknown",
    "Value",
    "Volterra",
    "check_inside",
    "probe_term",
    "raise_fatal",
    "spread",
    "suggestion",
    "times_of",
    "unresolved",
]
