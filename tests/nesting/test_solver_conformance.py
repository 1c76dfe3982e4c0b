"""Every solver by name, every ablation, and compositions three deep keep what a solver promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from solver_conformance import CHECKS, check_poisoned_for_good, check_solved_already

from pinnml.bench.ablations import ABLATIONS
from pinnml.cli.catalogue import SOLVERS
from pinnml.levels import (
    Beside,
    CoarseLevel,
    FewerPoints,
    FirstLayers,
    Hybrid,
    LineSearched,
    Multilevel,
    NestedIteration,
    NestedLevel,
    Paying,
    Smoothing,
    TiedBlocks,
    TwoLevel,
    WCycle,
    WeakForm,
    WeakSpan,
)
from pinnml.methods import monotone_multigrid, multilevel_lbfgs, preconditioned_lbfgs, right_preconditioned_lbfgs
from pinnml.objective import Full, HalfDepth, HalfWidth, ShareOfPoints
from pinnml.optim import (
    BFGS,
    LBFGS,
    QR,
    AbstractSolver,
    Bounds,
    GaussNewton,
    GaussNewtonFactors,
    Geodesic,
    Handover,
    IfFast,
    Iterations,
    Ladder,
    LevenbergMarquardt,
    Momentum,
    NewtonKrylov,
    OnFewerPoints,
    ProjectedGradient,
    RatioTargeted,
    RightPreconditioned,
    SampledVariableProjection,
    Sequential,
    Stale,
    VariableProjection,
    WhereLinear,
)
from pinnml.schwarz import (
    AdditiveSchwarz,
    Averaged,
    ByLayer,
    ByNeurons,
    Local,
    MultiplicativeSchwarz,
    Owned,
    SubspaceMinimisation,
    Synchronised,
)

LEAVES: dict[str, AbstractSolver] = {
    "lbfgs": LBFGS(3),
    "gauss-newton": LevenbergMarquardt(geodesic=False),
    "levenberg-marquardt": LevenbergMarquardt(),
    "qr": LevenbergMarquardt(factorisation=QR()),
    "ladder": GaussNewton(QR(), Ladder(), Geodesic(bend=None)),
    "momentum": GaussNewton(globalisation=Momentum()),
    "ratio-targeted": GaussNewton(globalisation=RatioTargeted()),
    "newton-krylov": NewtonKrylov(max_iterations=5),
    "bfgs": BFGS(),
    "projected gradient": ProjectedGradient(bounds=Bounds(-1e3, 1e3)),
    "monotone": monotone_multigrid(Bounds(-1e3, 1e3), (ShareOfPoints(0.5), HalfDepth()), steps=1),
    "projected": VariableProjection(LevenbergMarquardt()),
    "projected-full": VariableProjection(LevenbergMarquardt(), Full()),
    "lbfgs-gauss-newton": LBFGS(3, initial=GaussNewtonFactors(), rebuild=2, damping=1e-3),
    "lbfgs-stale": LBFGS(3, initial=OnFewerPoints(GaussNewtonFactors(), 0.5), rebuild=Stale(1.0, 0.0), damping=1e-3),
    "smoother lbfgs-two-level": multilevel_lbfgs((ShareOfPoints(0.5),), preconditioned_lbfgs(groups=(2,)), 1),
    "smoother lbfgs-right": multilevel_lbfgs((HalfDepth(),), right_preconditioned_lbfgs(coarse=(TiedBlocks(2),)), 1),
}

SMALL = Smoothing(LBFGS(3), 1, 1)

COMPOSITES: dict[str, Callable[[AbstractSolver], AbstractSolver]] = {
    "multiplicative": lambda s: MultiplicativeSchwarz(ByLayer(3), Local(s), stretches=(3.0,)),
    "neurons": lambda s: MultiplicativeSchwarz(ByNeurons(2), Local(s), stretches=()),
    "additive": lambda s: AdditiveSchwarz(ByLayer(2), Local(s)),
    "averaged": lambda s: AdditiveSchwarz(ByLayer(2, overlap=1), Local(s), Averaged(Synchronised())),
    "owned": lambda s: AdditiveSchwarz(ByLayer(2, overlap=1), Local(s), Owned(SubspaceMinimisation())),
    "tied": lambda s: TwoLevel(coarse=(TiedBlocks(2),), local=Local(s)),
    "first layers": lambda s: TwoLevel(coarse=(FirstLayers(2, Local(s)),)),
    "fewer points": lambda s: TwoLevel(coarse=(FewerPoints(0.5, Local(s)),)),
    "weak form": lambda s: TwoLevel(MultiplicativeSchwarz(local=Local(s)), (WeakForm(3),)),
    "weak span": lambda s: TwoLevel(coarse=(WeakSpan(3, Local(s)),)),
    "beside": lambda s: TwoLevel(MultiplicativeSchwarz(ByLayer(2), Local(s)), placement=Beside()),
    "v-cycle": lambda s: Multilevel((CoarseLevel(ShareOfPoints(0.5), Smoothing(s, 1, 0)),), Smoothing(LBFGS(3), 1, 1)),
    "depth and width": lambda s: Multilevel(
        (CoarseLevel(HalfDepth(), Smoothing(s, 1, 0)), CoarseLevel(HalfWidth(), Smoothing(s, 0, 1))),
        Smoothing(LBFGS(3), 1, 1),
        WCycle(),
        LineSearched(),
        Paying(1, retry=1),
    ),
    "smoother": lambda s: Multilevel((CoarseLevel(HalfDepth(), SMALL, Hybrid()),), Smoothing(s, 1, 1)),
    "nested": lambda s: NestedIteration(
        (NestedLevel(ShareOfPoints(0.5), Local(s)), NestedLevel(HalfDepth(), Local(s))), LBFGS(3)
    ),
    "right": lambda s: RightPreconditioned(s),
    "sequential": lambda s: Sequential((s, Iterations(2)), LBFGS(3)),
    "handover": lambda s: Handover(s, LBFGS(3), window=2),
    "where linear": lambda s: WhereLinear(s),
    "projected": lambda s: VariableProjection(s),
    "if fast": lambda s: IfFast(s, LBFGS(3), trial=1),
}

PAIRS = {
    f"{outer}({inner}({leaf}))": COMPOSITES[outer](COMPOSITES[inner](LEAVES[leaf]))
    for row, outer in enumerate(COMPOSITES)
    for column, inner in enumerate(COMPOSITES)
    for leaf in [list(LEAVES)[(row + 2 * column) % len(LEAVES)]]
}
"""Every composite inside every composite, around leaves in turn: three deep; one in eight quickly, all in the soak."""

SAMPLED: dict[str, AbstractSolver] = {
    "projected-sampled": SampledVariableProjection(),
    "projected-sampled(lbfgs)": SampledVariableProjection(LBFGS(3), memory=2),
    "multiplicative(projected-sampled)": MultiplicativeSchwarz(ByLayer(2), Local(SampledVariableProjection())),
}
"""Methods for mini-batches, which may raise f of one."""

QUICK = [name for number, name in enumerate(PAIRS) if number % 8 == 0]

NAMED = {name: recipe(1).solver for name, recipe in (SOLVERS | ABLATIONS).items()}

pytestmark = pytest.mark.usefixtures("on_one_thread")


CASES = [
    pytest.param(solver, id=name, marks=pytest.mark.soak if name in PAIRS and name not in QUICK else ())
    for name, solver in (NAMED | LEAVES | SAMPLED | PAIRS).items()
]


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("solver", CASES)
def test_a_solver_keeps_its_promises(solver: AbstractSolver, check: Callable[[AbstractSolver], None]) -> None:
    check(solver)


SIMPLE = [pytest.param(solver, id=name) for name, solver in (NAMED | LEAVES | SAMPLED).items()]
NESTED = [pytest.param(solver, id=name, marks=pytest.mark.soak) for name, solver in PAIRS.items()]


@pytest.mark.parametrize("solver", SIMPLE + NESTED)
def test_a_solver_that_is_poisoned_for_good_ends(solver: AbstractSolver) -> None:
    check_poisoned_for_good(solver)


@pytest.mark.parametrize("solver", SIMPLE + NESTED)
def test_a_solver_that_begins_at_the_solution_stays_there(solver: AbstractSolver) -> None:
    check_solved_already(solver)
