"""L-BFGS preconditioned by two levels: from the left, by factors of a matrix; from the right, by sweeps."""

from __future__ import annotations

from pinnml.levels import AbstractLevelRule, TiedBlocks, TwoLevel, TwoLevelFactors
from pinnml.optim import (
    LBFGS,
    AbstractRebuild,
    Iterations,
    OnFewerPoints,
    RightPreconditioned,
    Sequential,
    Stale,
    Switching,
)
from pinnml.schwarz import ByLayer, MultiplicativeSchwarz, SchwarzFactors

STALE = Stale()
"""When factors are made again."""


def preconditioned_lbfgs(
    layers: int = 1,
    groups: tuple[int, ...] = (3,),
    memory: int = 100,
    share: float = 0.1,
    damping: float = 0.1,
    rebuild: int | AbstractRebuild = STALE,
) -> LBFGS:
    """Return L-BFGS whose two-loop recursion begins with two-level Schwarz factors: θ⁺ = θ − αH∇f, H₀ = γM⁻¹.

    M⁻¹ = Σ_s E_s F_s⁻¹ R_s + Σ_g P_g F_g⁻¹ P_gᵀ with the Cholesky factors of F_s = R_s JᵀJ E_s, one for each block of
    layers, and of F_g = P_gᵀJᵀJP_g, one for each coarse level, in which groups of blocks share one increment; to each
    λ times its diagonal is added. γ = s·y/y·M⁻¹y of the newest pair. An iteration costs one gradient, as that of
    L-BFGS. Sources: the recursion, Nocedal, Wright 2006, algorithm 7.4; two-level additive Schwarz, Dolean, Jolivet,
    Nataf, An Introduction to Domain Decomposition Methods, 2015, § 4.2.

    Parameters
    ----------
    layers : int, default 1
        Layers of a block.
    groups : tuple of int, default (3,)
        The most blocks that share one increment, one number for each coarse level; () for one level, without a coarse
        one.
    memory : int, default 100
        Secant pairs.
    share : float, default 0.1
        The share of the points of which J is made (dimensionless), above 0 up to 1. Give more where there are few
        points: J is to have several times as many rows as a block has parameters.
    damping : float, default 0.1
        λ (dimensionless), at least 0. Blocks alone would take far longer steps than blocks that move together.
    rebuild : int or AbstractRebuild, default Stale()
        When the factors are made again.

    Returns
    -------
    LBFGS
    """
    factors = TwoLevelFactors(SchwarzFactors(ByLayer(layers)), groups)
    return LBFGS(memory, initial=OnFewerPoints(factors, share), rebuild=rebuild, damping=damping)


def right_preconditioned_lbfgs(
    layers: int = 1, coarse: tuple[AbstractLevelRule, ...] = (TiedBlocks(3),), memory: int = 3
) -> RightPreconditioned:
    """Return L-BFGS preconditioned from the right: θ½ = C(S(θ)), then θ⁺ = θ½ − αH∇f(θ½).

    S is a multiplicative sweep, one Levenberg–Marquardt step (R_s JᵀJ E_s + λ_s D)d = −R_s Jᵀr for each block of layers
    in turn, C the like step on each coarse level. It is SPQN's outer iteration with Gauss–Newton steps in place of
    local L-BFGS (Kopaničáková, Kothari, Karniadakis, Krause, SISC 46(5), 2024), and a coarse level.

    Parameters
    ----------
    layers : int, default 1
        Layers of a block.
    coarse : tuple of AbstractLevelRule, default (TiedBlocks(3),)
        The coarse levels; () for none.
    memory : int, default 3
        Secant pairs of the global steps.

    Returns
    -------
    RightPreconditioned
    """
    sweep = MultiplicativeSchwarz(ByLayer(layers))
    return RightPreconditioned(TwoLevel(sweep, coarse) if coarse else sweep, memory)


def two_level_lbfgs(
    sweeps: int = 2, layers: int = 1, group: int = 3, memory: int = 100, share: float = 0.1
) -> Switching:
    """Return both, one after the other: first some steps of `right_preconditioned_lbfgs`, then `preconditioned_lbfgs`.

    Far from a minimum blocks need damping of their own, which sweeps have and factors have not; near one a gradient
    costs less than a sweep.

    Parameters
    ----------
    sweeps : int, default 2
        Steps with a sweep, at least 1.
    layers : int, default 1
        Layers of a block.
    group : int, default 3
        The most blocks that share one increment.
    memory : int, default 100
        Secant pairs of the steps after the sweeps.
    share : float, default 0.1
        The share of the points of which their factors are made; see `preconditioned_lbfgs`.

    Returns
    -------
    Switching
    """
    first = right_preconditioned_lbfgs(layers, (TiedBlocks(group),))
    return Sequential((first, Iterations(sweeps)), preconditioned_lbfgs(layers, (group,), memory, share))
