"""Honest mistakes end in one sentence before anything is trained, or are none at all."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_problems import KINDS, heat, string, tiny
from torch import nn

import pinnml as pm
from pinnml.adapt import RAD
from pinnml.io import save_figure
from pinnml.optim import Estimate
from pinnml.problem import Problem
from pinnml.report import plot_points
from pinnml.settings import briefly

WRONG: dict[str, list[Any]] = {
    "problem": [None, "burgers", Problem],
    "network": [3, "mlp", pm.MLP, nn.Linear],
    "solver": [3, pm.LBFGS, torch.optim.Adam([nn.Parameter(torch.zeros(1))])],
    "points": [3, pm.Hammersley, torch.zeros(3, 1), {"pde": "abc"}, {"pde": 3}, {"pde": [[1j]]}],
    "refine": [3, RAD],
    "balance": [3, True],
    "scales": [3, {"u": "x"}, {"u": math.nan}],
    "accuracy": [0, "x", math.nan],
    "seconds": ["60", math.nan, -1, True],
    "stop": [3, pm.Seconds, lambda progress: True],
    "seed": [1.5, None, "x", 2**70, True],
    "device": [None, [], 3, "tpu", "cuda:99", torch.device("meta")],
    "dtype": [None, "float64", np.float64, torch.float16, int],
    "chunk": [0, -1, 2.5, "x", True],
    "out": [3, [], b"run", True, io.StringIO(), "", "\0"],
    "every": ["x", None, math.nan, -1],
    "callback": [None, 3, "x"],
    "progress": [3, "x", []],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_argument_is_refused_in_one_line(name: str, value: Any) -> None:
    usually: dict[str, Any] = {"problem": string(), "stop": pm.Iterations(0)}
    with pytest.raises(pm.DeclarationError) as refused:
        pm.solve(**(usually | {name: value}))
    assert str(refused.value).count("; where: ") == 1 and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "given", [{"device": torch.device("cpu")}, {"seed": np.int64(3), "chunk": np.int64(9)}, {"every": 0}]
)
def test_what_says_the_same_is_taken(given: dict[str, Any]) -> None:
    assert tiny(string(), 0, **given).result.nit == 0


@pytest.mark.parametrize(("count", "said"), [(0, "No CUDA device"), (2, "no cuda:99, but 2 of them")])
def test_a_gpu_that_is_not_there_is_refused(count: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    with pytest.raises(pm.DeclarationError, match=said):
        tiny(string(), 0, device="cuda:99")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pm.Solution]:
    folder = tmp_path_factory.mktemp("run")
    return folder, tiny(heat(), 1, out=folder)


LATER: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (pm.resume, {"seconds": "60"}), (pm.resume, {"seconds": -1}), (pm.resume, {"stop": 3}),
    (pm.resume, {"stop": pm.Seconds}), (pm.resume, {"every": "x"}), (pm.resume, {"callback": 3}),
    (pm.resume, {"problem": 3}), (pm.resume, {"network": pm.MLP}), (pm.resume, {"solver": 3}),
    (pm.load, {"problem": "heat"}), (pm.load, {"network": 3}), (pm.load, {"solver": pm.LBFGS}), (pm.load, {"stop": 3}),
    (pm.rerun, {"callback": 3}), (pm.rerun, {"out": 3}), (pm.load, {"folder": None}), (pm.resume, {"folder": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("function", "wrong"), LATER)
def test_a_wrong_argument_of_what_follows_is_refused(
    function: Callable[..., Any], wrong: dict[str, Any], run: tuple[Path, pm.Solution]
) -> None:
    with pytest.raises(pm.DeclarationError, match=" is ") as refused:
        function(**({"folder": run[0], "problem": heat()} | wrong))
    assert "\n" not in str(refused.value) and "lacks" not in str(refused.value)


EVALUATED: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((3,), {}), ((None,), {}), ((["u"],), {}), (("w",), {}), (("t",), {}), ((), {"self": 1}), ((), {"y": 1}),
    ((), {"t": 5}),
    ((), {"t": "a"}), ((), {"t": math.nan}), ((), {"t": None}), ((), {"t": [0.1, 0.2], "x": [0.1, 0.2, 0.3]}),
]  # fmt: skip


@pytest.mark.parametrize(("names", "coordinates"), EVALUATED)
def test_a_solution_says_what_it_cannot_evaluate(
    names: tuple[Any, ...], coordinates: dict[str, Any], run: tuple[Path, pm.Solution]
) -> None:
    with pytest.raises(pm.DeclarationError, match="the solution's arguments"):
        run[1](*names, **({"t": 0.5, "x": 0.5} | coordinates))


@pytest.mark.parametrize("path", [3, None, [], b"run", io.StringIO()])
def test_nothing_is_saved_where_there_is_no_path(path: Any, run: tuple[Path, pm.Solution]) -> None:
    for save in (run[1].save, run[1].to_vtu):
        with pytest.raises(pm.DeclarationError, match="is no path"):
            save(path)


def test_a_tilde_is_the_home_folder_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pm.Solution, "figures", lambda self: {})
    tiny(heat(), 1, out="~/first")
    pm.resume("~/first", heat(), stop=pm.Iterations(2))
    solution = pm.load("~/first", heat())
    solution.to_vtu("~/solution.vtu")
    pm.rerun("~/first", heat(), out="~/second").solution.save("~/second")
    assert {path.name for path in tmp_path.iterdir()} == {"first", "second", "solution.vtu"}
    assert solution.result.nit == 2


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """Tensors without a device have no numbers, and those without a precision hardly any."""
    precision = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    with torch.device("meta"):
        yield
    torch.set_default_dtype(precision)


def _of_kind(name: str) -> pm.Solution:
    return tiny(KINDS[name](), 1, device="cpu")


EXPECTED: dict[str, Callable[[], pm.Solution]] = {
    **{name: partial(_of_kind, name) for name in KINDS},
    "default": lambda: pm.solve(heat(), pm.ResNet(width=4, blocks=2), stop=pm.Iterations(3), device="cpu"),
    "sobol": lambda: tiny(heat(), 1, points=pm.Sobol(40), device="cpu"),
    "uniform": lambda: tiny(heat(), 1, points=pm.points.Uniform(40), device="cpu"),
    "latin": lambda: tiny(heat(), 1, points=pm.points.LatinHypercube(40), device="cpu"),
    "given": lambda: tiny(string(), 1, points={"pde": [[0.2], [0.7]]}, device="cpu"),
    "single": lambda: tiny(heat(), 1, dtype=torch.float32, device="cpu"),
    "fourier": lambda: tiny(
        heat(), 1, network=pm.MLP(width=4, depth=1, embedding=pm.networks.FourierFeatures(3)), device="cpu"
    ),
    "points follow": lambda: tiny(heat(), 6, refine=RAD(), device="cpu"),
}


LONG = ("default", "block", "points follow")


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in EXPECTED]
)
def usual(request: pytest.FixtureRequest) -> tuple[str, torch.Tensor]:
    return request.param, EXPECTED[request.param]().theta


def test_another_default_device_and_precision_change_no_bit(usual: tuple[str, torch.Tensor], elsewhere: None) -> None:
    name, theta = usual
    found = EXPECTED[name]().theta
    assert found.device.type == "cpu" and np.array_equal(found.numpy(), theta.numpy())


def test_a_function_that_makes_tensors_elsewhere_is_named(elsewhere: None) -> None:
    problem = heat(conditions=heat().conditions | {"start": pm.Value(u=lambda x: torch.zeros(len(x)), on="t=0")})
    with pytest.raises(pm.DeclarationError, match=r"on meta, the points are .* on cpu; where: .*start"):
        tiny(problem, 0, device="cpu")


def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))


@pytest.mark.parametrize("block", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize("network", [pm.MLP(width=4, depth=1), module()], ids=["mlp", "module"])
def test_a_block_without_gradients_changes_nothing(
    block: Callable[[], Any], network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pm.Solution, "figures", lambda self: {})
    before = tiny(string(), 1, network=network)
    with block():
        solution = tiny(string(), 1, network=network, out=tmp_path)
        again = pm.load(tmp_path, string(), network)
        slopes = [one("u_xx", x=0.5) for one in (solution, again)]
        residual, estimate = again.residual(x=0.5), pm.Solution(solution.run).estimate
        assert string().check() == []
        assert pm.resume(tmp_path, string(), network, stop=pm.Iterations(2)).result.nit == 2
    assert torch.equal(solution.theta, before.theta) and slopes == [before("u_xx", x=0.5)] * 2
    assert residual == before.residual(x=0.5) and estimate is not None


def test_tensors_of_a_block_without_gradients_are_taken() -> None:
    with torch.inference_mode():
        measured = pm.Data({"x": torch.tensor([0.3])}, u=torch.tensor([0.8]))
        points = {"pde": torch.tensor([[0.2], [0.7]])}
    assert tiny(string(conditions=string().conditions | {"data": measured}), 1, points=points).result.nit == 1


@pytest.mark.parametrize("name", ["self", "cls", "domain", "names", "t", "θ"])
def test_names_may_be_those_of_arguments(name: str) -> None:
    source = f"lambda {name}_x, {name}: {name}_x - {name}"
    conditions = {"pde": pm.Interior(eval(source)), "start": pm.Value(**{name: 1.0}, on="x=0")}
    assert tiny(pm.Problem(pm.Box(x=(0, 1)), [name], conditions=conditions), 1)(x=0.5) > 0
    along = {"pde": pm.Interior(eval(f"lambda u, u_{name}: u_{name} - u")), "start": pm.Value(u=1.0, on=f"{name}=0")}
    assert tiny(pm.Problem(pm.Box(**{name: (0, 1)}), ["u"], conditions=along), 1)(**{name: 0.5}) > 0


def declared(**changes: Any) -> pm.Reference:
    kept: dict[str, Any] = {
        "fields": {"u": lambda x: np.sin(np.pi * x)},
        "grid": {"x": 21},
        "source": "",
        "accuracy": 0,
    }
    return pm.Reference(**(kept | changes))


REFERENCES: list[dict[str, Any]] = [
    *({"grid": {"x": count}} for count in (0, -1, 1, 2.5, "x", None, True, 10**9)), {"grid": None}, {"grid": {"y": 3}},
    {"fields": None}, {"fields": lambda x: x}, {"fields": {"u": 3}}, {"fields": {}}, {"fields": {"u": lambda y: y}},
    {"fields": {"u": lambda x: "a"}}, {"fields": {"u": lambda x: 1j * x}}, {"fields": {"u": lambda x: 1 / 0}},
    {"fields": {"u": lambda x: x[:2]}}, {"accuracy": "x"}, {"accuracy": math.nan}, {"source": None},
]  # fmt: skip


@pytest.mark.parametrize("changes", REFERENCES)
def test_a_wrong_reference_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(pm.DeclarationError) as refused:
        tiny(string(reference=declared(**changes)), 1, callback=lambda row: pytest.fail("it trains"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("reference", [lambda x: x, 3, {"u": lambda x: x}])
def test_a_reference_of_another_kind_is_refused(reference: Any) -> None:
    with pytest.raises(pm.DeclarationError, match=r"reference is .*give a Reference"):
        string(reference=reference)


def test_without_a_norm_there_is_no_relative_error(tmp_path: Path) -> None:
    problem = string(reference=declared(fields={"u": lambda x: 0 * x}))
    with pytest.warns(pm.DeclarationWarning, match="zero at all points.*max_error"):
        solution = tiny(problem, 1, out=tmp_path)
    error = solution.error()
    assert error is not None and math.isnan(error.relative_l2) and error.maximum > 0.1
    assert all(row.relative_l2 is None for row in solution.history) and "relative L2" not in repr(solution)
    text = (tmp_path / "summary.json").read_text()
    assert json.loads(text)["relative_l2"] is None and json.loads(text)["max_error"] == error.maximum
    assert solution.summary()["relative_l2"] is None and json.loads(text)["lifting_l2"] is None


@pytest.mark.parametrize("name", [1, "", " ", "a\nb", None, ("a",), "\0"])
def test_a_condition_without_a_name_is_refused(name: Any) -> None:
    with pytest.raises(pm.DeclarationError, match="is no name; where: conditions"):
        string(conditions={name: pm.Interior(lambda u: u)})


@pytest.mark.parametrize("conditions", [[pm.Interior(lambda u: u)], pm.Interior(lambda u: u), None, {"a": len}])
def test_conditions_of_another_kind_are_refused(conditions: Any) -> None:
    with pytest.raises(pm.DeclarationError, match=r"dictionary by name|is no condition"):
        string(conditions=conditions)


@pytest.mark.parametrize("name", ["a/b=c", "..", "$x_{$", "many words " * 20])
def test_a_condition_of_any_name_is_drawn(name: str, tmp_path: Path) -> None:
    problem = string(conditions={name: string().conditions["pde"], "ends": pm.Value(u=0.0, on=["x=0", "x=1"])})
    solution = tiny(problem, 0)
    save_figure(plot_points({name: np.zeros((3, 1))}, ["x"]), tmp_path / "points.png")  # would warn without room
    assert solution.residual(name, x=0.5).shape == ()


@pytest.mark.parametrize("wrong", [{"name": 3}, {"name": "a\nb"}, {"description": None}])
def test_a_problem_without_a_name_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(pm.DeclarationError, match="a name of one line"):
        string(**wrong)


def test_nothing_of_a_run_prints_its_tensors() -> None:
    solution = tiny(heat(name="<b>"), 1, points={"pde": torch.rand(400, 2, dtype=torch.float64)})
    run = solution.run
    for one in (run.result, run.setup, run.discretisation, solution.approximation, run.collocation["pde"], run):
        assert len(repr(one)) < 1500 and "tensor(" not in repr(one)
    assert "x=Tensor(400, 2)" in repr(run.collocation["pde"]) and len(repr(solution).splitlines()) == 3
    assert len(repr(run)) < 200 and briefly(run.setup) == repr(run.setup)


def test_a_notebook_shows_a_table_of_the_same_facts() -> None:
    solution = tiny(heat(name="<b>"), 1)
    html = solution._repr_html_()
    assert "<b>" not in html and "&lt;b&gt;" in html and html.startswith("<table>") and len(html) < 1000
    assert f"<td>{solution.history[-1].loss:.2e}</td>" in html and solution.result.message in html


@pytest.mark.parametrize(("trusted", "told"), [(True, "estimated 1.0e-01\n"), (False, "estimated 1.0e-01, in doubt\n")])
def test_an_estimate_that_is_not_trusted_is_told_as_one(trusted: bool, told: str) -> None:
    solution = tiny(heat(), 1)
    estimate = Estimate({"u": 0.1}, trusted, "For this test.")
    assert told in repr(pm.Solution(replace(solution.run, assessed=estimate)))
