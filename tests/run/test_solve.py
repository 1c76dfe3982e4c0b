"""From a problem to a solution at tiny size, and everything that can be declared wrongly on the way."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_problems import KINDS, TINY, heat, ring, string, tiny
from torch import nn

import pinnml as pm
from pinnml.approximation import Scorer
from pinnml.optim import Estimate, Status
from pinnml.run import ErrorWarning
from pinnml.run.watching import compare
from pinnml.setup import HistoryRow, Setup


class Product(nn.Module):
    """A module of one's own for one field of two coordinates."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(2, 6), nn.Linear(6, outputs)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.out(torch.tanh(self.hidden(points)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_problem_is_solved(kind: str) -> None:
    problem = KINDS[kind]()
    solution = tiny(problem, 8)
    losses = [row.loss for row in solution.history]
    assert all(after < before for before, after in pairwise(losses)) and len(losses) == 9
    assert losses[-1] < 0.8 * losses[0]
    assert (solution.error() is None) == (problem.reference is None)
    assert float(solution.result.iterate.f) == losses[-1]


@pytest.mark.slow
def test_the_heat_equation_is_solved_to_four_digits() -> None:
    solution = tiny(heat(), 200, network=pm.MLP(width=8, depth=1), points=pm.Hammersley(200))
    error = solution.error()
    assert error is not None and error.relative_l2 < 2e-4  # 6e-5; 2.6e-4 after 100 iterations


@pytest.mark.slow
def test_penalties_alone_lead_to_the_solution_too() -> None:
    solution = tiny(heat(hard=()), 300, network=pm.MLP(width=8, depth=1), points=pm.Hammersley(200))
    assert set(solution.collocation) == {"pde", "start", "walls"}
    error = solution.error()
    assert error is not None and error.relative_l2 < 3e-3  # 1.5e-3; 4.6e-3 after 100 iterations
    assert np.abs(solution(t=0, x=[1.0, 2.0]) - np.sin([1.0, 2.0])).max() > 1e-12  # held nearly, not exactly


def test_hard_conditions_hold_whatever_the_parameters() -> None:
    solution = tiny(heat(), 0)
    assert set(solution.collocation) == {"pde"}
    x = np.linspace(0, np.pi, 7)
    assert solution(t=0, x=x) == pytest.approx(np.sin(x), abs=1e-15)
    assert solution(t=[0.3, 0.9], x=np.pi) == pytest.approx([0, 0], abs=1e-15)


@pytest.mark.parametrize("sampler", [pm.points.Uniform(30), pm.Sobol(32), pm.Hammersley(30)])
def test_the_same_seed_repeats_a_run_to_the_bit(sampler: pm.points.Uniform) -> None:
    first, second, other = (tiny(ring(), 5, points=sampler, seed=seed) for seed in (7, 7, 8))
    assert torch.equal(first.theta, second.theta)
    assert [row.loss for row in first.history] == [row.loss for row in second.history]
    assert not torch.equal(first.theta, other.theta)
    assert first.history[0].loss != other.history[0].loss


def test_a_module_of_ones_own_is_trained_and_left_as_it_was() -> None:
    torch.manual_seed(3)
    module = Product()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    start, solution = tiny(heat(), 0, network=module), tiny(heat(), 20, network=module)
    given = torch.cat([parameter.detach().flatten() for parameter in module.parameters()]).double()
    assert torch.equal(start.theta, given)
    assert solution.history[-1].loss < 0.1 * solution.history[0].loss
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


class Waves(nn.Module):
    """A module with a buffer, as for random Fourier features; buffers are in single precision like all of torch."""

    frequencies: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.tensor([[1.0, 0.5], [2.0, 1.0]]))
        self.out = nn.Linear(2, 1)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.out(torch.sin(points @ self.frequencies))


def test_a_module_with_buffers_is_trained() -> None:
    solution = tiny(heat(), 5, network=Waves())
    assert solution.history[-1].loss < solution.history[0].loss


def test_single_precision() -> None:
    single, double = (tiny(heat(), 3, dtype=dtype) for dtype in (torch.float32, torch.float64))
    assert single.theta.dtype == torch.float32 and single.collocation["pde"].x.dtype == torch.float32
    assert single(t=0.5, x=[1.0]).dtype == np.float32
    assert single.history[0].loss == pytest.approx(double.history[0].loss, rel=1e-5)
    assert single.history[0].loss != double.history[0].loss
    assert double.theta.dtype == torch.float64


def test_a_line_shows_the_run_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Any] = []
    tiny(heat(), 2, callback=rows.append)
    assert capsys.readouterr().err == ""
    tiny(heat(), 2, callback=rows.append, progress=True)
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith("heat") and "it 0" in shown[0] and "it 2" in shown[-1]
    assert [row.iteration for row in rows] == [0, 1, 2, 0, 1, 2]


def test_a_terminal_is_looked_at(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("pinnml.run.watching._is_looked_at", lambda: True)
    tiny(heat(), 1)
    assert "heat" in capsys.readouterr().err
    tiny(heat(), 1, progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("error", "told"), [(0.5, True), (0.05, False)])
def test_a_small_loss_with_a_large_error_is_a_warning(error: float, told: bool) -> None:
    run = tiny(heat(), 1).run
    first = replace(run.history[0], loss=1.0)
    result = replace(run.result, estimate=Estimate({"u": error}, False, "It is so."))
    bad = replace(run, history=[first, replace(first, iteration=1, loss=1e-4)], result=result, assessed=None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compare(bad)
        compare(replace(bad, history=[first]))  # nothing has fallen
    assert [str(one.message).startswith("The loss fell from 1.0e+00 to 1.0e-04") for one in caught] == [True] * told
    assert all(one.category is ErrorWarning for one in caught)


def test_a_penalty_that_the_embedding_holds_is_not_called_light() -> None:
    """Its residual is rounding; warnings are errors here."""
    problem = pm.Problem(ring().domain, ["u"], conditions=ring().conditions, name="ring")
    network = pm.MLP(width=4, depth=1, embedding=pm.PeriodicEmbedding("x"))
    assert tiny(problem, 1, network=network).result.nit == 1


def test_defaults_are_those_of_setup() -> None:
    solution = pm.solve(string(), points=pm.Hammersley(), stop=pm.Iterations(0))
    setup = Setup()
    assert (solution.setup.network, solution.setup.points, solution.setup.seed) == (setup.network, setup.points, 0)
    assert solution.setup.solver == setup.solver
    assert solution.setup.device == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("network", [TINY, Product()])
def test_a_gpu_computes_what_a_cpu_computes(network: Any) -> None:
    cpu, gpu = (tiny(heat(), 5, network=network, device=device) for device in ("cpu", "cuda"))
    assert gpu.theta.device.type == "cuda"
    assert [row.loss for row in gpu.history] == pytest.approx([row.loss for row in cpu.history], rel=1e-8)
    assert gpu(t=0.5, x=[1.0, 2.0]) == pytest.approx(cpu(t=0.5, x=[1.0, 2.0]), rel=1e-7)


def test_every_row_of_the_history_goes_to_the_callback() -> None:
    rows: list[Any] = []
    solution = tiny(heat(), 6, solver=pm.LBFGS(), callback=rows.append)
    assert [row.iteration for row in rows] == list(range(7))
    assert solution.history[:-1] == rows[:-1]
    assert all(after.seconds > before.seconds for before, after in pairwise(rows))
    assert all(row.evaluations == row.work >= row.iteration + 1 for row in rows)
    error = solution.error()
    assert error is not None and solution.history[-1].relative_l2 == error.relative_l2


def test_the_limits_given_end_the_run() -> None:
    soon = tiny(heat(), 0, stop=None, seconds=0.0)
    assert soon.result.message == "The time limit of 0 s was reached. No step has been taken."
    assert soon.result.nit == 0 and not soon.result.success
    first = tiny(heat(), seconds=60, stop=pm.stop.Evaluations(4))
    assert "4 evaluations" in first.result.message and first.history[-1].evaluations <= 4
    assert tiny(heat(), stop=pm.Loss(1e9)).result.nit == 0


def test_an_interrupt_keeps_what_was_reached() -> None:
    def interrupt(row: Any) -> None:
        if row.iteration == 3:
            raise KeyboardInterrupt

    solution = tiny(heat(), 10, callback=interrupt)
    assert solution.result.status is Status.INTERRUPTED and not solution.result.success
    assert [row.iteration for row in solution.history] == [0, 1, 2, 3]
    assert solution.history[-1].loss == float(solution.result.iterate.f)


def test_an_interrupt_before_the_first_row_leaves_a_whole_history(monkeypatch: pytest.MonkeyPatch) -> None:
    score, interrupted = Scorer.relative_l2, list[bool]()

    def interrupt_once(self: Scorer, *arguments: Any) -> float:
        if not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        return score(self, *arguments)

    monkeypatch.setattr(Scorer, "relative_l2", interrupt_once)
    solution = tiny(heat(), 10)
    assert solution.result.status is Status.INTERRUPTED
    assert [row.loss for row in solution.history] == [float(solution.result.iterate.f)]


def test_points_of_ones_own_are_taken_as_they_are() -> None:
    points = {"pde": torch.rand(9, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)}
    solution = tiny(heat(), points=points)
    assert torch.equal(solution.collocation["pde"].x, points["pde"])


def with_condition(name: str, condition: Any) -> Callable[[], pm.Problem]:
    return lambda: heat(conditions=heat().conditions | {name: condition}, hard={"start", "walls"} - {name})


def log_of_negative(x: torch.Tensor) -> torch.Tensor:
    return torch.log(x - 100)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (with_condition("pde", pm.Interior(lambda u_t, u_yy: u_t - u_yy)), "'u_yy'.*did you mean"),
        (with_condition("pde", pm.Interior(lambda u_t, kapa: u_t - kapa)), "'kapa'.*did you mean 'kappa'"),
        (with_condition("start", pm.Value(u=lambda y: y, on="t=0")), "'y'.*condition 'start'"),
        (with_condition("start", pm.Value(u=0.0, on="t=5")), "t=5.*t=0"),
        (with_condition("start", pm.Value(u=log_of_negative, on="t=0")), "not finite.*'start'"),
        (with_condition("pde", pm.Interior(lambda u_t: torch.sqrt(u_t - 100))), "not finite.*'pde'"),
        (with_condition("pde", pm.Interior(lambda u_t: u_t.float())), "float32.*float64"),
        (with_condition("pde", pm.Interior(lambda u_t: u_t[:3])), r"\(3,\)"),
        (with_condition("pde", pm.Interior(lambda u_t: u_t.nothing)), "AttributeError"),
        (lambda: heat(domain=pm.Box(t=(1, 1), x=(0, 1))), "empty"),
        (lambda: heat(domain=pm.Box(t=(0, float("inf")))), "unbounded"),
        (with_condition("probe", pm.Data({"t": [0.5], "x": [9.0]}, u=[1.0])), "outside.*probe"),
        (lambda: heat(parameters={"kappa": float("nan")}), "kappa"),
    ],
)
def test_wrong_declarations_are_refused_before_training(declare: Callable[[], pm.Problem], message: str) -> None:
    rows: list[Any] = []
    with pytest.raises(pm.DeclarationError, match=f"(?s){message}"):
        tiny(declare(), callback=rows.append)
    assert rows == []


NOT_A_NUMBER = pm.Reference({"u": lambda t, x: np.full_like(t, np.nan)}, {"t": 3, "x": 3}, "none", 1.0)
ONE_NUMBER = pm.Reference({"u": lambda t, x: 0.0}, {"t": 3, "x": 3}, "none", 1.0)  # type: ignore
OTHER_FIELD = pm.Reference({"v": lambda t, x: t}, {"t": 3, "x": 3}, "none", 1.0)


@pytest.mark.parametrize(("reference", "message"), [
    (NOT_A_NUMBER, "0 of them finite.*reference"), (ONE_NUMBER, r"shape \(\)"), (OTHER_FIELD, "reference")
])  # fmt: skip
def test_wrong_references_are_refused_before_training(reference: pm.Reference, message: str) -> None:
    rows: list[Any] = []
    with pytest.raises(pm.DeclarationError, match=f"(?s){message}"):
        tiny(heat(reference=reference), callback=rows.append)
    assert rows == []


OUTSIDE = {"pde": torch.tensor([[0.5, 7.0]], dtype=torch.float64)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": "resnet"}, "network.*MLP"),
        ({"network": pm.MLP}, "network.*MLP"),
        ({"network": nn.Identity()}, "no parameters"),
        ({"network": Product(outputs=3)}, r"\(3, 3\)"),
        ({"network": nn.Linear(5, 1)}, "fails on points"),
        ({"solver": pm.LBFGS}, "solver.*LBFGS"),
        ({"solver": "adam"}, "solver.*LBFGS"),
        ({"points": 5000}, "points.*Sobol"),
        ({"points": OUTSIDE}, "outside.*x=7"),
        ({"points": {"pde": torch.zeros(0, 2)}}, r"\(0, 2\)"),
        ({"points": {"pde": torch.zeros(5)}}, r"\(5,\)"),
        ({"points": {}}, "No points.*'pde'"),
        ({"points": {"equation": torch.zeros(5, 2)}}, "'equation'.*pde"),
        ({"stop": 60}, "stop.*Seconds"),
        ({"seconds": -1.0}, "solve; give a number of seconds"),
        ({"seconds": float("nan")}, "solve; give a number of seconds"),
        ({"device": "abacus"}, "device.*auto, cpu or cuda"),
        ({"device": "mps"}, "device.*auto, cpu or cuda"),
        ({"dtype": torch.float16}, "dtype.*float64"),
        ({"dtype": "float64"}, "dtype.*float64"),
    ],
)
def test_wrong_settings_are_refused_before_training(settings: dict[str, Any], message: str) -> None:
    rows: list[Any] = []
    with pytest.raises(ValueError, match=f"(?s){message}"):
        tiny(heat(), callback=rows.append, **settings)
    assert rows == []


@pytest.mark.parametrize("make", [pm.Hammersley, pm.Sobol, pm.points.Uniform, pm.points.LatinHypercube, pm.points.Grid])
def test_no_points_are_no_sample(make: Callable[[int], Any]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        make(0)


def test_a_problem_is_asked_for_by_object() -> None:
    with pytest.raises(pm.DeclarationError, match=r"'burgers'.*problems\.get"):
        pm.solve("burgers")  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_missing_gpu_is_named() -> None:
    with pytest.raises(pm.DeclarationError, match="No CUDA device"):
        tiny(heat(), device="cuda")


def test_a_folder_that_cannot_be_written_is_found_before_training(tmp_path: Path) -> None:
    file, rows = tmp_path / "file", list[HistoryRow]()
    file.write_text("in the way")
    with pytest.raises(pm.DeclarationError, match=r"(?s)folder cannot be written.*file"):
        tiny(heat(), out=file / "run", callback=rows.append)
    assert rows == []


def test_a_condition_that_only_seems_hard_is_found_before_training() -> None:
    rows: list[Any] = []
    problem = pm.Problem(ring().domain, ["u"], conditions=ring().conditions, hard={"ring"}, name="ring")
    with pytest.raises(pm.DeclarationError, match=r"(?s)'ring'.*PeriodicEmbedding"):
        tiny(problem, callback=rows.append)
    assert rows == []
    held = tiny(problem, 2, network=pm.MLP(width=4, depth=1, embedding=pm.PeriodicEmbedding("x")))
    t = np.linspace(0, 1, 5)
    assert held(t=t, x=-1) == pytest.approx(held(t=t, x=1), abs=1e-14)


def test_what_is_only_suspicious_is_a_warning_at_the_callers_line() -> None:
    conditions = {name: condition for name, condition in heat().conditions.items() if name != "walls"}
    problem = heat(conditions=conditions, hard={"start"})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pm.solve(problem, TINY, points=pm.Hammersley(20), stop=pm.Iterations(1))
    found = [warning for warning in caught if warning.category is pm.DeclarationWarning]
    assert len(found) == 1 and "order 2 in x" in str(found[0].message)
    assert found[0].filename == __file__
