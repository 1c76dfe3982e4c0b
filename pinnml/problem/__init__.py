"""Problems: domain, fields, parameters and conditions, declared by argument names."""

from pinnml.errors import DeclarationError, Finding, raise_fatal, suggestion
from pinnml.problem.conditions import AbstractCondition, Derivative, Interior, Periodic, Term, Value
from pinnml.problem.data import Data
from pinnml.problem.domain import Box, Face, check_inside
from pinnml.problem.lifting import FieldLifting, Lifting
from pinnml.problem.problem import Problem
from pinnml.problem.reference import Reference
from pinnml.problem.regions import Everywhere, Faces, Given, Pair, Region
from pinnml.problem.vocabulary import FieldDerivative, MultiIndex

__all__ = [
    "AbstractCondition",
    "Box",
    "Data",
    "DeclarationError",
    "Derivative",
    "Everywhere",
    "Face",
    "Faces",
    "FieldDerivative",
    "FieldLifting",
    "Finding",
    "Given",
    "Interior",
    "Lifting",
    "MultiIndex",
    "Pair",
    "Periodic",
    "Problem",
    "Reference",
    "Region",
    "Term",
    "Value",
    "check_inside",
    "raise_fatal",
    "suggestion",
]
