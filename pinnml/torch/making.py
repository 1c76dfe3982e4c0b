"""The objective of a module, a loss and data, of the kind that the loss allows."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.utils.data import TensorDataset

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
