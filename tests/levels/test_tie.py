"""Which layers share one increment: neighbours that are alike in shape and kind, and no others."""

from __future__ import annotations

import pytest
import torch
from small_problems import heat, string
from torch import nn

import pinnml as pm
from pinnml.levels import TiedBlocks, TwoLevel, tie
from pinnml.loss import Discretisation, PinnObjective
from pinnml.network import FourierFeatures
from pinnml.objective import Part, Structure
from pinnml.optim import Iterations, minimise
from pinnml.points import sample


def loss(
    problem: pm.Problem, architecture: pm.networks.Custom | pm.ResNet | pm.MLP
) -> tuple[PinnObjective, torch.Tensor]:
    domain, generator = problem.domain, torch.Generator().manual_seed(0)
    network = architecture.bind(domain.names, domain.lower, domain.upper, 1)
    theta = network.initial(generator, torch.float64, torch.device("cpu"))
    return PinnObjective(problem, Discretisation(network, sample(problem, pm.Sobol(30), generator))), theta


def groups(objective: PinnObjective, group: int = 100) -> list[list[str]]:
    """The names of the parts that share an increment."""
    parts = {(part.start, part.stop): part.name for part in objective.structure.parts}
    found = tie(objective.structure, objective.network.size, group).groups
    return [[parts[span] for span in spans] for spans in found]


def test_no_weight_of_a_module_is_tied_with_a_bias() -> None:
    """W (4 × 1), b (4), W (4 × 4), b (4), W (1 × 4), b (1): three neighbours of four entries, two of them no layers."""
    module = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    objective, theta = loss(string(), pm.networks.Custom(module))
    names = [part.name for part in objective.structure.parts]
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]
    assert groups(objective) == [[name] for name in names]
    begin = float(objective.value(theta))
    assert float(minimise(objective, theta, TwoLevel(), Iterations(3)).iterate.f) < begin


def test_an_input_layer_is_not_tied_with_hidden_ones_of_its_shape() -> None:
    objective, _ = loss(heat(), pm.ResNet(width=4, blocks=3, embedding=FourierFeatures(1)))
    shapes = [part.shape for part in objective.structure.parts]
    assert shapes == [(4, 4), (4, 4), (4, 4), (4, 4), (1, 4)]
    assert groups(objective) == [["layer 0"], ["layer 1", "layer 2", "layer 3"], ["layer 4"]]
    assert groups(objective, 2) == [["layer 0"], ["layer 1", "layer 2"], ["layer 3"], ["layer 4"]]


@pytest.mark.parametrize(
    "parts",
    [
        # as long as one another, but of another shape, or of another kind
        (((2, 5), "layer", 12), ((3, 3), "layer", 12), ((4, 2), "layer", 12)),
        (((3, 3), "layer", 12), ((3, 3), "block", 12), ((3, 3), "layer", 12)),
        (((4,), "tensor", 4), ((4, 1), "tensor", 4), ((2, 2), "tensor", 4)),
    ],
)
def test_length_alone_ties_nothing(parts: tuple[tuple[tuple[int, ...], str, int], ...]) -> None:
    start, found = 0, []
    for number, (shape, kind, size) in enumerate(parts):
        found.append(Part(f"{number}", start, start + size, shape, kind))
        start += size
    assert tie(Structure(tuple(found)), start, 9).groups == tuple(((part.start, part.stop),) for part in found)


def test_the_rule_ties_as_the_function_does() -> None:
    objective, _ = loss(heat(), pm.ResNet(width=3, blocks=4))
    size = objective.network.size
    assert TiedBlocks(3).restriction(objective.structure, size) == tie(objective.structure, size, 3)
