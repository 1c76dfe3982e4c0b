"""Parameters that are learned in whole runs: by every kind of solver, in readouts, and in a run that goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_problems import heat, tiny

import pinnml as pm
from pinnml.adapt import Insertion, Readouts, Widening, freeze, insert, widen, without
from pinnml.approximation import NestedBest
from pinnml.io import read_history
from pinnml.io.checkpoint import write_checkpoint
from pinnml.loss import Discretisation, PinnObjective
from pinnml.optim import Renewed, minimise, readout_solver
from pinnml.points import sample

pytestmark = pytest.mark.usefixtures("on_one_thread")

GRID = torch.cartesian_prod(torch.linspace(0.2, 1, 5), torch.linspace(0.3, 2.8, 6)).double()


def measured(**changes: Any) -> pm.Problem:
    """The heat equation with a conductivity of 1/2 that is only known to be positive, and exact measurements."""
    t, x = GRID.T
    data = pm.Data({"t": t, "x": x}, u=torch.exp(-0.5 * t) * torch.sin(x), sigma=0)
    declared = {
        "parameters": {"kappa": pm.Unknown(2.0, lower=0)},
        "conditions": dict(heat().conditions) | {"data": data},
    }
    return heat(**(declared | changes))


def found(solution: pm.Solution) -> float:
    return float(solution.problem.unknowns["kappa"].value(solution.theta[-1]))


SOLVERS: dict[str, tuple[pm.optim.AbstractSolver, int, float]] = {
    "Levenberg–Marquardt": (pm.LevenbergMarquardt(), 6, 5e-2),
    "L-BFGS": (pm.LBFGS(), 80, 1e-1),
    "Schwarz": (pm.schwarz.MultiplicativeSchwarz(), 5, 5e-2),
    "a block for the unknown alone": (pm.schwarz.MultiplicativeSchwarz(pm.schwarz.ByLayer(1)), 5, 5e-2),
    "two levels": (pm.methods.mspqn(), 2, 5e-1),
    "additive": (pm.methods.aspqn(), 6, 1e-1),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_every_kind_of_solver_learns_it(name: str) -> None:
    solver, steps, tolerance = SOLVERS[name]
    solution = pm.solve(
        measured(), pm.ResNet(width=6, blocks=2), solver, points=pm.Hammersley(60), stop=pm.Iterations(steps)
    )
    assert found(solution) == pytest.approx(0.5, rel=tolerance)


def test_readouts_learn_it_with_their_weights() -> None:
    solution = pm.solve(measured(), stop=pm.Iterations(2), device="cpu")
    assert solution.history[-1].neurons > 30
    assert found(solution) == pytest.approx(0.5, rel=1e-5)


def begun(network: pm.networks.Architecture) -> tuple[PinnObjective, torch.Tensor]:
    problem, generator = measured(), torch.Generator().manual_seed(0)
    domain = problem.domain
    bound = network.bind(domain.names, domain.lower, domain.upper, 1)
    theta = bound.initial(generator, torch.float64, torch.device("cpu"))
    points = sample(problem, pm.Sobol(300), generator)
    objective = PinnObjective(problem, Discretisation(bound, points))
    return objective, torch.cat([theta, theta.new_tensor([-0.8])])


def same(renewed: Renewed, objective: PinnObjective, theta: torch.Tensor) -> bool:
    """Whether another loss is the same function of another θ, which ends with the same unknown."""
    value, before = float(renewed.objective.value(renewed.theta)), float(objective.value(theta))
    return value == pytest.approx(before, rel=1e-12) and float(renewed.theta[-1]) == float(theta[-1])


def test_networks_that_grow_keep_it_at_the_end_of_theta() -> None:
    objective, theta = begun(pm.ResNet(width=4, blocks=2))
    frozen = freeze(objective, theta)
    assert same(frozen, objective, theta) and frozen.objective.structure.is_linear
    wider = widen(frozen.objective, frozen.theta, Widening(20), torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    assert same(wider, objective, theta) and len(wider.theta) == wider.objective.size  # type: ignore[attr-defined]
    deeper = insert(objective, theta, [1, 2])
    assert same(deeper, objective, theta) and deeper.sources is not None and int(deeper.sources[-1]) == len(theta) - 1
    shorter = without(deeper.objective, deeper.theta, 1)  # type: ignore[arg-type]
    assert same(shorter, objective, theta)


def test_smaller_spaces_of_a_readout_have_an_unknown_of_their_own() -> None:
    """The best θ of fewer neurons is as good as that of a readout that has no more of them."""
    objective, theta = begun(pm.ResNet(width=4, blocks=2))
    frozen, generator = freeze(objective, theta), torch.Generator().manual_seed(1)
    narrow = widen(frozen.objective, frozen.theta, Widening(15), generator)  # type: ignore[arg-type]
    wide = widen(narrow.objective, narrow.theta, Widening(15), generator)  # type: ignore[arg-type]
    size = narrow.objective.network.size  # type: ignore[attr-defined]
    root = wide.objective.square_root(wide.theta)  # type: ignore[attr-defined]
    prefix = NestedBest(wide.theta, root, wide.objective.network.size).first(size)  # type: ignore[attr-defined]
    assert not prefix[size:-1].any() and float(prefix[-1]) != 0
    direct = NestedBest(narrow.theta, narrow.objective.square_root(narrow.theta), size).first(size)  # type: ignore[attr-defined]
    torch.testing.assert_close(prefix[[*range(size), -1]], direct, rtol=1e-4, atol=1e-6)
    assert minimise(wide.objective, wide.theta, readout_solver(), pm.Iterations(1)).success


FEW = Widening(20, radius=None, coordinates=True)

RUNS: dict[str, dict[str, Any]] = {
    "readouts": {"refine": Readouts((FEW,), train=2, levels=(Widening(20), Widening(20)), most=200)},
    "insertion": {"refine": Insertion(pm.adapt.Fixed(30), patience=2)},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_run_goes_on_to_the_bit(name: str, tmp_path: Path) -> None:
    solver = pm.optim.WhereLinear(pm.LevenbergMarquardt())
    settings: dict[str, Any] = {"network": pm.ResNet(width=4, blocks=1), "solver": solver, "device": "cpu"} | RUNS[name]
    whole = pm.solve(measured(), stop=pm.Iterations(12), **settings)
    pm.solve(measured(), stop=pm.Iterations(7), out=tmp_path, **settings)
    last = pm.resume(tmp_path, measured(), stop=pm.Iterations(12))
    assert torch.equal(last.result.iterate.theta, whole.result.iterate.theta) and found(last) == found(whole)
    assert [row.loss for row in last.history] == [row.loss for row in whole.history]


@pytest.mark.slow
def test_a_folder_of_other_unknowns_is_refused(tmp_path: Path) -> None:
    tiny(measured(), 1, out=tmp_path)
    with pytest.raises(pm.DeclarationError, match="another problem: equation_parameters"):
        pm.load(tmp_path, measured(parameters={"kappa": pm.Unknown(2.0)}))
    with pytest.raises(pm.DeclarationError, match="another problem: equation_parameters"):
        pm.load(tmp_path, measured(parameters={"kappa": 2.0}))


@pytest.mark.slow
def test_a_run_tells_what_it_learns_and_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    solution = tiny(measured(), 4, solver=pm.LevenbergMarquardt(), out=tmp_path, device="cpu", progress=True)
    value = found(solution)
    assert [row.parameters["kappa"] for row in solution.history][-1] == value != 2.0
    assert f"kappa {value:.4g}" in capsys.readouterr().err
    assert f"learned kappa = {value:.6g}" in repr(solution)
    assert read_history(tmp_path / "history.csv") == solution.history
    (told,) = json.loads((tmp_path / "summary.json").read_text())["equation_parameters"].values()
    known = solution.parameters["kappa"]
    assert told == {"value": value, "deviation": known.deviation, "interval": list(known.interval or ())}
    again = pm.load(tmp_path, measured())
    assert again.history == solution.history and again.parameters == solution.parameters
    assert pm.run.summary(solution.run, None)["equation_parameters"]["kappa"]["value"] == value


@pytest.mark.parametrize("values", [{}, {"kappa": 1.0, "mu": 2.0}])
def test_a_checkpoint_with_values_of_other_unknowns_is_refused(values: dict[str, float], tmp_path: Path) -> None:
    solved = tiny(measured(), 1)
    write_checkpoint(replace(solved.run, history=[replace(row, parameters=values) for row in solved.history]), tmp_path)
    with pytest.raises(pm.DeclarationError, match=r"'learned' of the checkpoint|values of 1 unknown"):
        pm.load(tmp_path, measured())
