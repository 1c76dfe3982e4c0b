"""Optimisers: maps from an iterate to the next, and the one loop that drives them."""

from pinnml.optim.acceleration import Geodesic
from pinnml.optim.adagrad import AdaGrad
from pinnml.optim.adam import Adam
from pinnml.optim.bfgs import BFGS, SelfScaledBroyden
from pinnml.optim.bounds import AbstractBoundedSolver, Bounds
from pinnml.optim.compact import AbstractUpdate, BFGSUpdate, SR1Update
from pinnml.optim.conjugate_gradients import ConjugateGradients
from pinnml.optim.direct import QR, Cholesky
from pinnml.optim.estimate import Estimate
from pinnml.optim.gauss_newton import GaussNewton, LevenbergMarquardt, NewtonKrylov
from pinnml.optim.globalisation import AbstractDamping, AbstractGlobalisation, Damping, Ladder, Momentum, RatioTargeted
from pinnml.optim.gradient_descent import GradientDescent
from pinnml.optim.inverse import (
    AbstractInverse,
    AbstractPreconditioner,
    GaussNewtonFactors,
    JacobiFactors,
    damped_factor,
    modelled,
    solved,
)
from pinnml.optim.krylov import Ellipsoid, KrylovStatus, Solved, solve_by_conjugate_gradients
from pinnml.optim.lbfgs import LBFGS
from pinnml.optim.line_search import AbstractBacktracking, Armijo, Outcome, Search, Searched, Secant, StrongWolfe
from pinnml.optim.linear import AbstractLinearSolve
from pinnml.optim.loop import Assess, Callback, Finished, Renew, Renewed, minimise
from pinnml.optim.minimum_norm import MinimumNorm
from pinnml.optim.nested import AbstractProposal, NestedTrustRegions, Proposal
from pinnml.optim.observed import ObservedLipschitz
from pinnml.optim.projected_gradient import ProjectedGradient
from pinnml.optim.projection import VariableProjection
from pinnml.optim.rebuild import AbstractRebuild, Age, Every, Stale
from pinnml.optim.right_preconditioned import RightPreconditioned
from pinnml.optim.rules import AbstractRule, AfterTrial, UntilStops, WhileFalling
from pinnml.optim.sampled import OnFewerPoints
from pinnml.optim.sampled_projection import SampledVariableProjection
from pinnml.optim.secant import SecantMemory
from pinnml.optim.solver import AbstractSolver, Component, Improved, Inside, improve, moved, phase
from pinnml.optim.status import Result, Status, interim
from pinnml.optim.stop import (
    Accuracy,
    AnyOf,
    Evaluations,
    GradientNorm,
    Iterations,
    Loss,
    Progress,
    Seconds,
    Stop,
    Work,
)
from pinnml.optim.switching import Handover, IfFast, Sequential, Switching
from pinnml.optim.tikhonov import cross_validated_weight, discrepancy_weight, l_curve_weight
from pinnml.optim.trust_region import TrustRegion
from pinnml.optim.trust_region_quasi_newton import (
    LSR1,
    TrustRegionLBFGS,
    TrustRegionQuasiNewton,
)
from pinnml.optim.where_linear import WhereLinear, readout_solver
from pinnml.optim.within import AbstractTrustRegionSolver, improve_within

__all__ = [
    "BFGS",
    "LBFGS",
    "LSR1",
    "Ladder",
    "QR",
    "AbstractBacktracking",
    "AbstractBoundedSolver",
    "AbstractDamping",
    "AbstractGlobalisation",
    "AbstractInverse",
    "AbstractLinearSolve",
    "AbstractPreconditioner",
    "AbstractProposal",
    "AbstractRebuild",
    "AbstractRule",
    "AbstractSolver",
    "AbstractTrustRegionSolver",
    "AbstractUpdate",
    "BFGSUpdate",
    "Accuracy",
    "AdaGrad",
    "Adam",
    "AfterTrial",
    "Age",
    "AnyOf",
    "Assess",
    "Armijo",
    "Bounds",
    "Callback",
    "Cholesky",
    "Component",
    "ConjugateGradients",
    "Damping",
    "Ellipsoid",
    "Estimate",
    "Evaluations",
    "Every",
    "Finished",
    "GaussNewton",
    "GaussNewtonFactors",
    "Geodesic",
    "GradientDescent",
    "GradientNorm",
    "Handover",
    "IfFast",
    "Improved",
    "Inside",
    "Iterations",
    "JacobiFactors",
    "KrylovStatus",
    "LevenbergMarquardt",
    "Loss",
    "MinimumNorm",
    "Momentum",
    "NestedTrustRegions",
    "NewtonKrylov",
    "ObservedLipschitz",
    "OnFewerPoints",
    "Outcome",
    "Progress",
    "ProjectedGradient",
    "Proposal",
    "RatioTargeted",
    "Renew",
    "Renewed",
    "Result",
    "RightPreconditioned",
    "SR1Update",
    "SampledVariableProjection",
    "Search",
    "Searched",
    "Secant",
    "Seconds",
    "SecantMemory",
    "SelfScaledBroyden",
    "Sequential",
    "Solved",
    "Status",
    "Stale",
    "Stop",
    "StrongWolfe",
    "Switching",
    "TrustRegion",
    "TrustRegionLBFGS",
    "TrustRegionQuasiNewton",
    "UntilStops",
    "VariableProjection",
    "WhereLinear",
    "WhileFalling",
    "Work",
    "cross_validated_weight",
    "damped_factor",
    "discrepancy_weight",
    "improve",
    "improve_within",
    "interim",
    "l_curve_weight",
    "minimise",
    "modelled",
    "moved",
    "phase",
    "readout_solver",
    "solve_by_conjugate_gradients",
    "solved",
]
