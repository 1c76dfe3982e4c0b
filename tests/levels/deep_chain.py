"""A linear least-squares problem whose slow modes are smooth in depth, as they are in a deep residual network."""

from __future__ import annotations

import torch
from dense_least_squares import Linear, parts
from torch import Tensor

from pinnml.objective import Structure

WIDTH, DEPTH = 3, 18
SIZE = WIDTH * DEPTH


class DeepChain(Linear):
    """½‖κ(x_{l+1} − x_l)‖² + ½‖εx − b‖² over layers x_1 … x_L of equal width: neighbours are held together.

    One layer's solve cannot move its neighbours: block Gauss–Seidel takes O(L²) sweeps for a change of all layers at
    once, while ties of neighbours make it in one coarse step.
    """

    def __init__(self, depth: int = DEPTH, stiffness: float = 1.0, own: float = 0.02) -> None:
        super().__init__()
        eye = torch.eye(WIDTH * depth, dtype=torch.float64)
        self.A = torch.cat([stiffness * (eye[WIDTH:] - eye[:-WIDTH]), own * eye])
        generator = torch.Generator().manual_seed(7)
        target = torch.ones(WIDTH * depth, dtype=torch.float64)
        target += 0.1 * torch.randn(WIDTH * depth, generator=generator, dtype=torch.float64)
        self.b = self.A @ target

    @property
    def structure(self) -> Structure:
        return parts(*[WIDTH] * (self.A.shape[1] // WIDTH))

    def start(self) -> Tensor:
        return torch.zeros(self.A.shape[1], dtype=torch.float64)
