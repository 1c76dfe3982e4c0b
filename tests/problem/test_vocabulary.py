"""Argument names and what they stand for."""

from __future__ import annotations

import pytest
import torch
from processor_time import within

from pinnml.problem import Box, DeclarationError, FieldDerivative, Interior, Periodic, Problem
from pinnml.problem.symbols import Coordinate, Gradient, Laplacian, Parameter, Position
from pinnml.problem.vocabulary import Vocabulary

POLAR = Vocabulary(("t", "r", "theta"), ("u", "u_old", "p"), {"nu": 0.5, "theta_0": 2.0})


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("u", FieldDerivative(0, (0, 0, 0))),
        ("p", FieldDerivative(2, (0, 0, 0))),
        ("u_t", FieldDerivative(0, (1, 0, 0))),
        ("u_theta", FieldDerivative(0, (0, 0, 1))),
        ("u_ttheta", FieldDerivative(0, (1, 0, 1))),
        ("u_thetat", FieldDerivative(0, (1, 0, 1))),
        ("u_rthetar", FieldDerivative(0, (0, 2, 1))),
        ("u_thetathetarr", FieldDerivative(0, (0, 2, 2))),
        ("u_old", FieldDerivative(1, (0, 0, 0))),
        ("u_old_rr", FieldDerivative(1, (0, 2, 0))),
        ("p_tttt", FieldDerivative(2, (4, 0, 0))),
        ("theta", Coordinate(2)),
        ("nu", Parameter(0.5)),
        ("theta_0", Parameter(2.0)),
        ("grad_u_old", Gradient(1, (1, 2), 3)),
        ("laplacian_p", Laplacian(2, (1, 2), 3)),
        ("position", Position((1, 2))),
    ],
)
def test_name_is_read(name: str, symbol: object) -> None:
    assert POLAR.symbol(name, "here") == symbol


@pytest.mark.parametrize(
    "name", ["u_", "_u", "u__t", "u_the", "u_thetas", "u_t_t", "u_u", "t_u", "v", "", "U_t", "theta_"]
)
def test_name_is_unknown(name: str) -> None:
    with pytest.raises(
        DeclarationError, match=r"Unknown name .*; where: here; .*[Vv]alid names: u, u_old, p, u_t, u_r, "
    ):
        POLAR.symbol(name, "here")


@pytest.mark.parametrize("name", ["p_ttttt", "u_thetathetathetathetatheta", "u_old_rtrtr", "u_" + "r" * 500])
def test_order_is_too_high(name: str) -> None:
    with pytest.raises(DeclarationError, match=f"'{name}' is a derivative of an order above 4; where: here; orders go"):
        POLAR.symbol(name, "here")


@pytest.mark.parametrize(("name", "ways"), [("u_xx", 2), ("u_xxx", 2), ("u_x", 1), ("u_xxxxxxxx", 1)])
def test_ambiguous_suffix(name: str, ways: int) -> None:
    """With coordinates x and xx, u_xx is ∂²u/∂x² or ∂u/∂xx; u_xxxxxxxx is of order four along xx, or too high."""
    names = Vocabulary(("x", "xx"), ("u",), {})
    if ways == 1:
        assert isinstance(names.symbol(name, "here"), FieldDerivative)
        return
    with pytest.raises(DeclarationError, match=f"'{name}' can be read in several ways; where: here; rename"):
        names.symbol(name, "here")


@pytest.mark.parametrize("name", ["u_" + "x" * 60, "u_" + "x" * 2000 + "y"])
def test_long_suffixes_are_read_quickly(name: str) -> None:
    """There are about 10¹² ways to write sixty letters x with coordinates x and xx."""
    with within(0.5), pytest.raises(DeclarationError):
        Vocabulary(("x", "xx"), ("u",), {}).symbol(name, "here")


def test_functions_get_what_their_names_say() -> None:
    """Multi-character coordinates, several fields and parameters arrive where they belong, to the bit."""

    def residual(p, u_rtheta, theta, r, nu):  # type: ignore[no-untyped-def]
        return p + 10 * u_rtheta, 100 * theta - r, nu * p

    domain = Box(r=(1, 2), theta=(0, 3))
    problem = Problem(domain, ["u", "p"], parameters={"nu": 0.25}, conditions={"pde": Interior(residual)})
    term = problem.terms["pde"]
    assert term.derivatives == (FieldDerivative(1, (0, 0)), FieldDerivative(0, (1, 1)))
    x = torch.tensor([[1.0, 0.5], [1.5, 3.0]], dtype=torch.float64)
    p, mixed = x.new_tensor([3.0, 4.0]), x.new_tensor([5.0, 6.0])
    found = term.residual(x, dict(zip(term.derivatives, (p, mixed), strict=True)), {})
    assert torch.equal(found, x.new_tensor([[53.0, 64.0], [49.0, 298.5], [0.75, 1.0]]))


def test_vectors_are_those_of_all_coordinates_in_space() -> None:
    """Whatever their number, with time anywhere among them."""
    domain = Box(x=(0, 1), t=(0, 2), y=(0, 1))

    def by_vectors(u_t, grad_u, laplacian_u, position):  # type: ignore[no-untyped-def]
        return u_t - laplacian_u + (position * grad_u).sum(1)

    def by_names(u_t, u_x, u_y, u_xx, u_yy, x, y):  # type: ignore[no-untyped-def]
        return u_t - (u_xx + u_yy) + x * u_x + y * u_y

    conditions = {"vectors": Interior(by_vectors), "names": Interior(by_names)}
    terms = Problem(domain, ["u"], conditions=conditions).terms
    vectors, names = terms["vectors"], terms["names"]
    assert set(vectors.derivatives) == set(names.derivatives)
    x = torch.rand(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values = {symbol: (number + x[:, 0]) ** 3 for number, symbol in enumerate(names.derivatives)}
    torch.testing.assert_close(vectors.residual(x, values, {}), names.residual(x, values, {}))


def test_names_of_the_user_come_before_those_of_vectors() -> None:
    names = Vocabulary(("t", "position"), ("u", "grad_u"), {"laplacian_u": 1.0})
    found = [names.symbol(name, "here") for name in ("position", "grad_u", "laplacian_u", "grad_grad_u")]
    assert found == [Coordinate(1), FieldDerivative(1, (0, 0)), Parameter(1.0), Gradient(1, (1,), 2)]
    with pytest.raises(DeclarationError, match="Unknown name 'grad_u'"):
        Vocabulary(("t",), ("u",), {}).symbol("grad_u", "here")


def test_periodic_derivatives_need_no_names() -> None:
    """Where the suffix xx is ambiguous, Periodic still means ∂²/∂x²; derivatives may be periodic themselves."""
    domain = Box(x=(0, 1), xx=(0, 1))
    pde = Interior(lambda u: u)
    ring = Periodic(u=2, u_x=1, along="x")
    term = Problem(domain, ["u"], conditions={"pde": pde, "ring": ring}).terms["ring"]
    assert [symbol.index for symbol in term.derivatives] == [(0, 0), (1, 0), (2, 0), (1, 0), (2, 0)]
    values = {symbol: torch.tensor([1.0, 2.0, 4.0, 7.0]) * 10 ** sum(symbol.index) for symbol in term.derivatives}
    found = term.residual(torch.zeros(4, 2), values, {})
    assert torch.equal(found[:3], torch.tensor([[3.0, 5.0], [30.0, 50.0], [300.0, 500.0]]))
