"""What a loss is made of, condition by condition: values, gradients, rows of J, and traces."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from pinnml.loss.chunked import ChunkedLeastSquares
from pinnml.loss.placed import LinearisedTerm, PlacedTerm
from pinnml.network import Workspace
from pinnml.objective import Evaluation, read
from pinnml.problem import Problem


class ConditionwiseLeastSquares(ChunkedLeastSquares):
    """½‖r‖² of all soft conditions of a problem, of which each can be looked at by its name."""

    problem: Problem

    @abstractmethod
    def count(self, kind: Evaluation = Evaluation.RESIDUAL, points: int | None = None) -> None:
        """Count the work of an evaluation that no meter sees: on all points, or on so many in their place."""

    def losses(self, theta: Tensor) -> dict[str, float]:
        """Return each condition's part of the loss, by name, and count it."""
        self.count()
        parts = {name: 0.0 for name in self.problem.soft_terms}
        halves = self._map(lambda term: (term.placed.term.name, 0.5 * term.residual.square().sum()), theta)
        return _added(parts, halves)

    def parts(self, theta: Tensor) -> dict[tuple[str, int], tuple[Tensor, Tensor]]:
        """Return the loss () and the gradient (p,) of each equation of each condition, by name and number."""

        def part(term: LinearisedTerm) -> tuple[str, list[tuple[Tensor, Tensor]]]:
            own, found = term.residual, []
            for number, row in enumerate(own):
                weights = torch.zeros_like(own)
                weights[number] = row
                found.append((0.5 * row.square().sum(), term.pullback(weights, self._size)))
            return term.placed.term.name, found

        parts: dict[tuple[str, int], tuple[Tensor, Tensor]] = {}
        for name, found in self._map(part, theta):
            for number, (loss, gradient) in enumerate(found):
                before = parts.get((name, number), (0.0, 0.0))
                parts[name, number] = before[0] + loss, before[1] + gradient
        return parts

    def linearised(self, name: str, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted residuals (q,) of a condition and their rows (q, p) of J."""

        def rows(chunk: PlacedTerm, workspace: Workspace) -> tuple[Tensor, Tensor]:
            term = chunk.at(theta, workspace)
            return term.residual.flatten(), term.rows(0, self._size).clone()

        found = self.threads.map(rows, [chunk for chunk in self.chunks if chunk.term.name == name])
        residuals, jacobians = zip(*found, strict=True)
        return torch.cat(residuals), torch.cat(jacobians)

    def traces(self, theta: Tensor) -> dict[str, float]:
        """Return ‖J_c‖², the trace of each condition's block J_c J_cᵀ of JJᵀ, by name; J is never whole in memory."""
        parts = {name: 0.0 for name in self.problem.soft_terms}

        def trace(term: LinearisedTerm) -> tuple[str, Tensor]:
            return term.placed.term.name, term.rows(0, self._size).square().sum(dtype=torch.float64)

        return _added(parts, self._map(trace, theta))


def _added(parts: dict[str, float], found: Sequence[tuple[str, Tensor]]) -> dict[str, float]:
    """Add numbers of the device to those of their name, all of them read in one go."""
    for (name, _), number in zip(found, read(*(number for _, number in found)), strict=True):
        parts[name] += number
    return parts
