"""The objective of a module, a loss and data, of the kind that the loss allows, and the depths that it has."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.utils.data import TensorDataset

from pinnml.errors import DeclarationError
from pinnml.objective import AbstractTransfer, CellCentred, HalfDepth
from pinnml.torch.least_squares import TorchLeastSquares
from pinnml.torch.losses import Loss, squares
from pinnml.torch.torch_objective import CHUNK, TorchObjective


def objective(
    module: nn.Module,
    loss: Loss,
    data: Sequence[Tensor] | TensorDataset,
    *,
    weight_decay: float = 0.0,
    chunk: int = CHUNK,
) -> TorchObjective:
    """Return f(θ) = loss(m_θ(x), y) + ½λ‖θ‖² of a module m on data, for every solver: `minimise(f, f.start, …)`.

    Least squares where the loss is `HalfSquares()` or a `torch.nn.MSELoss`: then Gauss–Newton methods, such as
    Levenberg–Marquardt and those of Schwarz type, have what they need. `f.load(θ)` puts a result into the module.

    Parameters
    ----------
    module, loss, data, weight_decay, chunk
        Those of `TorchObjective`.

    Returns
    -------
    TorchObjective
        A `TorchLeastSquares` for sums of squares.

    Raises
    ------
    DeclarationError
        What `TorchObjective` raises.
    """
    kind = TorchObjective if squares(loss, 1) is None else TorchLeastSquares
    return kind(module, loss, data, weight_decay=weight_decay, chunk=chunk)


def depth(
    objective: TorchObjective,
    levels: int = 1,
    transfer: AbstractTransfer = CellCentred(),  # noqa: B008  (frozen)
) -> tuple[HalfDepth, ...]:
    """Return the rules by which a residual network is halved in depth so many times, as multilevel methods take them.

    With `rules = depth(f, 2)` it is `pm.methods.rmtr(rules)`, `ml_adagrad(rules)` or `nested_iteration(rules)`. Every
    two neighbouring blocks, `Residual` modules in a `torch.nn.Sequential` or `ModuleList` that are alike, become one
    with both steps. The function is kept to O(τ) only, in a network smooth in depth: `HalfDepth().keeps_function` is
    False, and `Multilevel.hierarchy` shows how far it jumps.

    Parameters
    ----------
    objective : TorchObjective
        The loss of the whole module.
    levels : int, default 1
        The coarse levels, at least 1.
    transfer : AbstractTransfer, default CellCentred()
        What P and Π are: copies and averages, or `VertexCentred()`, linear interpolation and every other block.

    Returns
    -------
    tuple of HalfDepth

    Raises
    ------
    DeclarationError
        For less than one level, where no two blocks of the module or of a coarser one are alike, and where the module
        fails with fewer blocks.
    """
    if levels < 1:
        raise DeclarationError(f"levels is {levels!r}", "depth", "give a whole number of at least 1")
    rule, at = HalfDepth(transfer), objective
    for level in range(levels):
        found = at.coarse(rule)
        if found is None:
            what = f"After {level} of {levels} halvings no two neighbouring blocks are alike"
            remedy = "ask for fewer levels, or give a row of pm.torch.Residual blocks of one kind in a Sequential"
            raise DeclarationError(what, "depth", remedy)
        assert isinstance(found.objective, TorchObjective)
        at = found.objective
    return (rule,) * levels
