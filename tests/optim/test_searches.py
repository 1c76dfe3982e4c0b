"""Line searches keep what they promise, on any function along a line."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from classical_functions import Differentiated
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pinnml.objective import Iterate
from pinnml.optim import Armijo, Search, Searched, StrongWolfe
from pinnml.optim.line_search import Outcome
from pinnml.optim.more_thuente import Bracket, Trial

EPS = torch.finfo(torch.float64).eps

Line = Callable[[Tensor], Tensor]


def searched(
    line: Line, search: Search, first: float, dtype: torch.dtype = torch.float64
) -> tuple[Searched, Differentiated, Iterate, float]:
    """Search along +1 from 0; return what was found, the objective, the start and its slope."""
    objective = Differentiated(lambda x: line(x[0]))
    start = objective.at(torch.zeros(1, dtype=dtype))
    objective.evaluations = 0
    objective.visited = []
    slope = float(start.grad[0])
    return search(objective, start, torch.ones(1, dtype=dtype), slope, first), objective, start, slope


@st.composite
def lines(draw: st.DrawFn) -> Line:
    """Smooth functions with f′(0) < 0: a parabola, waves upon it, and an exponential, in any proportion and scale."""
    slope = -(10.0 ** draw(st.floats(-3, 3)))
    curvature = draw(st.floats(0, 10))
    height, pace, phase = draw(st.floats(0, 3)), draw(st.floats(0.1, 5)), draw(st.floats(0, 6))
    growth = draw(st.sampled_from([0.0, 0.0, 0.5, 3.0]))
    scale, offset = 10.0 ** draw(st.integers(-6, 6)), draw(st.sampled_from([0.0, 0.0, 1.0, -100.0]))
    waves = slope - height * pace * math.cos(phase) - growth

    def line(a: Tensor) -> Tensor:
        return scale * (
            waves * a + curvature * a**2 + height * torch.sin(pace * a + phase) + torch.exp(growth * a) + offset
        )

    return line


FIRST = st.floats(-4, 4).map(lambda power: 10.0**power)


def check_common(found: Searched, objective: Differentiated, start: Iterate, most: int) -> None:
    """What every outcome must hold."""
    assert found.trials == objective.evaluations <= most
    assert math.isfinite(float(found.iterate.f))
    if found.outcome in (Outcome.FAILED, Outcome.ROUNDING):
        assert found.iterate is start
        assert found.step == 0.0
    else:
        assert torch.equal(found.iterate.theta, start.theta + found.step * torch.ones(1, dtype=torch.float64))
        assert any(found.iterate.theta is theta for theta in objective.visited)
        assert found.step > 0
    if found.outcome is Outcome.BEST:
        assert float(found.iterate.f) < float(start.f)


@settings(max_examples=300, deadline=None)
@given(line=lines(), first=FIRST, c1=st.sampled_from([1e-4, 1e-3, 0.1]), c2=st.sampled_from([0.2, 0.9]))
def test_strong_wolfe_holds_both_conditions(line: Line, first: float, c1: float, c2: float) -> None:
    """WOLFE means f(α) ≤ f(0) + c₁αf′(0) and |f′(α)| ≤ c₂|f′(0)|; APPROXIMATE means that f is flat and f′ fits."""
    found, objective, start, slope = searched(line, StrongWolfe(c1, c2), first)
    check_common(found, objective, start, 20)
    change, end = float(found.iterate.f) - float(start.f), float(found.iterate.grad[0])
    if found.outcome is Outcome.WOLFE:
        assert change <= c1 * found.step * slope
        assert abs(end) <= c2 * abs(slope)
    if found.outcome is Outcome.APPROXIMATE:
        assert abs(change) <= 1e-13 * abs(float(start.f))
        assert c2 * slope <= end <= (2 * c1 - 1) * slope


@settings(max_examples=150, deadline=None)
@given(line=lines(), first=FIRST, c1=st.sampled_from([1e-4, 0.3]), trials=st.integers(1, 30))
def test_armijo_holds_its_condition(line: Line, first: float, c1: float, trials: int) -> None:
    """The first of the steps first/2ᵏ with f(α) ≤ f(0) + c₁αf′(0) is taken, exactly."""
    found, objective, start, slope = searched(line, Armijo(c1, trials), first)
    check_common(found, objective, start, trials)
    assert [float(theta[0]) for theta in objective.visited] == [first / 2**k for k in range(found.trials)]
    fits = [float(line(theta[0])) - float(start.f) <= c1 * float(theta[0]) * slope for theta in objective.visited]
    assert fits[:-1] == [False] * (found.trials - 1)
    assert fits[-1] == (found.outcome is Outcome.WOLFE)
    if found.outcome is not Outcome.WOLFE:
        assert found.trials == trials


@pytest.mark.parametrize("first", [1e-3, 1.0, 1e3])
def test_strong_wolfe_is_found_where_there_is_one(first: float) -> None:
    """On functions that are bounded below the search succeeds, and with few trials.

    The bracket may grow too narrow before (a tenth of its upper end, as in L-BFGS-B), which is no failure: then a lower
    point is taken.
    """
    generator = torch.Generator().manual_seed(0)
    outcomes, trials = [], 0
    for height, pace, phase, power in torch.rand(200, 4, dtype=torch.float64, generator=generator).tolist():
        slope = -(10 ** (4 * power - 2)) - height * pace * math.cos(6 * phase)

        def line(a: Tensor, h: float = height, p: float = pace, q: float = phase, s: float = slope) -> Tensor:
            return s * a + 0.5 * a**2 + h * torch.sin(p * a + 6 * q)

        found, _, start, _ = searched(line, StrongWolfe(c2=0.1), first)
        outcomes.append(found.outcome)
        trials += found.trials
        assert float(found.iterate.f) < float(start.f)
    assert outcomes.count(Outcome.WOLFE) >= 190
    assert trials < 200 * 8


@pytest.mark.parametrize("trials", [1, 2, 7, 20, 35])
def test_trials_are_limited_exactly(trials: int) -> None:
    """On a line that falls for ever, and on one that is never finite, every trial allowed is used, and no more."""
    found, objective, start, _ = searched(lambda a: -a, StrongWolfe(max_trials=trials), 1.0)
    used = min(trials, 18)  # steps of up to 10¹⁰ are tried, each four times as far as the last
    assert (found.trials, objective.evaluations, found.outcome) == (used, used, Outcome.BEST)
    assert float(found.iterate.f) < 0
    for search in (StrongWolfe(max_trials=trials), Armijo(max_trials=trials)):
        found, objective, start, _ = searched(lambda a: torch.where(a > 0, math.nan, -a), search, 1.0)
        assert (found.trials, objective.evaluations, found.outcome) == (trials, trials, Outcome.FAILED)
        assert found.iterate is start


def raised_bowl(offset: float, x: torch.Tensor) -> torch.Tensor:
    return ((x - 1) ** 2).sum() + offset


@pytest.mark.parametrize("search", [StrongWolfe(max_trials=60), Armijo(max_trials=60)], ids=["wolfe", "armijo"])
def test_wrong_gradient_is_a_failure(search: Search) -> None:
    """Where the gradient has the wrong sign no step is better, however short; that is not rounding."""

    def flipped(number: int, iterate: Iterate) -> Iterate:
        return Iterate(iterate.theta, iterate.f, -iterate.grad)

    for offset in (0.0, 1.0):
        objective = Differentiated(partial(raised_bowl, offset), flipped)
        start = objective.at(torch.zeros(3, dtype=torch.float64))
        direction = -start.grad
        found = search(objective, start, direction, -float(start.grad.dot(start.grad)), 0.3)
        assert found.outcome is Outcome.FAILED
        assert found.iterate is start


@pytest.mark.parametrize("search", [StrongWolfe(), Armijo()], ids=["wolfe", "armijo"])
@pytest.mark.parametrize("noise", ["f", "theta"])
def test_rounding_is_told_from_failure(search: Search, noise: str) -> None:
    """A parabola at its minimum up to the rounding of f, or of θ: nothing is to be gained."""
    if noise == "f":
        # f changes by 1e-18 only, and its evaluation errs by one unit in the last place
        objective = Differentiated(lambda x: 0.5 * ((x - 1e-9) ** 2).sum() + 1.0)
        theta = torch.zeros(1, dtype=torch.float64)
        hook = lambda number, it: Iterate(it.theta, it.f + (number > 1) * EPS, it.grad)  # noqa: E731
    else:
        objective = Differentiated(lambda x: 50 * ((x - 1) ** 2).sum())
        theta = torch.tensor([1 - EPS / 2], dtype=torch.float64)
        hook = lambda number, it: Iterate(it.theta, it.f + (number > 1) * 1e-29, it.grad)  # noqa: E731
    objective._hook = hook
    start = objective.at(theta)
    slope = -float(start.grad.dot(start.grad))
    found = search(objective, start, -start.grad, slope, 100.0)
    assert found.outcome in (Outcome.ROUNDING, Outcome.APPROXIMATE)
    if found.outcome is Outcome.ROUNDING:
        assert found.iterate is start


def test_gain_within_rounding_is_no_gain() -> None:
    """A trial that is lower by one unit in the last place, where no more was to be gained, is not taken."""

    def noise(number: int, it: Iterate) -> Iterate:
        return Iterate(it.theta, torch.full_like(it.f, 1.0 - EPS * (number == 2)), it.grad + 1e-6 * (number > 1))

    objective = Differentiated(lambda x: 1.0 + 0.5 * ((x - 1e-9) ** 2).sum(), noise)
    start = objective.at(torch.zeros(1, dtype=torch.float64))
    found = StrongWolfe()(objective, start, -start.grad, -float(start.grad.dot(start.grad)), 1.0)
    assert found.outcome is Outcome.ROUNDING
    assert found.iterate is start


def test_gain_is_told_by_the_nearest_trial() -> None:
    """Far off the slope explodes, and a parabola from there would promise nothing; near by it promises enough."""
    objective = Differentiated(lambda x: (0.5 * (x - 1) ** 2 + torch.exp(40 * (x - 2))).sum())
    start = objective.at(torch.zeros(1, dtype=torch.float64))
    objective._hook = lambda number, it: Iterate(it.theta, it.f + 1, it.grad)
    found = StrongWolfe()(objective, start, -start.grad, -float(start.grad.dot(start.grad)), 4.0)
    assert found.outcome is Outcome.FAILED


@pytest.mark.parametrize(("size", "outcome"), [(1e-9, Outcome.ROUNDING), (1e-4, Outcome.FAILED)])
def test_steps_below_the_rounding_of_theta(size: float, outcome: Outcome) -> None:
    """Trials that move θ = 10⁶ by no more than its rounding tell nothing, those that move it further do."""
    objective = Differentiated(lambda x: 0 * x.sum(), lambda number, it: Iterate(it.theta, it.f, it.grad - 1e-9))
    start = objective.at(torch.full((1,), 1e6, dtype=torch.float64))
    found = StrongWolfe(max_trials=1)(objective, start, torch.full_like(start.theta, size), -size * 1e-9, 1.0)
    assert found.outcome is outcome


def test_flat_function_is_searched_by_its_slopes() -> None:
    """Where f is flat to rounding, two slopes lead to the minimum in two trials; f alone never would."""
    found, objective, _, slope = searched(lambda a: 1e8 + 1e-10 * (a - 0.37) ** 2, StrongWolfe(), 1.0)
    assert found.outcome is Outcome.APPROXIMATE
    assert objective.evaluations == 2
    assert abs(found.step - 0.37) < 1e-6
    assert abs(float(found.iterate.grad[0])) < 1e-6 * abs(slope)


@pytest.mark.parametrize(("dtype", "resolved"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_rounding_depends_on_the_precision(dtype: torch.dtype, resolved: float) -> None:
    """A rise of f is accepted only if it is rounding in that precision: 1e-13 in double, 1.2e-5 in single."""
    for rise, accepted in ((resolved, False), (resolved / 20, True)):

        def hook(number: int, it: Iterate, rise: float = rise) -> Iterate:
            return Iterate(it.theta, it.f + (number > 1) * rise, it.grad)

        objective = Differentiated(lambda x: 1e-8 * ((x - 1) ** 2).sum() * 1e-8 + 1.0, hook)
        start = objective.at(torch.zeros(1, dtype=dtype))
        found = StrongWolfe()(objective, start, torch.ones(1, dtype=dtype), float(start.grad[0]), 0.9)
        assert (found.outcome is Outcome.APPROXIMATE) == accepted


@settings(max_examples=150, deadline=None)
@given(
    line=lines(),
    first=FIRST,
    wall=st.floats(-3, 3).map(lambda power: 10.0**power),
    bad=st.sampled_from([math.nan, math.inf, -math.inf]),
)
def test_not_finite_trials_are_never_passed(line: Line, first: float, wall: float, bad: float) -> None:
    """Beyond a wall f is not finite: each trial there shortens the step for good, and the result lies before it."""
    found, objective, start, _ = searched(lambda a: torch.where(a > wall, bad, 1.0) * line(a), StrongWolfe(), first)
    check_common(found, objective, start, 20)
    assert float(found.iterate.theta[0]) <= wall
    steps = [float(theta[0]) for theta in objective.visited]
    for number, step in enumerate(steps):
        if step > wall:
            assert max(steps[number + 1 :], default=0.0) < step


NUMBERS = st.one_of(
    st.floats(-10, 10),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 1e-308, 5e-324, -1.0, 1.0]),
    st.floats(allow_nan=False, allow_infinity=False),
)


@settings(max_examples=300, deadline=None)
@given(st.data(), FIRST)
def test_bracket_survives_any_trials(data: st.DataObject, first: float) -> None:
    """Whatever values and slopes come, of no function at all, the next step is a finite number or None."""
    slope = data.draw(st.one_of(st.floats(-1e10, -1e-10), st.sampled_from([-5e-324, -1e308])))
    bracket = Bracket(Trial(0.0, data.draw(NUMBERS), slope), first, 1e-3, 0.9)
    step: float | None = first
    for _ in range(12):
        assert step is not None
        step = bracket.next(Trial(step, data.draw(NUMBERS), data.draw(NUMBERS)))
        if step is None:
            return
        assert 0 <= step <= 1e10


def test_bracket_survives_equal_trials() -> None:
    """A function that is constant although its slope says otherwise."""
    bracket = Bracket(Trial(0.0, 1.0, -1.0), 1.0, 1e-3, 0.9)
    step: float | None = 1.0
    for slope in (-1.0, -1.0, 0.0, 1.0, -1.0, 0.0, 0.0, 1.0):
        if step is not None:
            step = bracket.next(Trial(step, 1.0, slope))
            assert step is None or math.isfinite(step)


def test_bracket_survives_underflow() -> None:
    """Slopes so small that the interpolation divides by zero."""
    bracket = Bracket(Trial(0.0, 2.0, -1e-300), 1.0, 1e-3, 0.9)
    step = bracket.next(Trial(1.0, -5e-324, 0.0))
    assert step is not None
    following = bracket.next(Trial(step, 0.0, 1e-308))
    assert following is None or 0 <= following <= step


@pytest.mark.parametrize(
    ("build", "pieces"),
    [
        (lambda: StrongWolfe(c1=0.9, c2=0.1), ["c1=0.9, c2=0.1", "StrongWolfe", "0 < c1 < c2 < 1"]),
        (lambda: StrongWolfe(c1=0.0), ["c1=0.0", "StrongWolfe"]),
        (lambda: StrongWolfe(c2=1.0), ["c2=1.0", "StrongWolfe"]),
        (lambda: StrongWolfe(max_trials=0), ["max_trials is 0", "StrongWolfe", "a whole number of at least 1"]),
        (lambda: Armijo(max_trials=0), ["max_trials is 0", "Armijo", "a whole number of at least 1"]),
        (lambda: Armijo(max_trials=2.5), ["max_trials is 2.5", "Armijo"]),  # type: ignore[arg-type]
        (lambda: Armijo(c1=1.0), ["c1 is 1.0", "Armijo", "a number between 0 and 1"]),
        (lambda: Armijo(c1=math.nan), ["c1 is nan", "Armijo"]),
    ],
)
def test_wrong_settings_are_refused(build: Callable[[], Search], pieces: list[str]) -> None:
    with pytest.raises(ValueError, match="where: ") as caught:
        build()
    assert [piece for piece in pieces if piece not in str(caught.value)] == []
