"""Scales of a run's fields: found once, kept by its folder, told by its summary; units make no difference then."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_problems import heat, string, tiny

import pinnml as pm
from pinnml.adapt import LinearisedSizes, PinnObjective, Readouts, Widening
from pinnml.run import rerun, resume
from pinnml.run.folder import load

pytestmark = pytest.mark.usefixtures("on_one_thread")

SIZE = 2.0**20


def poisson(size: float, hard: bool = True) -> pm.Problem:
    """Return u_xx = −π²c sin πx; u = c sin πx."""
    pde = pm.Interior(lambda u_xx, x: u_xx + size * (math.pi**2 * torch.sin(math.pi * x)))
    exact = pm.Reference({"u": lambda x: size * np.sin(np.pi * x)}, {"x": 21}, "exact", 1e-15)
    conditions = string().conditions | {"pde": pde}
    return string(conditions=conditions, hard={"ends"} if hard else (), reference=exact)


def growth(size: float) -> pm.Problem:
    """Return u_t = κu_xx + u(1 − u/c), not linear, from c sin x; soft walls."""
    pde = pm.Interior(lambda u, u_t, u_xx, kappa: u_t - kappa * u_xx - u * (1 - u / size))
    start = pm.Value(u=lambda x: size * torch.sin(x), on="t=0")
    return heat(conditions=heat().conditions | {"pde": pde, "start": start}, hard={"start"}, reference=None)


@pytest.mark.parametrize("size", [SIZE, 1 / SIZE])
def test_a_run_in_other_units_is_the_same_run(size: float) -> None:
    one, other = (tiny(poisson(c), 5, solver=pm.methods.schwarz_gauss_newton()) for c in (1.0, size))
    assert one.network.scales is None and other.network.scales == (size,)
    assert torch.equal(other.theta, one.theta)


def test_an_equation_that_is_not_linear_is_the_same_in_other_units() -> None:
    one, other = (
        tiny(growth(c), 5, solver=pm.optim.LevenbergMarquardt(), scales={"u": c}, balance=None) for c in (1.0, SIZE)
    )
    assert other.network.scales == (SIZE,)
    assert torch.equal(other.theta, one.theta)


def test_readouts_in_other_units_are_the_same() -> None:
    rule = Readouts(untrained=(Widening(20, radius=None, coordinates=True),))
    given: dict[str, Any] = {"network": pm.ResNet(4, 2), "refine": rule, "stop": pm.Iterations(2)}
    one, large = (pm.solve(poisson(c), solver=pm.optim.WhereLinear(pm.LBFGS()), **given) for c in (1.0, SIZE))
    assert one.estimate is not None and large.estimate is not None
    assert large.estimate.relative_l2["u"] == pytest.approx(one.estimate.relative_l2["u"], rel=1e-2)


def test_without_scales_a_large_solution_is_out_of_reach() -> None:
    with_, without = (
        tiny(poisson(SIZE), 6, solver=pm.methods.schwarz_gauss_newton(), scales=scales)
        for scales in (LinearisedSizes(), None)
    )
    assert without.network.scales is None
    found, missed = with_.error(), without.error()
    assert found is not None and missed is not None and found.relative_l2 < 0.3 * missed.relative_l2


def test_a_resumed_run_keeps_its_scales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tiny(poisson(SIZE), 6)
    begun = tiny(poisson(SIZE), 3, out=tmp_path)
    assert begun.network.scales is not None

    def refuse(self: LinearisedSizes, objective: PinnObjective) -> dict[str, float]:
        raise AssertionError("asked again")

    monkeypatch.setattr(LinearisedSizes, "scales", refuse)
    read = pm.Solution.load(tmp_path, poisson(SIZE))
    assert np.array_equal(read(x=np.linspace(0, 1, 9)), begun(x=np.linspace(0, 1, 9)))
    going_on = resume(tmp_path, poisson(SIZE), stop=pm.Iterations(6))
    assert going_on.network.scales == begun.network.scales
    assert torch.equal(going_on.theta, whole.theta)


def test_readouts_of_scaled_fields_are_resumed(tmp_path: Path) -> None:
    rule = Readouts(untrained=(Widening(8, radius=None, coordinates=True),), train=2, levels=(Widening(8),))
    given: dict[str, Any] = {"refine": rule, "solver": pm.optim.WhereLinear(pm.LBFGS()), "points": pm.Hammersley(40)}
    whole = tiny(poisson(SIZE), 9, **given)
    for stop in (1, 4):
        tiny(poisson(SIZE), stop, out=tmp_path / str(stop), **given)
        going_on = resume(tmp_path / str(stop), poisson(SIZE), stop=pm.Iterations(9))
        assert going_on.network.scales == whole.network.scales is not None
        assert torch.equal(going_on.theta, whole.theta)


def test_numbers_fix_scales_and_none_leaves_them_at_one(tmp_path: Path) -> None:
    fixed = tiny(poisson(1.0), 1, scales={"u": 3.0}, out=tmp_path)
    assert fixed.network.scales == (3.0,)
    assert load(tmp_path, poisson(1.0)).setup.scales == LinearisedSizes({"u": 3.0})
    assert rerun(tmp_path, poisson(1.0)).identical
    with pytest.raises(pm.DeclarationError, match=r"no field 'v'.*scales"):
        tiny(poisson(1.0), 0, scales={"v": 3.0})
    with pytest.raises(pm.DeclarationError, match="fixed is"):
        tiny(poisson(1.0), 0, scales={"u": 0.0})
    with pytest.raises(pm.DeclarationError, match=r"scales is 3.*LinearisedSizes"):
        tiny(poisson(1.0), 0, scales=3)


def test_folders_from_before_there_were_scales_had_none(tmp_path: Path) -> None:
    tiny(poisson(SIZE), 1, out=tmp_path, scales=None)
    file = tmp_path / "checkpoint.pt"
    content: Any = torch.load(file, weights_only=True)
    del content["config"]["scales"], content["scales"]
    torch.save(content, file)
    assert load(tmp_path, poisson(SIZE)).setup.scales is None
    assert rerun(tmp_path, poisson(SIZE)).identical


def test_the_summary_tells_scales_that_are_not_one(tmp_path: Path) -> None:
    solution = tiny(poisson(SIZE), 1, out=tmp_path / "large")
    told = json.loads((tmp_path / "large" / "summary.json").read_text())["scales"]
    assert told == {"u": solution.network.scales[0]}  # type: ignore[index]
    tiny(poisson(1.0), 1, out=tmp_path / "one")
    assert "scales" not in json.loads((tmp_path / "one" / "summary.json").read_text())


def test_the_rule_draws_nothing_from_the_run() -> None:
    with_, without = (tiny(poisson(1.0), 3, scales=scales) for scales in (LinearisedSizes(), None))
    assert torch.equal(with_.theta, without.theta)
