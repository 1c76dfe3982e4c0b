"""Contraction factors on a chain with modes that are smooth in depth, and what the coarse level is worth there.

`pytest -n0 -rP tests/levels/test_contraction.py` prints them.
"""

from __future__ import annotations

import pytest
from deep_chain import DeepChain

from pinnml.levels import After, Before, Beside, Cycle, FewerPoints, FirstLayers, TiedBlocks, TwoLevel
from pinnml.optim import AbstractSolver, Iterations, LevenbergMarquardt, minimise
from pinnml.schwarz import AbstractSchwarz, AdditiveSchwarz, ByLayer, Local, MultiplicativeSchwarz, SubspaceMinimisation

EXACT = Local(LevenbergMarquardt(geodesic=False, damping=0.0))
SWEEPS = 8

pytestmark = pytest.mark.usefixtures("on_one_thread")

MULTIPLICATIVE = MultiplicativeSchwarz(ByLayer(), EXACT, stretches=())
ADDITIVE = AdditiveSchwarz(ByLayer(), EXACT, SubspaceMinimisation(EXACT))


def contraction(solver: AbstractSolver, depth: int = 18) -> float:
    """Return the mean factor a sweep of ‖θ − θ*‖ in the energy norm, after as many sweeps; the minimum of f is zero."""
    problem = DeepChain(depth)
    losses: list[float] = []
    minimise(
        problem, problem.start(), solver, Iterations(2 * SWEEPS), callback=lambda p: losses.append(float(p.iterate.f))
    )
    factor = (losses[2 * SWEEPS] / losses[SWEEPS]) ** (0.5 / SWEEPS)
    print(f"{depth} layers: factor {factor:.3f}")
    return float(factor)


def two_level(fine: AbstractSchwarz, placement: Cycle) -> TwoLevel:
    return TwoLevel(fine, (TiedBlocks(3),), EXACT, placement)


@pytest.mark.parametrize("fine", [MULTIPLICATIVE, ADDITIVE], ids=["multiplicative", "additive"])
@pytest.mark.parametrize(
    ("placement", "bound"),
    [(After(), 0.65), (Before(), 0.65), (Beside(SubspaceMinimisation(EXACT)), 0.85)],
    ids=["after", "before", "beside"],
)
def test_the_coarse_level_makes_the_factor_independent_of_the_depth(
    fine: AbstractSchwarz, placement: Cycle, bound: float
) -> None:
    for depth in (18, 36):
        assert contraction(two_level(fine, placement), depth) < bound
        assert contraction(fine, depth) > 0.98


def test_layers_left_out_are_no_coarse_level_for_smooth_modes() -> None:
    """Frozen neighbours hold the first layers where they are: all layers have to move at once."""
    assert contraction(TwoLevel(MULTIPLICATIVE, (FirstLayers(3),), EXACT)) > 0.98


INNER = TwoLevel(MULTIPLICATIVE, (TiedBlocks(3),), EXACT)
THREE_LEVELS = TwoLevel(MULTIPLICATIVE, (TiedBlocks(3),), Local(INNER))
"""Blocks, blocks tied in threes, and these tied in threes again."""

ON_BLOCKS = AdditiveSchwarz(ByLayer(6), Local(INNER, 4), SubspaceMinimisation(EXACT))

COMPOSITIONS: dict[str, tuple[AbstractSolver, float]] = {
    "two levels on a coarse level": (THREE_LEVELS, 0.8),
    "blocks within blocks": (
        MultiplicativeSchwarz(ByLayer(9), Local(MultiplicativeSchwarz(ByLayer(), EXACT), 20)),
        0.97,
    ),
    "two levels as every solver of two levels": (TwoLevel(local=Local(TwoLevel(local=EXACT))), 0.6),
    "two levels on blocks": (TwoLevel(ON_BLOCKS, (TiedBlocks(3),), EXACT), 0.65),
    "two levels on fewer points": (TwoLevel(MULTIPLICATIVE, (FewerPoints(0.5, Local(INNER)),)), 0.65),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_compositions_contract(name: str) -> None:
    """Faster by far than sweeps over single layers, whose factor is 0.995."""
    solver, bound = COMPOSITIONS[name]
    assert contraction(solver) < bound


def test_three_levels_stay_nearly_independent_of_the_depth() -> None:
    """Of 54 layers, 18 and 6 coarse ones, each with one sweep a cycle; the coarsest is not solved, but swept, too."""
    assert contraction(THREE_LEVELS, 54) < 0.85
