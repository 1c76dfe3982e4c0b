"""Cycles on Poisson's equation contract as the textbook says, cost what it says, and leave out what does not pay."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import pytest
import torch
from dense_least_squares import Plain, vector
from line_of_springs import DampedJacobi, Halved, Springs, Useless

from pinnml.io import plain
from pinnml.levels import (
    AbstractShape,
    CoarseLevel,
    FCycle,
    IfGradient,
    LineSearched,
    Multilevel,
    NestedIteration,
    NestedLevel,
    Paying,
    Payoff,
    Smoothing,
    VCycle,
    WCycle,
    full_multigrid,
)
from pinnml.objective import AbstractCoarsening, Meter, Successive, metered
from pinnml.optim import LBFGS, AbstractSolver, Iterations, Loss, Status, Work, minimise
from pinnml.schwarz import Local

JACOBI = Smoothing(DampedJacobi(), 1, 1)
EXACT = Smoothing(DampedJacobi(), 40, 0)

pytestmark = pytest.mark.usefixtures("on_one_thread")


def levels(count: int) -> tuple[CoarseLevel, ...]:
    """Coarse levels with one smoothing step before and after, the coarsest solved."""
    return (*[CoarseLevel(Halved(), JACOBI)] * (count - 2), CoarseLevel(Halved(), EXACT))


def contraction(solver: Multilevel, exponent: int, cycles: int = 12) -> float:
    """The mean factor a cycle of the error in the energy norm, in the second half of some cycles; min f is zero."""
    problem = Springs(exponent)
    values: list[float] = []
    minimise(problem, problem.start(), solver, Iterations(cycles), callback=lambda p: values.append(p.iterate.value))
    return float((values[cycles] / values[cycles // 2]) ** (1 / cycles))


def cycles_of(coarse: tuple[CoarseLevel, ...], shape: AbstractShape | None = None) -> Multilevel:
    return Multilevel(coarse, JACOBI, shape or VCycle(), paying=None)


def test_a_v_cycle_contracts_alike_on_any_number_of_levels() -> None:
    factors = [contraction(cycles_of(levels(count)), 1 + count) for count in (3, 4, 5)]
    print(factors)
    assert max(factors) < 0.25
    assert max(factors) < 1.2 * min(factors)
    assert contraction(Multilevel((), JACOBI), 5) > 0.9


def test_every_level_is_needed() -> None:
    """Without one of them the next has a fourth of the nodes, or, without the last, what is smooth is not solved."""
    all_of_them = contraction(cycles_of(levels(4)), 5)
    for left_out in range(3):
        coarse = list(levels(4))
        if left_out == 2:
            coarse = coarse[:2]
        else:
            coarse[left_out : left_out + 2] = [replace(coarse[left_out + 1], rule=Successive((Halved(), Halved())))]
        assert contraction(cycles_of(tuple(coarse)), 5) > 1.5 * all_of_them


def test_w_and_f_cycles_contract_no_worse() -> None:
    v, w, f = (contraction(cycles_of(levels(4), shape), 5) for shape in (VCycle(), WCycle(), FCycle()))
    assert w <= v * 1.01 and f <= v * 1.01


@pytest.mark.parametrize(
    ("shape", "visits"),
    [(VCycle(), [1, 1, 1, 1]), (WCycle(), [1, 2, 4, 8]), (WCycle(3), [1, 3, 9, 27]), (FCycle(), [1, 2, 3, 4])],
    ids=str,
)
def test_levels_are_visited_as_often_as_the_textbook_says(shape: AbstractShape, visits: list[int]) -> None:
    """F-cycles visit level l once for each level above and once more: 1, 2, 3, … of all but the finest, which has 1."""
    problem, solver = Springs(6), cycles_of((CoarseLevel(Halved(), JACOBI),) * 3, shape)
    result = minimise(problem, problem.start(), solver, Iterations(1))
    log = [level.log for level in result.state.levels]
    assert [one.taken for one in log] == visits
    # a visit smooths twice, and begins with its gradient; a value tells whether the correction is taken, and after it
    # the level above needs a gradient: to smooth, or to correct again, which is work of the level below
    expected = [
        count * (2.0 + (number < 3)) + (number > 0) * (2.0 * count + count - visits[number - 1])
        for number, count in enumerate(visits)
    ]
    assert [one.work for one in log] == expected
    assert result.counts.work == sum(expected) + 1


def test_shares_of_the_decrease_are_those_of_the_cycle() -> None:
    problem = Springs(6)
    solver = cycles_of(levels(4), FCycle())
    before = problem.at(problem.start())
    after, state, _ = solver.step(problem, before, solver.init(problem, before))
    assert sum(level.log.decrease for level in state.levels) == pytest.approx(1 - after.value / before.value, rel=1e-12)
    report = solver.report(state)
    assert sum(report.decrease) == pytest.approx(1) and min(report.decrease) > 0
    assert sum(level.log.work for level in state.levels) == pytest.approx(sum(row.work for row in report.levels))


def useless(paying: Paying | None) -> Multilevel:
    return Multilevel((CoarseLevel(Useless(), Smoothing(LBFGS(5), 2, 0)),), Smoothing(LBFGS(5), 2, 2), paying=paying)


def work_to(solver: AbstractSolver, seed: int) -> float:
    problem = Springs(6)
    return minimise(problem, vector(problem.size, seed), solver, Loss(1e-10) | Iterations(500)).counts.work


def late(solver: AbstractSolver, seed: int) -> float:
    """The work of the last ten of 45 cycles."""
    problem, works = Springs(6), list[float]()
    minimise(
        problem, vector(problem.size, seed), solver, Iterations(45), callback=lambda p: works.append(p.counts.work)
    )
    return works[-1] - works[-11]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_level_that_does_not_pay_is_left_out(seed: int) -> None:
    """Late in a run it costs no more than a tenth of the smoother alone; kept in use, it costs most of the work."""
    alone = Multilevel((), Smoothing(LBFGS(5), 2, 2))
    assert late(useless(Paying()), seed) < 1.1 * late(alone, seed)
    assert work_to(useless(None), seed) > 1.8 * work_to(alone, seed)


def test_the_whole_of_such_a_run_costs_its_trials_and_little_more() -> None:
    """The steps of L-BFGS are others after each cycle with the level, so that single runs tell nothing."""
    alone = Multilevel((), Smoothing(LBFGS(5), 2, 2))
    ratios = [work_to(useless(Paying()), seed) / work_to(alone, seed) for seed in range(1, 13)]
    assert median(ratios) < 1.3  # 1.15; 2.5 where it is kept


def test_a_level_that_is_left_out_says_so() -> None:
    problem = Springs(6)
    result = minimise(problem, problem.start(), useless(Paying()), Iterations(20))
    log = result.state.levels[1].log
    assert (log.taken, log.off_since) == (4, 4)
    table = str(useless(Paying()).report(result.state))
    assert "off since cycle 4" in table and table.startswith("20 cycles, work ")
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["0", "1"]


def test_a_level_left_out_costs_and_changes_nothing() -> None:
    """From where it is left out the run is the smoother's own, to the bit."""
    problem = Springs(6)
    solver = useless(Paying(window=1))
    first = minimise(problem, problem.start(), solver, Iterations(1))
    assert first.state.levels[1].payoff.off == 1
    rest = minimise(problem, first.progress, solver, Iterations(6))
    alone = minimise(problem, first.iterate, Switch(solver, first.state.levels[0].smoother), Iterations(20))
    assert torch.equal(rest.iterate.theta, alone.iterate.theta)
    assert rest.counts.work - first.counts.work == pytest.approx(alone.counts.work)


class Switch(LBFGS):
    """L-BFGS that goes on from a state."""

    def __init__(self, solver: Multilevel, state: object) -> None:
        super().__init__(5)
        object.__setattr__(self, "_state", state)

    def init(self, objective: object, iterate: object) -> object:  # type: ignore[override]
        return self._state  # type: ignore[attr-defined]


def test_a_level_is_retried_after_a_while_and_judged_by_one_cycle() -> None:
    problem = Springs(6)
    result = minimise(problem, problem.start(), useless(Paying(window=3, retry=5)), Iterations(20))
    # in use for 3 cycles, out for 3 and 5, tried in one, out for 5, tried in another
    assert result.state.levels[1].log.taken == 3 + 2


def test_a_level_to_which_the_smoother_owes_what_it_brings_is_put_back() -> None:
    """Most of the decrease is the smoother's, but it stands still by itself: after a trial the level stays in use."""
    problem = Springs(7)
    solver = replace(cycles_of(levels(4)), paying=Paying(window=3, retry=5))
    result = minimise(problem, problem.start(), solver, Iterations(17))
    first = result.state.levels[1]
    assert first.payoff.returns == 1 and first.payoff.off == 0
    assert first.log.taken == 17 - 3
    assert result.iterate.value < 1e-8 * problem.at(problem.start()).value


def test_a_level_is_questioned_by_what_it_brings_and_judged_by_cycles_without_it() -> None:
    rule, whole = Paying(window=2, retry=3), (1.0, 2.0)
    once = rule.after(Payoff(), (1.0, 1.0, 2.0, 1.0), whole)
    assert not once.off and len(once.used) == 1
    assert rule.after(once, (3.0, 1.0, 2.0, 1.0), whole).off == 0
    assert replace(rule, least=0.4).after(once, (1.0, 1.0, 2.0, 1.0), whole).off == 0
    assert rule.after(once, None, whole) == once
    assert rule.after(once, (1.0, 1.0, 2.0, 1.0), whole, questioned=False).off == 0
    trial = rule.after(once, (1.0, 1.0, 2.0, 1.0), whole)
    assert trial.off == 1 and rule.is_on_trial(trial)
    slower = rule.after(rule.after(trial, None, (0.2, 1.0)), None, (0.2, 1.0))
    assert (slower.off, slower.returns, slower.rest) == (0, 1, 4)
    faster = rule.after(rule.after(trial, None, (0.6, 1.0)), None, (0.5, 1.0))
    assert replace(rule, slower=1.2).after(rule.after(trial, None, (0.6, 1.0)), None, (0.5, 1.0)).returns == 1
    assert faster.off == 3 and not rule.is_on_trial(faster)
    for _ in range(3):
        faster = rule.after(faster, None, (0.5, 1.0))
    assert faster.off == 0 and faster.retried
    assert rule.after(faster, (9.0, 1.0, 0.0, 1.0), (0.4, 1.0)).off == 3
    kept = rule.after(faster, (0.0, 1.0, 9.0, 1.0), (0.6, 1.0))
    assert kept.off == 0 and not kept.retried


def test_a_cycle_goes_down_only_where_the_coarse_level_sees_the_gradient() -> None:
    """An oscillating error is invisible on the coarse level."""
    problem = Springs(5)
    wave = torch.ones(problem.size, dtype=torch.float64)
    wave[1::2] = -1
    coarse = CoarseLevel(Halved(), EXACT, recursion=IfGradient(0.1))
    solver = Multilevel((coarse,), Smoothing(DampedJacobi(), 0, 1), paying=None)
    log = minimise(problem, wave, solver, Iterations(1)).state.levels[1].log
    assert (log.asked, log.taken) == (1, 0)
    log = minimise(problem, problem.start(), solver, Iterations(1)).state.levels[1].log
    assert (log.asked, log.taken, log.accepted) == (1, 1, 1)


def test_corrections_through_a_line_search_reach_what_halving_reaches() -> None:
    problem = Springs(6)
    shortened = cycles_of(levels(4))
    searched = replace(shortened, acceptance=LineSearched())
    values = [minimise(problem, problem.start(), one, Iterations(5)).iterate for one in (shortened, searched)]
    torch.testing.assert_close(values[0].theta, values[1].theta, rtol=1e-12, atol=1e-12)


def test_where_nothing_lowers_f_the_run_ends() -> None:
    problem = Springs(4)
    solver = Multilevel((), Smoothing(DampedJacobi(), 0, 0))
    assert minimise(problem, problem.start(), solver, Iterations(5)).status is Status.SEARCH_FAILED


def test_without_a_coarse_problem_it_is_the_smoother() -> None:
    problem = Plain()
    solver = Multilevel((CoarseLevel(Halved()),), Smoothing(LBFGS(5), 1, 0))
    found, alone = (minimise(problem, vector(4, 1), one, Iterations(4)).iterate for one in (solver, LBFGS(5)))
    assert torch.equal(found.theta, alone.theta)


def test_nested_iteration_begins_from_below() -> None:
    """Full multigrid brings the error to that of discretisation, in less work than cycles from the same start."""
    load = 2.0**-7 * torch.ones(127, dtype=torch.float64)
    problem = Springs(7, load)
    exact = torch.linalg.solve(problem.A, load)
    start = problem.start()
    multilevel = cycles_of(levels(5))
    fmg = minimise(problem, start, full_multigrid(multilevel), Iterations(1))
    error = float((fmg.iterate.theta - exact).norm() / exact.norm())
    assert error < 1e-2
    plain_cycles = minimise(problem, start, multilevel, Work(fmg.counts.work))
    assert error < 0.2 * float((plain_cycles.iterate.theta - exact).norm() / exact.norm())


def test_a_cascade_is_refused_where_f_is_lower_already() -> None:
    problem = Springs(6)
    start = 1e-9 * problem.start()
    bad: AbstractCoarsening = Useless()
    solver = NestedIteration((NestedLevel(bad, Local(LBFGS(5), 5)),), LBFGS(5))
    found, alone = (minimise(problem, start, one, Iterations(3)) for one in (solver, LBFGS(5)))
    assert torch.equal(found.iterate.theta, alone.iterate.theta)
    assert found.counts.work > alone.counts.work
    assert minimise(problem, start, LBFGS(5), Iterations(1)).state is not None


def test_settings_and_states_become_plain_data() -> None:
    problem = Springs(5)
    solver = replace(useless(Paying(window=1, retry=2)), levels=())
    assert plain.decode(plain.encode(solver), "here") == solver
    meter = Meter()
    result = minimise(metered(problem, meter), problem.start(), useless(Paying(2)), Iterations(3))
    assert plain.is_complete(plain.encode(result.state))


def test_levels_below_one_that_is_left_out_wait_and_one_at_a_time_is_on_trial() -> None:
    problem, rule = Springs(6), Paying(window=3)
    solver = replace(useless(rule), levels=useless(rule).levels * 2)
    begin = problem.at(problem.start())
    fresh = solver.init(problem, begin)

    def after(first: Payoff, second: Payoff) -> tuple[Payoff, Payoff]:
        finest, upper, lower = fresh.levels
        levels = finest, replace(upper, payoff=first), replace(lower, payoff=second)
        _, state, _ = solver.step(problem, begin, replace(fresh, levels=levels))
        return state.levels[1].payoff, state.levels[2].payoff

    upper, lower = after(Payoff(off=9), Payoff(off=2))
    assert (upper.off, lower.off) == (10, 2)
    poor = Payoff(used=((0.0, 1.0, 1.0, 1.0, 1.0, 2.0),) * 3)
    upper, lower = after(poor, poor)
    assert (upper.off, lower.off) == (0, 1)  # the coarser one first
    upper, lower = after(poor, Payoff(off=4))
    assert (upper.off, lower.off) == (1, 5)
