"""Fields, derivatives and residuals of a network at any points of the domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinnml.errors import DeclarationError, suggestion
from pinnml.loss import PlacedTerm, Threads, parts_together, place_each
from pinnml.network import AbstractNetwork, Workspace
from pinnml.problem import Everywhere, FieldDerivative, PointData, Problem, Term
from pinnml.threads import available, reserve

CHUNK = 5000

LARGE = 50_000
"""Points at once on a GPU, where every chunk costs as many launches whatever its size."""


def field_values(problem: Problem, network: AbstractNetwork, theta: Tensor, x: Tensor, names: list[str]) -> Tensor:
    """Return fields or derivatives, named as in a residual, at points x (n, d); shape (len(names), n).

    For several θ, shape (k, p), they come stacked, (k, len(names), n): what does not depend on θ is evaluated once.
    """
    symbols = [problem.vocabulary.symbol(name, "the solution's arguments") for name in names]
    derivatives = [symbol for symbol in symbols if isinstance(symbol, FieldDerivative)]
    if len(derivatives) < len(symbols):
        strange = next(n for n, s in zip(names, symbols, strict=True) if not isinstance(s, FieldDerivative))
        raise DeclarationError(
            f"{strange!r} is no field and no derivative",
            "the solution's arguments",
            suggestion(strange, problem.fields),
        )
    return derivative_values(problem, network, theta, x, derivatives)


def derivative_values(
    problem: Problem, network: AbstractNetwork, theta: Tensor, x: Tensor, derivatives: Sequence[FieldDerivative]
) -> Tensor:
    """Do what `field_values` does with symbols for names."""
    asked = Term("values", 1.0, Everywhere(), tuple(dict.fromkeys(derivatives)), lambda x, values, data: x)

    def values(placed: PlacedTerm, workspace: Workspace) -> Tensor:
        found = []
        for one in theta.view(-1, theta.shape[-1]):
            _, jet = placed.fields(one, workspace)
            found += [jet[placed.indices.index(symbol.index), symbol.field] for symbol in derivatives]
        return torch.stack(found).view(*theta.shape[:-1], len(derivatives), -1)

    return in_chunks(problem, network, asked, x, values, None)


def residual_values(
    problem: Problem,
    network: AbstractNetwork,
    theta: Tensor,
    name: str,
    x: Tensor,
    threads: Threads | None = None,
    chunk: int | None = None,
) -> Tensor:
    """Return the unweighted residuals of an interior condition at points x (n, d), shape (q, n).

    Parameters
    ----------
    problem : Problem
        What the condition belongs to.
    network : AbstractNetwork
        The network, for the problem's coordinates and fields.
    theta : tensor (p,)
        Its parameters.
    name : str
        The condition.
    x : tensor (n, d)
        Points of the domain.
    threads : Threads or None, default None
        What evaluates chunks of points side by side, and whose watch may end it between two; None for all threads.
    chunk : int or None, default None
        The most points that a GPU evaluates at once; None for as many as suit it.

    Returns
    -------
    tensor (q, n)
        The residuals, in the equation's own units.
    """

    def values(placed: PlacedTerm, workspace: Workspace) -> Tensor:
        return placed.at(theta, workspace).residual.clone()  # the workspace is used again

    return in_chunks(problem, network, problem.terms[name], x, values, threads, on_device=chunk or LARGE)


def in_chunks(
    problem: Problem,
    network: AbstractNetwork,
    term: Term,
    x: Tensor,
    function: Callable[[PlacedTerm, Workspace], Tensor],
    threads: Threads | None,
    most: int = CHUNK,
    on_device: int | None = None,
) -> Tensor:
    """Place and evaluate chunk by chunk, of `most` points or so many `on_device`: what a network keeps may be large.

    Of points with their images, shape (n, 2, d), each chunk has all points before all images, as a `Pair` has them. Of
    a stencil all points count.
    """
    threads = threads or Threads(available() if network.thread_safe else 1)

    most = most if on_device is None or x.device.type == "cpu" else on_device
    chunk = max(1, min(most, network.most_points or most) // term.stencil.count)

    def at_ones(part: Tensor) -> tuple[Tensor, Tensor, PointData]:
        points = part if part.ndim == 2 else part.transpose(0, 1).flatten(0, 1)
        return points, part.new_ones(len(part)), {}

    def values(group: Tensor, workspace: Workspace) -> Tensor:
        found = []
        for placed in place_each(problem, term, network, [at_ones(part) for part in group.split(chunk)]):
            workspace.rewind()
            found.append(function(placed, workspace))
        return torch.cat(found, -1)

    # in a block of inference mode networks that differentiate themselves would have derivatives of zero
    with torch.inference_mode(False), torch.no_grad(), reserve(threads.count):
        at = x.clone() if x.is_inference() else x
        batches = threads.batches(at.split(chunk * parts_together(chunk)))
        return torch.cat([part for batch in batches for part in threads.map(values, batch)], -1)
