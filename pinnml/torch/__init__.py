"""Any torch module with a loss and data as an objective: the same solvers for regression and classification."""

from pinnml.torch.batches import MiniBatches
from pinnml.torch.least_squares import TorchLeastSquares
from pinnml.torch.losses import HalfSquares
from pinnml.torch.making import depth, objective
from pinnml.torch.residual import Residual
from pinnml.torch.torch_objective import TorchObjective

__all__ = ["HalfSquares", "MiniBatches", "Residual", "TorchLeastSquares", "TorchObjective", "depth", "objective"]
