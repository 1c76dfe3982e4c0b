"""The run folder: what is in it, that it reads back to the bit, and that damage is named, never executed."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pickle
import re
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from run_files import PROMISED, png_size
from small_problems import KINDS, TINY, heat, tiny
from torch import nn

import pinnml as pm
from pinnml import problems
from pinnml.io import read_history
from pinnml.io.checkpoint import CheckpointWarning
from pinnml.io.plain import encode
from pinnml.objective import AbstractObjective, Iterate
from pinnml.optim import AbstractSolver, Status
from pinnml.settings import RECORDS, name_of, record, setting

FIGURES = {
    "string": {"solution", "error", "estimated-error", "residual", "points", "convergence"},
    "heat": {"solution", "error", "estimated-error", "slices", "residual", "points", "convergence"},
    "oscillator": {
        "solution-u", "solution-v", "error-u", "error-v", "estimated-error-u", "estimated-error-v", "residual-0",
        "residual-1", "points", "convergence",
    },
    "ring": {"solution", "estimated-error", "slices", "residual", "points", "convergence"},
    "block": {"solution", "error", "estimated-error", "residual", "points", "convergence"},
}  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[pm.Solution, Path]:
    """A solution with penalties and points by chance, and its folder."""
    folder = tmp_path_factory.mktemp("runs") / "heat"
    settings: dict[str, Any] = {"points": pm.points.Uniform(30), "stop": pm.Iterations(6) | pm.Loss(1e-9), "seed": 5}
    settings["solver"] = pm.LBFGS()
    return tiny(heat(hard={"start"}), out=folder, **settings), folder


@pytest.fixture
def folder(saved: tuple[pm.Solution, Path], tmp_path: Path) -> Path:
    """A copy of that folder, to be damaged."""
    return Path(shutil.copytree(saved[1], tmp_path / "copy"))


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out of what is saved, since they take most of the time."""
    monkeypatch.setattr(pm.Solution, "figures", lambda self: {})


def same_problem() -> pm.Problem:
    return heat(hard={"start"})


def edit_checkpoint(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


def edit_config(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    edit_checkpoint(folder / "checkpoint.pt", lambda checkpoint: change(checkpoint["config"]))


def test_a_run_leaves_every_file(saved: tuple[pm.Solution, Path]) -> None:
    files = {path.name for path in saved[1].iterdir()}
    figures = {f"{name}.png" for name in FIGURES["heat"]}
    assert files == {
        "config.json", "history.csv", "summary.json", "checkpoint.pt", "checkpoint-previous.pt", ".lock",
    } | figures  # fmt: skip
    for name in figures:
        width, height = png_size(saved[1] / name)
        assert width >= 600 and height >= 300


@pytest.mark.parametrize("kind", KINDS)
def test_the_figures_are_those_of_the_kind_of_problem(kind: str) -> None:
    assert set(tiny(KINDS[kind](), 1).figures()) == FIGURES[kind]


def test_the_summary_keeps_its_promises(saved: tuple[pm.Solution, Path]) -> None:
    solution, folder = saved
    summary = json.loads((folder / "summary.json").read_text())
    assert set(PROMISED) <= set(summary)
    error, last = solution.error(), solution.history[-1]
    assert error is not None
    assert (summary["relative_l2"], summary["max_error"]) == (error.relative_l2, error.maximum)
    assert (summary["loss"], summary["iterations"], summary["work"]) == (last.loss, 6, last.work)
    assert (summary["problem"], summary["seed"], summary["dtype"], summary["device"]) == ("heat", 5, "float64", "cpu")
    assert (summary["success"], summary["status"]) == (True, "stopped") and "6 iterations" in summary["message"]
    assert summary["parameters"] == len(solution.theta) and summary["version"] == pm.__version__


def test_a_summary_without_a_reference_has_no_error(tmp_path: Path, without_figures: None) -> None:
    tiny(KINDS["ring"](), 1, out=tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["relative_l2"] is None and summary["max_error"] is None


def test_the_history_has_one_row_an_iteration(saved: tuple[pm.Solution, Path]) -> None:
    lines = (saved[1] / "history.csv").read_text().splitlines()
    assert lines[0] == "iteration,seconds,work,loss,gradient_norm,evaluations,relative_l2,estimate,neurons"
    assert [line.split(",")[0] for line in lines[1:]] == [str(k) for k in range(7)]
    assert read_history(saved[1] / "history.csv") == list(saved[0].history)


def test_a_folder_reads_back_to_the_bit(saved: tuple[pm.Solution, Path]) -> None:
    solution, folder = saved
    loaded = pm.load(folder, same_problem())
    for name in ("theta", "f", "grad"):
        assert torch.equal(getattr(loaded.result.iterate, name), getattr(solution.result.iterate, name))
    assert loaded.setup == solution.setup and loaded.history == solution.history
    assert loaded.result.counts == solution.result.counts and loaded.result.message == solution.result.message
    assert loaded.result.seconds == solution.result.seconds and loaded.result.nit == 6
    for name, points in solution.collocation.items():
        assert torch.equal(loaded.collocation[name].x, points.x)
        assert torch.equal(loaded.collocation[name].weights, points.weights)
    memory, before = loaded.result.state.memory, solution.result.state.memory
    assert torch.equal(memory.s, before.s) and torch.equal(memory.y, before.y) and len(memory) == 6
    x = np.linspace(0, math.pi, 30)
    assert np.array_equal(loaded(t=0.3, x=x), solution(t=0.3, x=x))


SOLVERS = {
    "lbfgs": pm.LBFGS(memory=4),
    "adam": pm.Adam(rate=0.01),
    "first phase": pm.Sequential((pm.Adam(), pm.Iterations(8)), pm.LBFGS()),
    "second phase": pm.Sequential((pm.Adam(), pm.Iterations(3)), pm.LBFGS()),
    "by work": pm.Sequential((pm.Adam(), pm.stop.Evaluations(7)), pm.LBFGS(search=pm.optim.Armijo())),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_a_resumed_run_repeats_an_uninterrupted_one(name: str, tmp_path: Path, without_figures: None) -> None:
    settings = {"solver": SOLVERS[name], "points": pm.Sobol(32), "seed": 2}
    whole = tiny(KINDS["ring"](), 12, **settings)
    tiny(KINDS["ring"](), 5, out=tmp_path, **settings)
    half = pm.load(tmp_path, KINDS["ring"]())
    rest = pm.resume(tmp_path, KINDS["ring"](), stop=pm.Iterations(12))
    assert torch.equal(rest.theta, whole.theta)
    assert rest.history[-1].iteration == 12 and rest.history[-1].loss == whole.history[-1].loss
    assert not torch.equal(half.theta, whole.theta)


def test_a_bundled_problem_is_found_by_its_name(tmp_path: Path, without_figures: None) -> None:
    solution = tiny(problems.get("poisson"), 1, out=tmp_path)
    loaded = pm.load(tmp_path)
    assert loaded.problem.name == "poisson" and torch.equal(loaded.theta, solution.theta)


def test_a_problem_of_ones_own_must_be_handed_over(folder: Path) -> None:
    with pytest.raises(pm.DeclarationError, match=r"(?s)another problem: domain .*hand over the problem"):
        pm.load(folder)  # there is a bundled one of this name
    edit_checkpoint(folder / "checkpoint.pt", lambda checkpoint: checkpoint["config"].update(problem="warm"))
    with pytest.raises(pm.DeclarationError, match=r"(?s)'warm' is not a bundled problem.*load\(folder, problem\)"):
        pm.load(folder)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (lambda: heat(hard={"start"}, name="warmth"), "problem heat against warmth"),
        (lambda: heat(hard={"start"}, parameters={"kappa": 0.25}), r"'kappa': 0\.5} against {'kappa': 0\.25}"),
        (lambda: heat(), r"hard \['start'\] against \['start', 'walls'\]"),
        (lambda: heat(hard={"start"}, domain=pm.Box(t=(0, 2), x=(0, math.pi))), "domain.*against.*2"),
        (lambda: KINDS["ring"](), "conditions .*against .*Periodic"),
    ],
)
def test_another_problem_is_refused_with_the_difference(
    folder: Path, other: Callable[[], pm.Problem], difference: str
) -> None:
    with pytest.raises(pm.DeclarationError, match=f"(?s)another problem.*{difference}"):
        pm.load(folder, other())


def test_a_problem_with_a_bundled_name_is_not_mistaken_for_it(tmp_path: Path, without_figures: None) -> None:
    tiny(heat(name="burgers"), 1, out=tmp_path)
    with pytest.raises(pm.DeclarationError, match=r"(?s)another problem.*nu"):
        pm.load(tmp_path)
    assert pm.load(tmp_path, heat(name="burgers")).problem.name == "burgers"


class Line(nn.Module):
    """A module of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(2, 1)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        return self.out(torch.tanh(points))


class Patient(pm.Iterations):
    """A stop of one's own."""


class MLP(pm.MLP):
    """A network of one's own that has the name of one of the package's."""


class Corners(pm.points.Uniform):
    """A sampler of one's own."""


def test_a_network_of_ones_own_must_be_handed_over(tmp_path: Path, without_figures: None) -> None:
    solution = tiny(heat(), 2, network=Line(), out=tmp_path)
    with pytest.raises(pm.DeclarationError, match=r"(?s)Line\(.*object of your own.*hand it over"):
        pm.load(tmp_path, heat())
    loaded = pm.load(tmp_path, heat(), Line())
    assert np.array_equal(loaded(t=0.5, x=[1.0, 2.0]), solution(t=0.5, x=[1.0, 2.0]))
    with pytest.raises(pm.DeclarationError, match="holds 3 parameters, the network has 17"):
        pm.load(tmp_path, heat(), TINY)


def test_other_objects_of_ones_own_are_handed_over_too(tmp_path: Path, without_figures: None) -> None:
    settings: dict[str, Any] = {"network": MLP(width=4, depth=1), "stop": Patient(2), "points": Corners(12)}
    solution = tiny(heat(), out=tmp_path, **settings)
    with pytest.raises(pm.DeclarationError, match=r"(?s)MLP.*object of your own"):
        pm.load(tmp_path, heat(), stop=Patient(2))
    with pytest.raises(pm.DeclarationError, match=r"(?s)Patient.*object of your own"):
        pm.load(tmp_path, heat(), TINY)
    loaded = pm.load(tmp_path, heat(), TINY, stop=Patient(2))
    assert torch.equal(loaded.collocation["pde"].x, solution.collocation["pde"].x)
    assert torch.equal(loaded.setup.points["pde"], solution.collocation["pde"].x)  # type: ignore[index]


class Halving(AbstractSolver):
    """A solver of one's own with a state of its own."""

    def init(self, objective: AbstractObjective, iterate: Iterate) -> Any:
        return {"trials": object()}

    def step(self, objective: AbstractObjective, iterate: Iterate, state: Any) -> tuple[Iterate, Any, Status]:
        return objective.at(iterate.theta / 2), state, Status.RUNNING


@pytest.mark.parametrize(
    ("solver", "place"), [(Halving(), "trials of the state"), (pm.Sequential(Halving()), r"inner\.trials of the state")]
)
def test_a_solver_of_ones_own_starts_afresh(
    solver: AbstractSolver, place: str, tmp_path: Path, without_figures: None
) -> None:
    """What of its state no checkpoint can hold is told once, however often one is written."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solution = tiny(heat(), 2, solver=solver, every=0.0, out=tmp_path)
    told = [str(warning.message) for warning in caught if warning.category is CheckpointWarning]
    assert len(told) == 1
    assert re.search(f"<object object .* neither plain data.*where: {place} of {type(solver).__name__}", told[0])
    with pytest.raises(pm.DeclarationError, match=r"(?s)Halving.*object of your own"):
        pm.load(tmp_path, heat())
    loaded = pm.load(tmp_path, heat(), solver=solver)
    assert torch.equal(loaded.theta, solution.theta) and loaded.result.state is None


def test_what_no_checkpoint_can_hold_is_told_where_a_solution_is_saved(tmp_path: Path, without_figures: None) -> None:
    solution = tiny(heat(), 1, solver=Halving())
    with pytest.warns(CheckpointWarning, match=r"<object object .* make its class a record"):
        solution.save(tmp_path)


@record
class Trials:
    """The state of the solver below: a record of one's own."""

    count: int
    last: torch.Tensor


@setting
class Shrinking(AbstractSolver):
    """A solver of one's own that is a record, as its state is."""

    share: float = 0.5

    def init(self, objective: AbstractObjective, iterate: Iterate) -> Trials:
        return Trials(0, iterate.theta)

    def step(self, objective: AbstractObjective, iterate: Iterate, state: Trials) -> tuple[Iterate, Trials, Status]:
        return objective.at(iterate.theta * self.share), Trials(state.count + 1, iterate.theta), Status.RUNNING


def test_records_of_ones_own_are_kept(tmp_path: Path, without_figures: None) -> None:
    whole = tiny(heat(), 4, solver=Shrinking(0.75))
    with warnings.catch_warnings():
        warnings.simplefilter("error", CheckpointWarning)
        solution = tiny(heat(), 2, solver=Shrinking(0.75), out=tmp_path)
    loaded = pm.load(tmp_path, heat())
    assert loaded.setup.solver == Shrinking(0.75) and isinstance(loaded.result.state, Trials)
    assert loaded.result.state.count == 2 and torch.equal(loaded.result.state.last, solution.result.state.last)
    resumed = pm.resume(tmp_path, heat(), stop=pm.Iterations(4))
    assert torch.equal(resumed.theta, whole.theta) and resumed.result.state.count == 4


def test_a_record_of_ones_own_that_is_not_defined_yet_is_asked_for(
    tmp_path: Path, without_figures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny(heat(), 1, solver=Shrinking(), out=tmp_path)
    monkeypatch.delitem(RECORDS, name_of(Shrinking))
    with pytest.raises(pm.DeclarationError, match=r"test_run_folder:Shrinking.*import test_run_folder before"):
        pm.load(tmp_path, heat())


ROOMS = tuple(f"pinnml.{room}." for room in ("network", "points", "objective", "optim", "schwarz", "levels", "adapt"))
"""Where settings and solver states come from."""


def test_records_have_names_of_their_own() -> None:
    known = dict(RECORDS)
    assert {"MLP", "LBFGS", "LBFGSState", "SecantMemory", "Counts", "Switching", "SwitchingState"} <= set(known)
    others = [
        kind
        for module in [module for name, module in sys.modules.items() if name.startswith(ROOMS)]
        for kind in vars(module).values()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind.__module__.startswith(ROOMS)
    ]
    assert [kind for kind in others if known.get(kind.__name__, kind) is not kind] == []


def test_points_of_ones_own_read_back(tmp_path: Path, without_figures: None) -> None:
    points = {"pde": torch.rand(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))}
    tiny(heat(), 1, points=points, out=tmp_path)
    loaded = pm.load(tmp_path, heat())
    assert torch.equal(loaded.setup.points["pde"], points["pde"])  # type: ignore[index]


def test_single_precision_reads_back(tmp_path: Path, without_figures: None) -> None:
    solution = tiny(heat(), 2, dtype=torch.float32, out=tmp_path)
    loaded = pm.load(tmp_path, heat())
    assert loaded.setup.dtype == torch.float32 and torch.equal(loaded.theta, solution.theta)


@pytest.mark.gpu
def test_a_run_comes_back_to_its_gpu(tmp_path: Path, without_figures: None) -> None:
    tiny(heat(), 2, device="cuda", out=tmp_path)
    loaded = pm.load(tmp_path, heat())
    assert loaded.theta.device.type == "cuda" and loaded.setup.device == "cuda"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_run_on_a_gpu_is_read_where_there_is_none(folder: Path) -> None:
    edit_config(folder, lambda config: config.update(device="cuda"))
    assert pm.load(folder, same_problem()).setup.device == "cpu"


class Trap:
    """What unpickles into a call; the call makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize(
    "write", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2))]
)
def test_code_in_a_checkpoint_is_never_run(folder: Path, tmp_path: Path, write: Callable[..., Any]) -> None:
    mark = tmp_path / "mark"
    content = torch.load(folder / "checkpoint.pt", weights_only=True) | {"message": Trap(mark)}
    write(content, folder / "checkpoint.pt")
    (folder / "checkpoint-previous.pt").unlink()
    with pytest.raises(pm.DeclarationError, match=r"checkpoint\.pt cannot be read"):
        pm.load(folder, same_problem())
    assert not mark.exists()
    write(content, tmp_path / "again")
    with (tmp_path / "again").open("rb") as file:  # the trap works
        torch.load(file, weights_only=False) if write is torch.save else pickle.load(file)
    assert mark.exists()


def cut(share: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(share * len(content))]


def changed(content: bytes) -> bytes:
    """One bit of θ is another one, in the middle of the file."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


DAMAGES = {"empty": cut(0.0), "cut": cut(0.3), "cut late": cut(0.99), "one bit": changed, "text": lambda _: b"{}"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(folder: Path, damage: str) -> None:
    path = folder / "checkpoint.pt"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.warns(CheckpointWarning, match=r"checkpoint\.pt cannot be read.*the checkpoint before it"):
        assert pm.load(folder, same_problem()).result.nit < 6
    with pytest.warns(CheckpointWarning):
        assert pm.resume(folder, same_problem()).result.nit == 6


def test_a_missing_checkpoint_falls_back_to_the_one_before(folder: Path) -> None:
    """As when the power fails between two moves of files."""
    (folder / "checkpoint.pt").unlink()
    with pytest.warns(CheckpointWarning, match=r"There is no checkpoint\.pt"):
        assert pm.load(folder, same_problem()).result.nit < 6


@pytest.mark.parametrize("damage", DAMAGES)
def test_two_damaged_checkpoints_are_named(folder: Path, damage: str) -> None:
    for path in (folder / "checkpoint.pt", folder / "checkpoint-previous.pt"):
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(pm.DeclarationError, match=r"(?s)checkpoint\.pt cannot be read.*checkpoint-previous\.pt cannot"):
        pm.load(folder, same_problem())


def test_a_checkpoint_of_another_format_is_refused(folder: Path) -> None:
    edit_checkpoint(folder / "checkpoint.pt", lambda checkpoint: checkpoint.update(format=99, version="7.0"))
    with pytest.raises(pm.DeclarationError, match=r"format 99 of pinnml 7\.0.*reads format 3"):
        pm.load(folder, same_problem())


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(pm.DeclarationError, match=r"There is no checkpoint\.pt"):
        pm.load(tmp_path, same_problem())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda config: config.pop("network"), "lacks network"),
        (lambda config: config.pop("dtype"), "lacks dtype"),
        (lambda config: config["network"].update(type="MPL"), "'MPL'.*did you mean 'MLP'"),
        (lambda config: config["network"].update(type="system"), "Unknown kind 'system'"),
        (lambda config: config["network"].update(heads=8), "MLP has wrong arguments"),
        (lambda config: config["network"].update(width=5), "holds 17 parameters, the network has 21"),
        (lambda config: config["network"].update(width=0), "width"),
    ],
)
def test_a_damaged_configuration_is_named(folder: Path, damage: Callable[..., Any], message: str) -> None:
    edit_config(folder, damage)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        pm.load(folder, same_problem())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda checkpoint: checkpoint.pop("theta"), "lacks 'theta'"),
        (lambda checkpoint: checkpoint.update(status="HAPPY"), "'status' of the checkpoint is 'HAPPY'"),
        (lambda checkpoint: checkpoint.update(points=None), "'points' of the checkpoint is None"),
        (lambda checkpoint: checkpoint["counts"].update(type="Sums"), "Unknown kind 'Sums'"),
    ],
)
def test_a_damaged_checkpoint_is_named(folder: Path, damage: Callable[..., Any], message: str) -> None:
    edit_checkpoint(folder / "checkpoint.pt", damage)
    with pytest.raises(pm.DeclarationError, match=message):
        pm.load(folder, same_problem())


def test_saving_what_was_read_writes_the_same_files(folder: Path, tmp_path: Path, without_figures: None) -> None:
    pm.load(folder, same_problem()).save(tmp_path / "again")
    for name in ("config.json", "history.csv", "summary.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_a_class_of_the_same_name_is_not_taken_for_the_packages() -> None:
    assert encode(pm.MLP())["type"] == "MLP"
    assert encode(MLP())["type"] == "not the package's own"
