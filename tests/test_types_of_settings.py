"""Types and bounds of settings, declared beside one another, and the registry of records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import pytest

from pinnml.errors import DeclarationError
from pinnml.settings import RECORDS, Above, AtLeast, Between, Count, name_of, record, setting


@setting
class Every:
    """A setting of every type that is held."""

    number: float = 1.0
    count: Count = 1
    share: Annotated[float, Between(0, 1, (False, True))] = 0.5
    rate: Annotated[float, Above(0)] | None = None
    pairs: tuple[tuple[int, float], ...] = ()
    listed: list[float] = None  # type: ignore[assignment]
    named: dict[str, Annotated[int, AtLeast(0)]] = None  # type: ignore[assignment]
    mapped: Mapping[str, float] = None  # type: ignore[assignment]
    order: Literal["up", "down", 3] = "up"
    several: Sequence[str] = ("a",)
    function: Callable[[float], float] = abs


def every(**given: Any) -> Every:
    return Every(**({"listed": [1.0, 2], "named": {"a": 1}, "mapped": {}} | given))


@pytest.mark.parametrize(
    "given",
    [
        {"number": 3}, {"share": 1}, {"rate": 2.0}, {"pairs": ((1, 2.0), (3, 4))}, {"listed": []}, {"named": {}},
        {"mapped": {"x": 1}}, {"order": "down"}, {"order": 3}, {"several": ["a", "b"]}, {"function": round},
    ],
    ids=str,
)  # fmt: skip
def test_what_fits_is_taken(given: dict[str, Any]) -> None:
    (name,) = given
    assert getattr(every(**given), name) == given[name]


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"number": "3"}, "give a number"),
        ({"number": float("nan")}, "give a number"),
        ({"count": 0}, "give a whole number of at least 1"),
        ({"count": 1.5}, "give a whole number of at least 1"),
        ({"share": 0}, "give a number above 0, up to 1"),
        ({"rate": 0.0}, "give a number above 0 or None"),
        ({"pairs": ((1, 2.0, 3),)}, "give a tuple of a tuple of a whole number, a number"),
        ({"listed": (1.0,)}, "give a list of a number"),
        ({"listed": [1.0, "a"]}, "give a list of a number"),
        ({"named": {"a": -1}}, "give a dictionary from a string to a whole number of at least 0"),
        ({"named": {1: 1}}, "give a dictionary from a string to a whole number of at least 0"),
        ({"mapped": [("x", 1)]}, "give a dictionary from a string to a number"),
        ({"order": "sideways"}, "give one of 'up', 'down', 3"),
        ({"order": True}, "give one of 'up', 'down', 3"),
        ({"several": "ab"}, "give a tuple of a string"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_with_the_remedy(given: dict[str, Any], remedy: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        every(**given)
    (name,) = given
    assert caught.value.where == "Every" and caught.value.what.startswith(f"{name} is ")
    assert caught.value.remedy == remedy


def test_records_are_known_by_their_module_unless_they_are_the_packages() -> None:
    assert RECORDS[name_of(Every)] is Every and name_of(Every).endswith(":Every")
    assert RECORDS["LBFGS"].__module__ == "pinnml.optim.lbfgs"


def test_two_records_of_one_name_in_the_package_are_refused() -> None:
    kind = type("LBFGS", (), {"__module__": "pinnml.elsewhere", "__annotations__": {}})
    with pytest.raises(TypeError, match="Two records are called LBFGS"):
        record(kind)
    assert RECORDS["LBFGS"].__module__ == "pinnml.optim.lbfgs"
