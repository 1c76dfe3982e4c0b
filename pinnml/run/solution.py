"""The solution of a run: a trained network as a function, its figures, and its folder."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pinnml.adapt import Refinement
from pinnml.approximation import (
    Approximation,
    Error,
    LearnedParameter,
    Scorer,
    confirmed,
    hierarchical_surplus,
    learned_parameters,
)
from pinnml.io.checkpoint import CheckpointWarning, left_out
from pinnml.io.claim import claim_folder
from pinnml.loss import PinnObjective
from pinnml.network import AbstractNetwork, Architecture, FrozenNetwork
from pinnml.optim import AbstractSolver, Estimate, Result, Stop
from pinnml.points import Collocation
from pinnml.problem import Problem
from pinnml.run.facts import as_html, in_three_lines
from pinnml.run.folder import load, summary
from pinnml.run.output import written
from pinnml.setup import HistoryRow, Run, Setup

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Solution:
    """What `solve` returns: the problem, the network with its parameters θ, and the run's record.

    Parameters
    ----------
    run : Run
        The record that the run has left.
    """

    run: Run

    def __repr__(self) -> str:
        """Three lines: what was solved by what, how far it has come, and why it ended."""
        return in_three_lines(self.run)

    def _repr_html_(self) -> str:
        """Return the same as a table, which notebooks show."""
        return as_html(self.run)

    @property
    def problem(self) -> Problem:
        """What was solved."""
        return self.run.problem

    @property
    def setup(self) -> Setup:
        """All that the run depends on besides the problem."""
        return self.run.setup

    @property
    def network(self) -> AbstractNetwork:
        """The network of the best approximation, for the problem's coordinates and fields."""
        return self.run.network

    @property
    def result(self) -> Result:
        """How the run ended, and where."""
        return self.run.result

    @property
    def history(self) -> Sequence[HistoryRow]:
        """What was known after every iteration."""
        return self.run.history

    @property
    def refinements(self) -> Sequence[Refinement]:
        """What the rule for points and network has done: levels, points, blocks, and when."""
        return self.run.refinements

    def summary(self) -> dict[str, Any]:
        """Return what summary.json holds: the run, its error and estimate, and how it was refined."""
        return summary(self.run, self.error(), self.parameters)

    @cached_property
    def parameters(self) -> Mapping[str, LearnedParameter]:
        """The parameters of the equation that were `Unknown`, by name, with intervals where there are measurements.

        It costs one factorisation of the Jacobian, as much as a step does (`learned_parameters`).
        """
        if not self.problem.unknowns:
            return {}
        discretisation = replace(self.run.discretisation, network=self.network)
        with torch.inference_mode(False):
            objective = PinnObjective(self.problem, discretisation, chunk=self.setup.chunk)
            return learned_parameters(objective, self.theta)

    @property
    def collocation(self) -> Collocation:
        """The points of every condition at the end of the run."""
        return self.run.collocation

    @property
    def generator(self) -> Tensor | None:
        """The state of the run's random numbers, from which it continues."""
        return self.run.generator

    @property
    def machine(self) -> Mapping[str, object]:
        """What the run ran on."""
        return self.run.machine

    @property
    def theta(self) -> Tensor:
        """The parameters of the best approximation, shape (p,)."""
        return self.run.theta

    @cached_property
    def approximation(self) -> Approximation:
        """The trained network as a function, without the run."""
        return Approximation(self.problem, self.network, self.theta, self.run.estimate)

    def __call__(self, /, *names: str, **coordinates: Any) -> Any:
        """Evaluate at named coordinates, numbers or arrays that broadcast: `solution(t=0.5, x=[-0.1, 0.0, 0.1])`.

        Fields or derivatives may be named, as in `solution("u_x", t=0.5, x=x)`. Returns an array of the broadcast
        shape for one name, a dictionary of arrays for several. Coordinates that none of them depends on may be left
        out. Raises `DeclarationError` for a missing or unknown coordinate and for points outside the domain.
        """
        return self.approximation(*names, **coordinates)

    @property
    def scorer(self) -> Scorer | None:
        """The reference on its grid, None where the problem has no reference."""
        return self.approximation.scorer

    def error(self) -> Error | None:
        """Compare with the reference on its grid; None where the problem has no reference."""
        return self.approximation.error()

    @cached_property
    def estimate(self) -> Estimate | None:
        """The estimated error of every field, without a reference; None where there is no way to estimate it.

        Of a readout that the run has not estimated it costs one factorisation of the Jacobian, as much as a step does
        (`hierarchical_surplus`), and of any network on a box some seconds (`confirmed`).
        """
        if self.run.estimate is not None:
            return self.run.estimate
        known = None
        with torch.inference_mode(False):
            if isinstance(self.network, FrozenNetwork) and self.network.levels:
                objective = PinnObjective(self.problem, self.run.discretisation, chunk=self.setup.chunk)
                known = hierarchical_surplus(objective, self.theta)
            return confirmed(self.problem, self.network, self.theta, known)

    def residual(self, /, condition: str | None = None, **coordinates: Any) -> np.ndarray:
        """Return the unweighted residual of an interior condition, shape of the coordinates, (q, …) for q > 1.

        Without a condition the problem's first `Interior` is meant; without coordinates, all points of the grid, with
        NaN outside of the domain.
        """
        return self.approximation.residual(condition, **coordinates)

    def axes(self) -> dict[str, np.ndarray]:
        """Return the coordinates of the uniform grid on which errors, figures and files are made."""
        return self.approximation.axes()

    def on_grid(self) -> dict[str, np.ndarray]:
        """Return solution, residual and error of every field on the grid, by name.

        Of several equations the residuals are named `residual_0`, `residual_1`, … in the order of their declaration.
        Errors `u_error` are there where a reference exists, estimated ones `u_estimated_error` where they are known.
        Outside of the domain all are NaN.
        """
        return self.approximation.on_grid()

    def figures(self) -> dict[str, Figure]:
        """Return every figure of the run by name: solution, residual, error, slices, points, convergence."""
        # matplotlib, loaded with the package, would take as long to import as all the rest of it
        from pinnml.run.gallery import figures

        return figures(self.run, self.approximation)

    def plot(self) -> Figure:
        """Return one figure with the solution, its residual and, where a reference exists, its error side by side."""
        from pinnml.run.gallery import overview  # as above

        return overview(self.approximation)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the run folder: config, history, summary, checkpoint and figures.

        Raises `DeclarationError` for a folder that cannot be written, that holds another run, or on which another
        process is at work.
        """
        with claim_folder(folder, self.run.identity) as path:
            written(self, path)
        if (complaint := left_out(self.run)) is not None:
            warnings.warn(complaint, CheckpointWarning, stacklevel=2)

    @staticmethod
    def load(
        folder: str | os.PathLike[str],
        problem: Problem | None = None,
        network: Architecture | nn.Module | None = None,
        solver: AbstractSolver | None = None,
        *,
        stop: Stop | None = None,
    ) -> Solution:
        """Read a run folder; problems, networks and solvers of your own must be given, since functions are not stored.

        Tensors go to the run's device, or to the CPU where there is no such device.

        Parameters
        ----------
        folder : path
            The run folder.
        problem : Problem or None, default None
            The problem of the run; needed unless it is a bundled one, since functions are not stored.
        network : Architecture, torch.nn.Module or None, default None
            The network of the run; needed where it is a module of your own.
        solver : AbstractSolver or None, default None
            The solver; needed where the folder could not keep the run's.
        stop : Stop or None, default None
            A stop in place of the run's.

        Returns
        -------
        Solution

        Raises
        ------
        DeclarationError
            For a folder without a run, a damaged file, something of your own that is missing, or another problem than
            the run's.
        """
        with torch.inference_mode(False):
            return Solution(load(folder, problem, network, solver, stop=stop))

    def to_vtu(self, path: str | os.PathLike[str]) -> None:
        """Write solution, residual and error as point fields of a VTU file (up to three coordinates).

        They are given on the nodes of a mesh where the domain is one, else on the grid.
        """
        # meshio brings its own imports, for a format that few runs are written in
        from pinnml.run.files import write_fields

        write_fields(path, self.approximation)

    def to_pvd(self, path: str | os.PathLike[str], times: int | Sequence[float] = 21, along: str = "t") -> None:
        """Write the same at several times as VTU files, and a PVD file of their times, which ParaView plays.

        Parameters
        ----------
        path : path
            The PVD file, as "runs/heat.pvd"; the others stand beside it, as "heat_0000.vtu", "heat_0001.vtu", ….
        times : int or sequence of float, default 21
            The values of the coordinate, or their number, at least 2, evenly from the first to the last.
        along : str, default "t"
            The coordinate.

        Raises
        ------
        DeclarationError
            For a domain that is no product of an interval of this coordinate and another domain of up to three, and for
            times outside of it.
        """
        from pinnml.run.files import write_series  # as above

        write_series(path, self.approximation, times, along)
