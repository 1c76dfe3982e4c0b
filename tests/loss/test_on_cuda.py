"""A CUDA device gives what the CPU gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from loss_reference import Case, burgers, system

from pinnml.loss import Discretisation, PinnObjective
from pinnml.points import Hammersley, sample


@pytest.mark.gpu
@pytest.mark.parametrize("declare", [burgers, system])
def test_device_gives_the_same(declare: Callable[[], Case]) -> None:
    case = declare()
    found = []
    for device in ("cpu", "cuda"):
        generator = torch.Generator().manual_seed(0)
        points = sample(case.problem, Hammersley(23, boundary=10), generator, device=device)
        theta = case.theta().to(device)
        objective = PinnObjective(case.problem, Discretisation(case.network, points))
        iterate, residual = objective.at(theta), objective.residual(theta)
        jacobian = objective.jacobian(theta)
        assert iterate.grad.device.type == jacobian.device.type == device
        found.append([tensor.cpu() for tensor in (iterate.f, iterate.grad, residual, jacobian)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)
