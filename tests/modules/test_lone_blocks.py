"""Blocks that cannot become one, and what is said of modules, blocks and depths that are refused."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from residual_modules import Looped, block, classify, coarse, resnet
from torch import Tensor, nn

import pinnml as pm
from pinnml.objective import HalfDepth
from pinnml.torch import Residual


def frozen(second: float) -> nn.Sequential:
    """Two blocks, of which a constant may differ."""
    rows = nn.Sequential(nn.Linear(2, 4), block(), block(), nn.Linear(4, 3)).double()
    for number, value in ((1, 0.5), (2, second)):
        rows.get_parameter(f"{number}.inner.0.bias").requires_grad_(False).fill_(value)
    return rows


def tied() -> nn.Sequential:
    first = block()
    return nn.Sequential(nn.Linear(2, 4), first, first, nn.Linear(4, 3)).double()


def named() -> nn.Sequential:
    rows = OrderedDict([("in", nn.Linear(2, 4)), ("a", block()), ("b", block()), ("out", nn.Linear(4, 3))])
    return nn.Sequential(rows).double()


def half_tied() -> nn.Sequential:
    first, second, third = (nn.Linear(4, 4) for _ in range(3))
    third.weight = second.weight
    return nn.Sequential(nn.Linear(2, 4), Residual(first), Residual(second), Residual(third), nn.Linear(4, 3)).double()


class Shifted(nn.Linear):
    """A layer with a number of its own."""

    def __init__(self, shift: float) -> None:
        super().__init__(4, 4)
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.shift


LONE: dict[str, Callable[[], nn.Module]] = {
    "no blocks": lambda: nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3)),
    "one block": lambda: nn.Sequential(nn.Linear(2, 4), block(), nn.Linear(4, 3)),
    "parted": lambda: nn.Sequential(nn.Linear(2, 4), block(), nn.ReLU(), block(), nn.Linear(4, 3)),
    "other activations": lambda: nn.Sequential(
        nn.Linear(2, 4), block(), Residual(nn.Sequential(nn.Linear(4, 4), nn.ReLU())), nn.Linear(4, 3)
    ),
    "other numbers": lambda: nn.Sequential(nn.Linear(2, 4), *(Residual(Shifted(s)) for s in (0, 1)), nn.Linear(4, 3)),
    "other constants": lambda: frozen(0.7),
    "two rows": lambda: nn.Sequential(
        nn.Linear(2, 4), nn.Sequential(block()), nn.Sequential(block()), nn.Linear(4, 3)
    ),
    "tied": tied,
    "tied to another": half_tied,
    "without parameters": lambda: nn.Sequential(nn.Linear(2, 4), *(Residual(nn.Tanh()) for _ in range(2)),
                                                nn.Linear(4, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", LONE)
def test_blocks_that_are_not_alike_or_no_neighbours_stay(name: str) -> None:
    f = classify(LONE[name]().double())
    assert f.coarse(HalfDepth()) is None
    with pytest.raises(pm.DeclarationError, match=r"After 0 of 2 halvings no two.*depth.*Residual blocks"):
        pm.torch.depth(f, 2)


@pytest.mark.parametrize("module", [lambda: frozen(0.5), named], ids=["equal constants", "names of their own"])
def test_blocks_with_equal_constants_or_names_are_halved(module: Callable[[], nn.Module]) -> None:
    _, smaller = coarse(classify(module()), HalfDepth())
    assert len(list(smaller._parameters.module.children())) == 3


class Counting(Looped):
    """A forward that wants four blocks."""

    def forward(self, x: Tensor) -> Tensor:
        assert len(self.blocks) == 4, "four blocks"
        return super().forward(x)


def test_wrong_depths_and_blocks_are_refused() -> None:
    with pytest.raises(pm.DeclarationError, match="After 2 of 3 halvings"):
        pm.torch.depth(classify(resnet(4)), 3)
    with pytest.raises(pm.DeclarationError, match="levels is 0"):
        pm.torch.depth(classify(resnet(4)), 0)
    with pytest.raises(pm.DeclarationError, match=r"fails with 2 residual blocks less: AssertionError.*as many blocks"):
        pm.torch.depth(classify(Counting().double()))
    with pytest.raises(pm.DeclarationError, match=r"inner is .*give a torch\.nn\.Module"):
        Residual(torch.tanh)  # type: ignore[arg-type]
    for step in (0.0, -1.0, float("nan")):
        with pytest.raises(pm.DeclarationError, match=r"step is .*above 0"):
            Residual(nn.Tanh(), step)
    with pytest.raises(pm.DeclarationError, match=r"makes \(1, 3\) of \(1, 4\)|makes \(3, 3\) of \(3, 4\)"):
        classify(nn.Sequential(nn.Linear(2, 4), Residual(nn.Linear(4, 3))).double())
