"""What a rule has done to a discretisation, as a record for people: levels, points, layers, training again."""

from __future__ import annotations

from pinnml.loss import PinnObjective
from pinnml.network import ChainNetwork, body_of, neurons_of
from pinnml.optim import Progress
from pinnml.settings import record


@record
class Refinement:
    """One change of the discretisation between two iterations: what was done, when, and from what to what.

    Parameters
    ----------
    what : str
        What was done, in a few words.
    iteration : int
        After which iteration of the run; 0 is the start.
    work : float
        Work units until then.
    neurons, layers, parameters, points : tuple of int
        Before and after: random neurons of a readout, layers of the network without them (0 for a module of one's own),
        length of θ, and points of all equations.
    loss : float or None
        f before it, None at the start.
    estimate : float or None
        The relative L² error, as estimated before it, of the field with the largest one; None where nothing was.
    trustworthy : bool
        Whether that estimate is to be trusted.
    """

    what: str
    iteration: int
    work: float
    neurons: tuple[int, int]
    layers: tuple[int, int]
    parameters: tuple[int, int]
    points: tuple[int, int]
    loss: float | None = None
    estimate: float | None = None
    trustworthy: bool = False


def refinement(before: PinnObjective, after: PinnObjective, progress: Progress | None) -> Refinement | None:
    """Return what has changed from one loss to the next, None where points have moved and nothing else.

    `progress` is None before the first iteration.
    """
    neurons, layers, parameters, points = (
        (number(before), number(after))
        for number in (lambda o: neurons_of(o.network), _layers, lambda o: o.network.size, _points)
    )
    what = _what(neurons, layers, points, progress is None)
    if what is None:
        return None
    if progress is None:
        return Refinement(what, 0, 0.0, neurons, layers, parameters, points)
    known = progress.estimate
    return Refinement(
        what,
        progress.iteration,
        progress.counts.work,
        neurons,
        layers,
        parameters,
        points,
        float(progress.iterate.f),
        None if known is None else known.largest,
        known is not None and known.trustworthy,
    )


def _what(neurons: tuple[int, int], layers: tuple[int, int], points: tuple[int, int], first: bool) -> str | None:
    if neurons[1] > neurons[0]:
        if neurons[0]:
            return "level added"
        return "readout of the untrained network" if first else "readout of the trained network"
    if neurons[1] < neurons[0]:
        return "training again"
    if layers[1] != layers[0]:
        return "block inserted" if layers[1] > layers[0] else "block removed"
    if points[1] != points[0]:
        return "points added" if points[1] > points[0] else "points dropped"
    return None


def _layers(objective: PinnObjective) -> int:
    body = body_of(objective.network)
    return len(body.layers) if isinstance(body, ChainNetwork) else 0


def _points(objective: PinnObjective) -> int:
    return sum(len(objective.collocation[name].weights) for name in objective.problem.equations)
