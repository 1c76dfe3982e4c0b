"""Pullback, rows and directional derivatives in θ against the dense Jacobian of the chain written out plainly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from network_reference import (
    ARCHITECTURES,
    as_module,
    bound,
    derivatives,
    functional,
    parameters,
    plain,
    points,
    up_to,
)
from torch import Tensor

from pinnml.network import AbstractLinearisation, AbstractNetwork, Tanh, Workspace
from pinnml.network.chain import ChainNetwork, Layer

CASES = [
    *((name, 2, 2) for name in ARCHITECTURES),
    ("mlp", 1, 4),
    ("mlp", 2, 0),
    ("mlp", 2, 1),
    ("resnet", 2, 3),
    ("resnet", 3, 2),
]


class Dense:
    """A network, a cotangent, and J_cmnp = ∂jet_cmn/∂θ_p by reverse mode over forward mode."""

    def __init__(self, name: str, dimension: int, order: int, foreign: bool) -> None:
        generator = torch.Generator().manual_seed(0)
        architecture, self.indices = ARCHITECTURES[name], up_to(order, dimension)
        self.network: AbstractNetwork = bound(architecture, dimension)
        self.theta, self.x = parameters(self.network, generator), points(4, dimension, generator)
        call = functional(plain(architecture, dimension, self.theta))
        self.jacobian = torch.func.jacrev(lambda theta: derivatives(lambda y: call(theta, y), self.x, self.indices))(
            self.theta
        )
        if foreign:
            self.network = as_module(architecture, dimension, self.theta)
        shape = self.jacobian.shape[:3]
        self.cotangent = torch.randn(shape, generator=generator, dtype=torch.float64)
        self.direction = torch.randn(self.network.size, generator=generator, dtype=torch.float64)
        self.rows = torch.einsum("cmn,cmnp->np", self.cotangent, self.jacobian)

    def linearise(self) -> AbstractLinearisation:
        """Linearise in fresh memory."""
        embedded = self.network.embed(self.x, self.indices)
        return self.network.linearise(self.theta, embedded, self.indices, Workspace())


@pytest.fixture(params=["chain", "module"], scope="module")
def foreign(request: pytest.FixtureRequest) -> bool:
    return request.param == "module"


@pytest.fixture(params=CASES, ids=lambda case: "-".join(map(str, case)), scope="module")
def dense(request: pytest.FixtureRequest, foreign: bool) -> Iterator[Dense]:
    name, dimension, order = request.param
    yield Dense(name, dimension, order, foreign)


def close(found: Tensor, expected: Tensor) -> bool:
    assert found.shape == expected.shape
    return bool((found - expected).abs().max() <= 1e-12 * expected.abs().max())


def test_pullback(dense: Dense) -> None:
    assert close(dense.linearise().pullback(dense.cotangent.clone()), dense.rows.sum(0))


def test_rows_of_each_block(dense: Dense) -> None:
    for block in dense.network.blocks:
        rows = dense.linearise().rows(dense.cotangent.clone(), block.start, block.stop)
        assert close(rows, dense.rows[:, block.start : block.stop]), block


def test_rows_of_neighbouring_blocks_and_of_all(dense: Dense) -> None:
    start, stop = dense.network.blocks[0].stop, dense.network.blocks[2].stop
    assert close(dense.linearise().rows(dense.cotangent.clone(), start, stop), dense.rows[:, start:stop])
    assert close(dense.linearise().rows(dense.cotangent.clone(), 0, dense.network.size), dense.rows)


def test_pullback_to_the_first_blocks(dense: Dense) -> None:
    linearisation = dense.linearise()
    for block in dense.network.blocks:
        assert close(linearisation.pullback(dense.cotangent.clone(), block.stop), dense.rows.sum(0)[: block.stop])


def test_along_a_direction(dense: Dense) -> None:
    assert close(dense.linearise().along(dense.cotangent.clone(), dense.direction), dense.rows @ dense.direction)


def test_one_linearisation_serves_again_and_leaves_its_arguments_alone(dense: Dense) -> None:
    linearisation, cotangent = dense.linearise(), dense.cotangent.clone()
    values = linearisation.values.clone()
    last = dense.network.blocks[-1]
    for _ in range(2):
        assert close(linearisation.pullback(cotangent), dense.rows.sum(0))
        assert close(linearisation.rows(cotangent, last.start, last.stop), dense.rows[:, last.start :])
        assert close(linearisation.along(cotangent, dense.direction), dense.rows @ dense.direction)
    assert torch.equal(cotangent, dense.cotangent)
    assert torch.equal(linearisation.values, values)


def test_blocks_tile_the_parameters(dense: Dense) -> None:
    blocks = dense.network.blocks
    assert [block.start for block in blocks] == [0, *(block.stop for block in blocks[:-1])]
    assert dense.network.size == blocks[-1].stop == len(dense.theta)


@pytest.mark.parametrize(("start", "stop"), [(0, 5), (1, 18), (3, 3), (0, 10_000)])
def test_rows_of_broken_layers_are_refused(start: int, stop: int, generator: torch.Generator) -> None:
    network = bound(ARCHITECTURES["mlp"], 2)
    theta, x = parameters(network, generator), points(4, 2, generator)
    at = network.linearise(theta, network.embed(x, up_to(1, 2)), up_to(1, 2), Workspace())
    with pytest.raises(ValueError, match="whole layers"):
        at.rows(torch.ones_like(at.values), start, stop)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_chain_cut_in_two_is_the_chain(name: str, generator: torch.Generator) -> None:
    """Jets that the lower layers hand on, fed to the upper ones: the same values, and the same rows of those."""
    network, indices = bound(ARCHITECTURES[name], 2), up_to(3, 2)
    theta, x = parameters(network, generator), points(4, 2, generator)
    embedded = network.embed(x, indices)
    whole = network.linearise(theta, embedded, indices, Workspace())
    cotangent = whole.values.cos()
    for block in network.blocks:
        upper = network.part(block.start, network.size)
        assert upper is not None
        lower = network.part(0, block.start)
        below = embedded if lower is None else lower.linearise(theta, embedded, indices, Workspace()).values
        part = upper.linearise(theta[block.start :], below, indices, Workspace())
        assert close(part.values, whole.values)
        rows = part.rows(cotangent, 0, upper.size)
        assert close(rows, whole.rows(cotangent, block.start, network.size))
    assert network.part(1, network.size) is None
    assert network.part(network.size, network.size) is None
    assert network.part(0, network.size - 1) is None


@pytest.mark.parametrize("step", [None, 0.5])
def test_a_chain_may_end_in_an_activation(step: float | None, generator: torch.Generator) -> None:
    """The cotangent handed in is the caller's also where the last layer has a σ to go back through."""
    features = bound(ARCHITECTURES["mlp"], 2).features  # type: ignore[attr-defined]
    network = ChainNetwork(features, [Layer(2, 2, Tanh()), Layer(2, 2, Tanh(), step=step)])
    theta, x, indices = parameters(network, generator), points(4, 2, generator), up_to(2, 2)
    at = network.linearise(theta, network.embed(x, indices), indices, Workspace())
    cotangent = torch.randn(at.values.shape, generator=generator, dtype=torch.float64)
    before = cotangent.clone()
    rows = at.rows(cotangent, 0, network.size)
    assert torch.equal(cotangent, before)
    assert close(at.pullback(cotangent), rows.sum(0))
