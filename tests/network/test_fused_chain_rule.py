"""The chain rule written for a compiler equals the one written for memory used again."""

from __future__ import annotations

import shutil

import pytest
import torch
from network_reference import bound, parameters, points, up_to

from pinnml.network import MLP, Activation, Sin, Tanh, Workspace, closure
from pinnml.network.chain_rule import ChainRule
from pinnml.network.compiled import Compiled, FusedChainRule


@pytest.mark.parametrize("activation", [Tanh(), Sin()], ids=["tanh", "sin"])
@pytest.mark.parametrize(
    "indices",
    [up_to(0, 2), up_to(1, 2), up_to(4, 1), up_to(4, 2), closure([(1, 0), (0, 2)], 2), closure([(1, 1, 2)], 3)],
    ids=["value", "gradient", "1d", "2d", "burgers", "3d"],
)
def test_fused_rule_equals_the_plain_one(
    indices: tuple[tuple[int, ...], ...], activation: Activation, generator: torch.Generator
) -> None:
    z, cotangent = (torch.randn(len(indices), 3, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    plain, fused = ChainRule(indices, activation), FusedChainRule(indices, activation, compiled=False)
    found = []
    for rule in (plain, fused):
        h, tape = rule.forward(z.clone(), Workspace())
        found.append((h, rule.backward(tape, cotangent.clone(), Workspace())))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_network_gives_the_same(generator: torch.Generator) -> None:
    plain, compiled = (bound(MLP(4, 2, activation=activation), 2) for activation in (Tanh(), Compiled(Tanh())))
    theta, x, indices = parameters(plain, generator), points(8, 2, generator), up_to(2, 2)
    found = []
    for network in (plain, compiled):
        at = network.linearise(theta, network.embed(x, indices), indices, Workspace())
        cotangent = at.values.cos()
        found.append((at.values.clone(), at.pullback(cotangent)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
