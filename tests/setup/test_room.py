"""What the machine has no room for is refused before anything is drawn, or evaluated in smaller chunks."""

from __future__ import annotations

from typing import Any

import pytest
from small_problems import TINY, heat

import pinnml as pm
from pinnml.problem import Problem
from pinnml.setup import Setup, arrange, memory, predict_memory, room, with_room

TOO_MUCH: dict[str, tuple[dict[str, Any], str]] = {
    "points": ({"points": pm.points.Uniform(10**12), "solver": pm.LBFGS()}, "points alone need"),
    "points on the boundary": ({"points": pm.points.Uniform(10, 10**12), "solver": pm.LBFGS()}, "points alone need"),
    "parameters": ({"network": pm.MLP(width=10**9)}, "parameters of the network alone need"),
    "matrices": ({"network": pm.MLP(width=3000), "solver": pm.optim.BFGS()}, "matrices of the solver alone need"),
}


@pytest.mark.parametrize(("settings", "word"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_no_machine_has_is_refused(settings: dict[str, Any], word: str) -> None:
    soft = heat(hard=set())
    with pytest.raises(pm.DeclarationError, match=rf"The {word} .* GiB, the machine has .*; where: memory"):
        pm.solve(soft, stop=pm.Iterations(1), device="cpu", **({"network": TINY} | settings))
    with pytest.raises(pm.DeclarationError, match=word):
        predict_memory(soft, arrange(soft, device="cpu", **({"network": TINY} | settings)))


def limited(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for module in (memory, room):
        monkeypatch.setattr(module, "machine_memory", lambda device: size)


@pytest.fixture
def large() -> tuple[Problem, Setup]:
    problem = heat()
    return problem, arrange(problem, TINY, pm.LBFGS(), points=pm.points.Uniform(200_000), device="cpu", chunk=100_000)


def test_a_machine_that_is_nearly_too_small_gets_smaller_chunks(
    large: tuple[Problem, Setup], monkeypatch: pytest.MonkeyPatch
) -> None:
    foreseen = predict_memory(*large)
    limited(monkeypatch, foreseen.total + (1 << 25))
    assert with_room(*large) is large[1]
    limited(monkeypatch, foreseen.total - foreseen.evaluation // 2)
    smaller = with_room(*large).chunk
    assert smaller is not None and 0.4 * foreseen.chunk < smaller < 0.6 * foreseen.chunk


def test_a_machine_that_is_too_small_is_told(large: tuple[Problem, Setup], monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 1 << 28)
    with pytest.raises(pm.DeclarationError, match=r"The run needs .*; where: a limit of memory of 256\.0 MiB"):
        with_room(*large)


def test_nothing_is_foreseen_where_there_is_plenty(
    large: tuple[Problem, Setup], monkeypatch: pytest.MonkeyPatch
) -> None:
    def foreseen(*arguments: Any) -> None:
        raise AssertionError("a step has been taken for nothing")

    monkeypatch.setattr(memory, "predict_memory", foreseen)
    limited(monkeypatch, 1 << 40)
    assert with_room(*large) is large[1]


def test_the_machine_says_what_it_has() -> None:
    found = room.machine_memory("cpu")
    assert found is None or 1 << 26 < found < 1 << 50
