"""Memory used again gives the same results as fresh memory, and no more of it is taken."""

from __future__ import annotations

import pytest
import torch
from network_reference import ARCHITECTURES, bound, parameters, points, up_to
from torch import Tensor

from pinnml.network import AbstractNetwork, Workspace


class Recording(Workspace):
    """Notes where the memory lies that it hands out."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[int] = []

    def empty(self, shape: tuple[int, ...], like: Tensor) -> Tensor:  # type: ignore[override]
        tensor = super().empty(shape, like)
        self.addresses.append(tensor.data_ptr())
        return tensor


def evaluation(
    network: AbstractNetwork, theta: Tensor, x: Tensor, order: int, workspace: Workspace
) -> tuple[Tensor, ...]:
    """Return values, gradient, the rows of a block and a directional derivative, copied out of the workspace."""
    indices, block = up_to(order, x.shape[1]), network.blocks[1]
    at = network.linearise(theta, network.embed(x, indices), indices, workspace)
    cotangent = at.values.cos()
    values, gradient = at.values.clone(), at.pullback(cotangent)
    return values, gradient, at.rows(cotangent, block.start, block.stop), at.along(cotangent, theta)


@pytest.mark.parametrize("name", ["mlp", "resnet", "mlp-fourier"])
def test_second_evaluation_takes_no_new_memory(name: str, generator: torch.Generator) -> None:
    network, workspace = bound(ARCHITECTURES[name], 2), Recording()
    thetas = [parameters(network, generator) for _ in range(2)]
    x = points(9, 2, generator)
    addresses = []
    for theta in thetas:
        workspace.rewind()
        workspace.addresses = []
        found = evaluation(network, theta, x, 2, workspace)
        addresses.append(workspace.addresses)
        for one, other in zip(found, evaluation(network, theta, x, 2, Workspace()), strict=True):
            assert torch.equal(one, other)
    assert addresses[0] == addresses[1]
    assert len(set(addresses[0])) == len(addresses[0]) > 10


def test_changed_shapes_orders_dtypes_and_networks_are_served(generator: torch.Generator) -> None:
    workspace = Workspace()
    for name, count, order, dtype in [
        ("mlp", 9, 2, torch.float64),
        ("mlp", 5, 2, torch.float64),
        ("mlp", 5, 2, torch.float32),
        ("resnet", 5, 1, torch.float32),
        ("mlp", 9, 3, torch.float64),
    ]:
        network = bound(ARCHITECTURES[name], 2)
        theta, x = parameters(network, generator).to(dtype), points(count, 2, generator).to(dtype)
        workspace.rewind()
        found = evaluation(network, theta, x, order, workspace)
        for one, other in zip(found, evaluation(network, theta, x, order, Workspace()), strict=True):
            assert one.dtype == dtype
            assert torch.equal(one, other)


def test_requests_without_rewind_never_share_memory() -> None:
    workspace, like = Workspace(), torch.zeros((), dtype=torch.float64)
    first, second = workspace.empty((3, 2), like), workspace.empty((3, 2), like)
    first.fill_(1)
    second.fill_(2)
    assert (first == 1).all()
    workspace.rewind()
    assert workspace.empty((3, 2), like).data_ptr() == first.data_ptr()
    assert workspace.empty((2, 3), like).shape == (2, 3)
    workspace.rewind()
    single = workspace.empty((3, 2), like.float())
    assert single.dtype == torch.float32
