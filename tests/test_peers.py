"""The comparison with other packages and methods, without those packages."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import pinnml as pm
from pinnml import problems

PEERS = Path(__file__).parents[1] / "examples" / "peers"
HERE = ("equations", "job", "peers", "table", "worker", "compare")
MODULES = (*HERE, "peer_objective", "peer_torch", "peer_pinnml", "peer_features", "peer_spectral")
NAMES = ("burgers", "allen-cahn", "poisson")


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The files of the comparison that need nothing beyond torch."""
    monkeypatch.syspath_prepend(str(PEERS))
    modules = {name: importlib.import_module(name) for name in MODULES}
    for name in modules:
        monkeypatch.delitem(sys.modules, name)
    return modules


@pytest.fixture
def made(peers: dict[str, ModuleType]) -> Callable[[str], Any]:
    """Return what makes a job of a problem: 50 points, a network of 2 × 5 neurons, a grid of 11 × 21."""

    def make(name: str) -> Any:
        problem = problems.get(name)
        domain = problem.domain
        lower, upper = np.array(domain.lower, dtype=float), np.array(domain.upper, dtype=float)
        network = pm.MLP(width=5, depth=2, embedding=pm.networks.Identity()).bind(
            domain.names, domain.lower, domain.upper, 1
        )
        generator = torch.Generator().manual_seed(4)
        theta = network.initial(generator, torch.float64, torch.device("cpu"))
        points = lower + (upper - lower) * torch.rand(50, 2, generator=generator, dtype=torch.float64).numpy()
        axes = [np.linspace(a, b, n) for a, b, n in zip(lower, upper, (11, 21), strict=True)]
        grid = np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)
        assert problem.reference is not None
        exact = problem.reference(dict(zip(domain.names, grid.T, strict=True)))["u"]
        return peers["job"].Job(name, np.array([2, 5, 5, 1]), theta.numpy(), points, grid, exact, 0)

    return make


@pytest.mark.parametrize("name", NAMES)
def test_trained_peers_start_from_the_same_loss_gradient_and_field(
    peers: dict[str, ModuleType], made: Callable[[str], Any], name: str
) -> None:
    job = made(name)
    ours, theirs = peers["peer_objective"].Peer(job, "lbfgs"), peers["peer_torch"].Peer(job)
    (loss, gradient), (their_loss, their_gradient) = ours.evaluate(), theirs.evaluate()
    assert loss == pytest.approx(their_loss, rel=1e-13)
    assert gradient == pytest.approx(their_gradient, rel=1e-11, abs=1e-13 * np.abs(gradient).max())
    assert np.abs(gradient).min() > 0 and len(gradient) == ours.unknowns == theirs.unknowns
    state = [torch.from_numpy(part) for weight, bias in job.layers() for part in (weight, bias)]
    assert ours.predict(torch.from_numpy(job.theta)) == pytest.approx(theirs.predict(state), abs=1e-14)


@pytest.mark.slow  # by the clock: long enough for a busy machine
@pytest.mark.parametrize(("module", "method"), [("objective", "lbfgs"), ("objective", "lm"), ("torch", "lbfgs")])
def test_a_peer_trains_for_its_seconds_and_ends_its_trace_with_its_best(
    peers: dict[str, ModuleType], made: Callable[[str], Any], module: str, method: str
) -> None:
    """By its loss: with fifty points of Burgers' equation what fits them best is far from u between them."""
    job = made("burgers")
    outcome = peers["worker"].run(module, method, job, 2.0)
    assert 2.0 <= outcome.seconds < 8 and outcome.evaluations > 1
    assert outcome.loss < outcome.start_loss
    assert outcome.errors[-1] > 0 and outcome.times[-1] == outcome.seconds
    assert len(outcome.times) == len(outcome.errors) > 1 and (np.diff(outcome.times) >= 0).all()
    assert np.isfinite(outcome.errors).all()
    make = peers[f"peer_{module}"].Peer
    done = make(job, method).train(1.0)
    last = done.trace.states[-1]
    theta = torch.cat([part.detach().ravel() for part in (last if isinstance(last, list) else [last])]).numpy()
    assert make(replace(job, theta=theta), method).evaluate()[0] == pytest.approx(done.loss, rel=1e-9)


def test_the_default_runs_as_it_comes(peers: dict[str, ModuleType], made: Callable[[str], Any]) -> None:
    outcome = peers["worker"].run("pinnml", "default", made("poisson"), 0.5)
    assert math.isnan(outcome.start_loss) and len(outcome.start_gradient) == 0
    assert outcome.unknowns > 0 and 0 < outcome.errors[-1] < math.inf


@pytest.mark.parametrize(
    ("name", "modes", "bound"),
    [("burgers", 512, 4e-4), ("allen-cahn", 128, 3e-3), ("poisson", 16, 1e-10)],  # 3.0e-4, 2.7e-3, 2.6e-11
)
def test_spectral_solutions_converge(
    peers: dict[str, ModuleType], made: Callable[[str], Any], name: str, modes: int, bound: float
) -> None:
    job, spectral = made(name), peers["peer_spectral"]
    axes = [np.unique(column) for column in job.grid.T]
    solve = spectral.SOLVERS[name][0]
    with np.errstate(all="ignore"):
        coarse, fine = (job.error(solve(*axes, count)[0].ravel()) for count in (modes // 2, modes))
    assert fine < bound and fine < 0.3 * coarse


def test_a_spectral_run_doubles_until_solutions_agree(peers: dict[str, ModuleType], made: Callable[[str], Any]) -> None:
    outcome = peers["worker"].run("spectral", "doubling", made("poisson"), 60.0)
    assert outcome.errors[-1] < 1e-12 and outcome.seconds < 5
    assert outcome.errors[0] > 1e-5 and outcome.unknowns <= 63**2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count", "steepness", "bound"), [("poisson", 200, 1.0, 1e-5), ("burgers", 150, 2.0, 1)]
)
def test_random_features_lower_residual_and_error(
    peers: dict[str, ModuleType], made: Callable[[str], Any], name: str, count: int, steepness: float, bound: float
) -> None:
    features = peers["peer_features"]
    peer = features.Peer(made(name))
    zero = features.Expansion(None, np.zeros(0))
    coarse = peer._solved(zero, count // 4, steepness)
    fine = peer._solved(coarse, count, steepness)
    assert peer._loss(fine) < 0.5 * peer._loss(coarse)
    assert peer.error(fine) < bound


@pytest.mark.parametrize("name", NAMES)
def test_linearised_equations_are_derivatives(peers: dict[str, ModuleType], name: str) -> None:
    equation, rng = peers["equations"].EQUATIONS[name], np.random.default_rng(2)
    a, b, *jets = rng.uniform(-1, 1, (7, 9))
    residual, parts = equation.linearised(a, b, jets)
    directions, h = rng.uniform(-1, 1, (5, 9)), 1e-6
    ends = [
        equation.residual(np, a, b, *(jet + sign * h * d for jet, d in zip(jets, directions, strict=True)))
        for sign in (1, -1)
    ]
    slope = sum(part * d for part, d in zip(parts, directions, strict=True))
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-7)
    assert residual == pytest.approx(sum(ends) / 2, abs=1e-9)


def test_a_watch_counts_refuses_and_restores(peers: dict[str, ModuleType]) -> None:
    parameter = torch.zeros(1)
    watch = peers["job"].Watch([parameter], 60.0)
    for value, loss in ((1.0, 3.0), (2.0, 1.0), (3.0, float("nan")), (4.0, 2.0)):
        parameter.fill_(value)
        watch.watched(lambda loss=loss: torch.tensor(loss))()
    watch.restore()
    assert (float(parameter), watch.loss, watch.evaluations) == (2.0, 1.0, 4)
    assert float(watch.stopped().trace.states[-1][0]) == 2.0
    with pytest.raises(peers["job"].TimeIsUpError):
        peers["job"].Watch([parameter], 0.0).watched(lambda: torch.tensor(0.0))()


def test_a_trace_is_kept_at_growing_times(peers: dict[str, ModuleType]) -> None:
    trace = peers["job"].Trace()
    for seconds in np.arange(0, 100, 0.01):
        trace.note(seconds, lambda: None)
    assert 100 < len(trace.times) < 180 and trace.times[0] >= peers["job"].FIRST


def test_jobs_and_outcomes_read_back(peers: dict[str, ModuleType], made: Callable[[str], Any], tmp_path: Path) -> None:
    job = made("burgers")
    job.save(tmp_path / "job.npz")
    again = peers["job"].Job.load(tmp_path / "job.npz")
    assert again.problem == job.problem and again.seed == 0
    assert np.array_equal(again.theta, job.theta) and np.array_equal(again.grid, job.grid)
    assert [weight.shape for weight, _ in again.layers()] == [(5, 2), (5, 5), (1, 5)]
    assert again.error(job.exact) == 0 and again.error(np.full(len(job.exact), np.nan)) == math.inf


def test_a_peer_that_starts_elsewhere_is_refused(peers: dict[str, ModuleType]) -> None:
    start = peers["compare"].Start(2.0, np.array([1.0, -4.0]))
    start.check("torch-lbfgs", outcome(peers, 2.0, [1.0, -4.0]))
    start.check("spectral", outcome(peers, math.nan, []))
    with pytest.raises(SystemExit, match=r"another loss or gradient.*2\.4e-04"):
        start.check("torch-lbfgs", outcome(peers, 2.0, [1.0, -4.001]))


def outcome(peers: dict[str, ModuleType], loss: float, gradient: list[float]) -> Any:
    """A run of two seconds with two errors on the way."""
    trace = np.array([0.5, 2.0]), np.array([0.1, 1e-4])
    return peers["job"].Outcome(loss, np.array(gradient), 1.0, 0.5, 10, 2.0, 1.9, 7, *trace, "torch")


def test_tables_tell_seconds_to_errors_and_ratios(peers: dict[str, ModuleType]) -> None:
    def run(peer: str, seed: int, times: list[float], errors: list[float]) -> dict[str, Any]:
        told = {"setup": 1.5, "seconds": 60.0, "processor": 55.0, "evaluations": math.nan, "unknowns": 1341}
        return {"problem": "burgers", "peer": peer, "seed": seed, "times": times, "errors": errors, **told}

    runs = [
        run("pinnml", 0, [1.0, 4.0, 20.0], [1e-1, 5e-4, 2e-5]),
        run("pinnml", 1, [1.0, 8.0, 30.0], [1e-1, 9e-4, 3e-5]),
        run("spectral", 0, [0.25, 0.8], [2e-5, 1e-12]),
    ]
    shown = peers["table"].tables(runs).splitlines()
    assert shown[0] == "### burgers" and shown[2].count("|") == shown[3].count("|") == 15
    assert shown[4] == (
        "| pinnml, default | 1,341 | 1.5 | 60.0 | 55 | – | 2.5e-05 (2.0e-05 – 3.0e-05) "
        "| 8 (1×) | 30 (1×) | – | – | – | – | – |"
    )
    assert shown[5].endswith("| 1.0e-12 | 0.25 (0.031×) | 0.25 (0.0083×) | 0.8 | 0.8 | 0.8 | 0.8 | 0.8 |")


def test_every_peer_has_its_script_and_its_requirements(peers: dict[str, ModuleType]) -> None:
    entries = peers["peers"].PEERS.values()
    assert {f"peer_{entry.module}" for entry in entries} == {file.stem for file in PEERS.glob("peer_*.py")}
    others = {entry.environment for entry in entries} - {""}
    assert {f"requirements-{name}" for name in others} == {file.stem for file in PEERS.glob("requirements*.txt")}
    assert all(len(file.read_text().splitlines()) <= 250 for file in PEERS.glob("*.py"))
