"""Insertion: new residual blocks where the loss is most sensitive to them, u unchanged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import torch
from torch import Tensor

from pinnml.adapt.around import AbstractAround
from pinnml.errors import DeclarationError
from pinnml.loss import PinnObjective
from pinnml.network import ChainNetwork, Layer, arranged, blocks_between
from pinnml.objective import Evaluation
from pinnml.optim import Finished, Progress, Renewed, moved
from pinnml.settings import Above, Count, record, setting


@record
class InsertionState:
    """How many blocks were `inserted`, what training has gained since, and the state of the inner rule.

    ln f fell by `fall` in the last `steps` steps, to `f`. `error` is what was estimated last since the last insertion,
    infinite where the estimate is not to be trusted.
    """

    inner: Any = None
    inserted: int = 0
    steps: int = 0
    fall: float = 0.0
    f: float = math.inf
    error: float | None = None


@setting
class Insertion(AbstractAround):
    """Insert a residual block where ‖∂f/∂(W, b)‖² at W = 0, b = 0 is largest, after little progress: u is unchanged.

    A block h ↦ h + step·σ(Wh + b) with weights of zero is the identity, but its gradient is not zero: its square is
    what a unit of steepest descent by the block alone would gain. One gradient of the loss of the network with all
    candidates at once, about two work units, tells it for each. A perceptron gets residual blocks, too. Since f is the
    same function solvers keep what they know: secant pairs with zeros for the new weights. Points are the affair of
    `rule`; nothing is inserted at a step after which that changes the loss, nor into what it has frozen or widened.

    To first order a block is the linear map I + step·σ′(0)W, which the next layer can take in where it has no skip
    connection: its gradient is then step·σ′(0) Wₙᵀ ∂f/∂Wₙ, with Wₙ of that layer, and vanishes wherever ∂f/∂Wₙ does.
    So blocks are worth least at a minimum: insert them before it is reached.

    Source: Kreis, Herberg, Köhne, Schiela, Herzog, SensLI, arXiv 2311.15995.

    Parameters
    ----------
    rule : AbstractAdaptation, default RAD()
        What points and readouts are renewed by; `Fixed()` for points that stay.
    patience : int, default 50
        Steps of the solver over which progress is measured, and the fewest between two insertions, at least 1.
    decrease : float, default 0.5
        A block is due where ln f has fallen by less than this in so many steps, or where the solver has come to an end
        (dimensionless), above 0.
    wanted : float or None, default None
        Where the error is estimated (`Readouts`), a block is due as long as it is above this, or not to be trusted, and
        none otherwise (dimensionless).
    most : int, default 4
        The most blocks that are inserted, at least 1.

    Raises
    ------
    DeclarationError
        When a run begins with a network that has no hidden states, or with an activation for which σ(0) is not 0.
    """

    remembered: ClassVar[Any] = InsertionState

    patience: Count = 50
    decrease: Annotated[float, Above(0)] = 0.5
    wanted: Annotated[float, Above(0)] | None = None
    most: Count = 4

    def inner(self, state: Any) -> Any:
        """Return the part of the state that is the rule's."""
        return None if state is None else state.inner

    def begun(self, objective: PinnObjective, theta: Tensor, generator: torch.Generator) -> tuple[Renewed | None, Any]:
        """Check that blocks can be inserted, and do what `rule` does."""
        candidates(objective)
        found, inner = self.rule.begun(objective, theta, generator)
        return found, InsertionState(inner, f=_value(found or Renewed(objective, theta)))

    def adapted(
        self, progress: Progress, objective: PinnObjective, generator: torch.Generator, state: Any
    ) -> tuple[Renewed | Finished | None, Any]:
        """Return what `rule` does, or the network with one more block where one is due."""
        found, inner = self.rule.adapted(progress, objective, generator, state.inner)
        state = self._measured(progress, objective, replace(state, inner=inner))
        if isinstance(found, Renewed):
            return found, replace(state, f=_value(found))
        if found is not None or not self._is_due(progress, objective, state):
            return found, state
        theta = progress.iterate.theta
        worth = sensitivities(objective, theta)
        deeper = insert(objective, theta, [max(worth, key=worth.__getitem__)])
        return deeper, InsertionState(inner, state.inserted + 1, f=state.f)

    def _measured(self, progress: Progress, objective: PinnObjective, state: InsertionState) -> InsertionState:
        """Return the state after one more step; one that is worth going on begins to count anew."""
        if progress.estimate is not None:
            error = progress.estimate.largest if progress.estimate.trustworthy else math.inf
            state = replace(state, error=error)
        if not isinstance(objective.network, ChainNetwork):
            return state
        f = float(progress.iterate.f)
        fall = state.fall + (math.log(state.f / f) if min(f, state.f) > 0 else math.inf)
        steps = state.steps + 1
        if steps >= self.patience and fall >= self.decrease and not self._is_wrong(state):
            fall, steps = 0.0, 0
        return replace(state, f=f, fall=fall, steps=steps)

    def _is_wrong(self, state: InsertionState) -> bool:
        """Return whether the error is known to be above what is wanted."""
        return self.wanted is not None and state.error is not None and state.error > self.wanted

    def _is_due(self, progress: Progress, objective: PinnObjective, state: InsertionState) -> bool:
        if not isinstance(objective.network, ChainNetwork) or state.inserted >= self.most:
            return False
        if self.wanted is not None and state.error is not None and state.error <= self.wanted:
            return False
        return progress.exhausted or state.steps >= self.patience


def candidates(objective: PinnObjective) -> dict[int, Layer]:
    """Return the residual block that can be inserted before each layer, by that layer's number.

    Raises `DeclarationError` for a network that is no chain of layers; see `blocks_between`.
    """
    network = objective.network
    if not isinstance(network, ChainNetwork):
        what = f"A {type(network).__name__} has no layers between which others could be inserted"
        raise DeclarationError(what, "Insertion", "use an MLP or a ResNet, neither frozen nor widened")
    return blocks_between(network)


def sensitivities(objective: PinnObjective, theta: Tensor) -> dict[int, float]:
    """Return ‖∂f/∂(W, b)‖² at W = 0, b = 0 of the candidate before each layer, from one gradient with all of them."""
    blocks = candidates(objective)
    found = insert(objective, theta, list(blocks))
    assert isinstance(found.objective, PinnObjective)
    found.objective.count(Evaluation.GRADIENT)
    gradient = found.objective.at(found.theta).grad
    # with k candidates below it, the one before layer n is layer n + k
    places = [found.objective.network.blocks[number + below] for below, number in enumerate(blocks)]
    squares = [float(gradient[place.start : place.stop].square().sum()) for place in places]
    return dict(zip(blocks, squares, strict=True))


def insert(objective: PinnObjective, theta: Tensor, places: Sequence[int]) -> Renewed:
    """Return the same function with a residual block of zero weights before each layer of these numbers, and its θ."""
    blocks, network = candidates(objective), objective.network
    assert isinstance(network, ChainNetwork)
    order: list[int | Layer] = []
    for number in range(len(network.layers)):
        order += [blocks[number], number] if number in places else [number]
    deeper, own = arranged(network, order)
    sources = with_unknowns(own, objective).to(theta.device)
    objective.threads.release()  # chunks need other memory
    following = objective.on(replace(objective.discretisation, network=deeper))
    return Renewed(following, moved(theta, sources), sources)


def with_unknowns(sources: Tensor, objective: PinnObjective) -> Tensor:
    """Return where each entry of θ was before, given that of each parameter of the network: unknowns stay the last."""
    return torch.cat([sources, torch.arange(objective.network.size, objective.size, device="cpu")])


def _value(found: Renewed) -> float:
    assert isinstance(found.objective, PinnObjective)
    found.objective.count()
    return float(found.objective.value(found.theta))
