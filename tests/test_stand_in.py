"""The stand-in for a GPU counts what would wait there, each once, and nothing else; results are the CPU's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from stand_in import DEVICE, OnDevice, waits_counted
from torch import Tensor

MATRIX = torch.tensor([[4.0, 1.0], [1.0, 3.0]], dtype=torch.float64)

WAITS: dict[str, tuple[str, Callable[[Tensor], object]]] = {
    "item": ("read", lambda x: x[0, 0].item()),
    "float": ("read", lambda x: float(x.sum())),
    "bool": ("read", lambda x: bool((x > 0).all())),
    "tolist": ("read", lambda x: x.tolist()),
    "equal": ("read", lambda x: torch.equal(x, x)),
    "to the host": ("move", lambda x: x.cpu()),
    "numpy": ("move", lambda x: x.cpu().numpy()),
    "from the host": ("move", lambda x: torch.ones(2).to(x.device)),
    "numbers": ("move", lambda x: torch.tensor([1.0, 2.0], device=x.device)),
    "new numbers": ("move", lambda x: x.new_tensor([1.0])),
    "indices of the host": ("move", lambda x: x[torch.tensor([1])]),
    "copied from the host": ("move", lambda x: x.clone().copy_(torch.ones(2, 2))),
    "mask": ("size", lambda x: x[x > 2]),
    "written by a mask": ("size", lambda x: x.clone().index_put_((x > 2,), x.new_ones(()))),
    "nonzero": ("size", lambda x: x.nonzero()),
    "unique": ("size", lambda x: x.unique()),
    "cholesky": ("info", lambda x: torch.linalg.cholesky(x)),
    "solve": ("info", lambda x: torch.linalg.solve(x, x)),
    "inv": ("info", lambda x: torch.linalg.inv(x)),
    "eigh": ("info", lambda x: torch.linalg.eigh(x)),
    "svd": ("info", lambda x: torch.linalg.svd(x)),
}

FREE: dict[str, Callable[[Tensor], Tensor]] = {
    "product": lambda x: x @ x,
    "row": lambda x: (x[0] @ x) @ x,
    "made there": lambda x: x + torch.eye(2, dtype=x.dtype, device=x.device) + x.new_ones(2, 2),
    "a number of the host": lambda x: x * torch.tensor(2.0, dtype=torch.float64),
    "indices there": lambda x: x[torch.arange(2, device=x.device)],
    "where": lambda x: torch.where(x > 2, x, 0.0),
    "written in place": lambda x: x.clone().fill_diagonal_(7.0),
    "cholesky_ex": lambda x: torch.linalg.cholesky_ex(x)[0],
    "qr": lambda x: torch.linalg.qr(x)[1],
    "triangular": lambda x: torch.linalg.solve_triangular(x.triu(), x, upper=True),
    "vmap": lambda x: torch.func.vmap(lambda row: row.sin().sum())(x),
}


@pytest.mark.parametrize("name", WAITS)
def test_what_waits_is_counted_once(name: str) -> None:
    reason, act = WAITS[name]
    with waits_counted() as waits:
        there = MATRIX.to(DEVICE)
        assert dict(waits.reasons) == {"move": 1}
        act(there)
        waits.reasons["move"] -= 1
    assert {why: n for why, n in waits.reasons.items() if n} == {reason: 1}


@pytest.mark.parametrize("name", FREE)
def test_what_does_not_wait_is_not_counted_and_gives_the_same(name: str) -> None:
    with waits_counted() as waits:
        found = FREE[name](MATRIX.to(DEVICE))
        assert waits.count == 1 and isinstance(found, OnDevice)
    assert found.shape == found.held.shape and torch.equal(found.held, FREE[name](MATRIX))


def test_a_reading_within_a_derivative_is_counted() -> None:
    """The backward pass is not seen by Python's code, but by the operations that it is made of."""
    with waits_counted() as waits:
        x = MATRIX.to(DEVICE).requires_grad_()
        x.register_hook(lambda grad: grad * float(grad.sum()))
        (slope,) = torch.autograd.grad(x.square().sum(), x)
        assert dict(waits.reasons) == {"move": 1, "read": 1} and slope.shape == (2, 2)


def test_tensors_of_two_places_do_not_mix() -> None:
    with waits_counted(), pytest.raises(RuntimeError, match="two devices"):
        MATRIX.to(DEVICE) + MATRIX
