"""What a residual's linearisation is made of: its derivatives by the fields' derivatives at every point."""

from __future__ import annotations

import torch
from small_problems import oscillator, ring

import pinnml as pm
from pinnml.loss import place
from pinnml.network import Workspace
from pinnml.problem import Problem, Term


def of(problem: Problem, term: Term, x: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The fields' derivatives by name of their symbol, and the coefficients (q, k, n)."""
    domain = problem.domain
    network = pm.MLP(3, 1).bind(domain.names, domain.lower, domain.upper, len(problem.fields))
    theta = network.initial(torch.Generator().manual_seed(1), torch.float64, torch.device("cpu"))
    at = place(problem, term, network, x, torch.ones(1, dtype=torch.float64)).at(theta, Workspace())
    symbols = [f"{symbol.field}{symbol.index}" for symbol in term.derivatives]
    return dict(zip(symbols, at.values, strict=True)), at.coefficients()


def test_they_are_the_derivatives_of_the_residual() -> None:
    """r = u_t + u² u_x − sin(x) u_xx."""
    problem = Problem(
        domain=pm.Box(t=(0, 1), x=(0, 1)),
        fields=["u"],
        conditions={"pde": pm.Interior(lambda u, u_t, u_x, u_xx, x: u_t + u**2 * u_x - torch.sin(x) * u_xx)},
    )
    x = torch.rand(7, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    values, found = of(problem, problem.terms["pde"], x)
    u, u_x = values["0(0, 0)"], values["0(0, 1)"]
    torch.testing.assert_close(found, torch.stack([2 * u * u_x, torch.ones_like(u), u**2, -torch.sin(x[:, 1])])[None])


def test_systems_have_a_row_an_equation_and_zeros_for_what_is_not_in_it() -> None:
    """u_t − v and v_t + u, of u, v, u_t, v_t."""
    problem = oscillator()
    _, found = of(problem, problem.terms["motion"], torch.tensor([[0.3], [0.6]], dtype=torch.float64))
    rows = torch.tensor([[0, -1, 1, 0], [1, 0, 0, 1]], dtype=torch.float64)
    torch.testing.assert_close(found, rows[..., None].expand(2, 4, 2))


def test_a_pair_has_a_coefficient_at_each_end() -> None:
    problem = ring()
    x = torch.tensor([[0.1, -1], [0.2, -1], [0.1, 1], [0.2, 1]], dtype=torch.float64)
    _, found = of(problem, problem.terms["ring"], x)
    torch.testing.assert_close(found, torch.tensor([[[-1.0, -1, 1, 1]]], dtype=torch.float64))
