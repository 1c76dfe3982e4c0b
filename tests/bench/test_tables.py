"""The tables of a comparison, and the paper's ratios beside ours, from numbers made by hand."""

from __future__ import annotations

import pytest
from bench_runs import TINY, made, plan

from pinnml.bench import Plan, Trial, paper, spread
from pinnml.bench.table import cell, table
from pinnml.cli.catalogue import SOLVERS
from pinnml.network import ResNet

RUNS = [
    made([(1.0, 5e-1), (12.0, 8e-3), (60.0, 2e-4)], seed=0),
    made([(1.0, 5e-1), (8.0, 9e-3), (60.0, 4e-3)], seed=1),
    made([(1.0, 5e-1), (20.0, 7e-3), (60.0, 6e-5)], seed=2),
    made([(1.0, 5e-1), (60.0, 3e-1)], "adam"),
]


def line(text: str, title: str, solver: str) -> list[str]:
    """The cells of a solver in the table under a title."""
    part = text.split(f"### {title}")[1].split("###")[0]
    found = next(one for one in part.splitlines() if one.startswith(f"| {solver} |"))
    return [entry.strip() for entry in found.strip("|").split("|")]


def test_a_table_has_medians_ranges_and_what_was_not_reached() -> None:
    text = table(plan(command="pinnml bench poisson"), RUNS)
    assert line(text, "Seconds", "lbfgs") == ["lbfgs", "12 (8 – 20)", "60 (2 of 3)", "1 of 3", "–", "–"]
    assert line(text, "Work units", "lbfgs")[:2] == ["lbfgs", "120 (80 – 200)"]
    assert line(text, "Seconds", "adam") == ["adam", "–", "–", "–", "–", "–"]
    errors = line(text, "Relative L2 error", "lbfgs")
    assert errors[1] == "5.0e-01 (9.0e-03 – 5.0e-01)"  # after 10 s
    assert errors[-1] == "2.0e-04 (6.0e-05 – 4.0e-03)"
    assert "`pinnml bench poisson`" in text and "4 of 6 runs done" in text
    assert "| solver | 10 s | 30 s | 60 s | end | best |" in text


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1.5], "1.5"),
        ([None], "–"),
        ([1234.5, 99.96, 250.0], "250 (100 – 1,234)"),
        ([2.0, None, 1.0], "2 (2 of 3)"),
        ([2.0, None], "1 of 2"),
    ],
)
def test_a_cell_says_how_many_runs_it_is_about(values: list[float | None], shown: str) -> None:
    assert cell(spread(values), len(values)) == shown


def to_target(solver: str, seconds: list[float], error: float = 1e-3) -> list[Trial]:
    """Runs of a solver, seed by seed, that reach an error after these seconds."""
    return [made([(0.5, 1.0), (at, error)], solver, seed) for seed, at in enumerate(seconds)]


def test_ratios_are_those_of_the_median_times_to_lbfgs_best_error() -> None:
    ends = [(40.0, 2e-3), (50.0, 1e-3), (60.0, 5e-4)]
    baseline = [made([(0.5, 1.0), end], paper.BASELINE, seed) for seed, end in enumerate(ends)]
    assert paper.target(baseline) == 1e-3
    assert paper.target(baseline[:2]) == 2e-3  # the upper one, which both have reached
    first = paper.reached(baseline, 1e-3)
    other = paper.reached(to_target("mspqn", [4.0, 5.5, 11.0]), 1e-3)
    assert (first.seconds.median, first.seconds.reached) == (60.0, 2)
    assert paper.ratio(first.seconds, other.seconds) == pytest.approx(60 / 5.5)
    never = paper.reached(to_target("aspqn", [4.0, 5.5, 11.0], error=2e-3), 1e-3)
    assert paper.ratio(first.seconds, never.seconds) is None


def test_the_papers_ratios_are_quotients_of_its_minutes() -> None:
    assert paper.PUBLISHED["burgers"].ratio("mspqn") == pytest.approx(558.5 / 40.7)
    assert paper.PUBLISHED["burgers"].ratio(paper.BASELINE) == 1
    assert paper.PUBLISHED["burgers"].ratio("adam") is None
    assert paper.PUBLISHED["diffusion-advection"].ratio("mspqn") is None


def test_the_papers_depth_counts_first_and_last_layer() -> None:
    networks = {name: published.network for name, published in paper.PUBLISHED.items()}
    assert networks["burgers"] == ResNet(width=20, blocks=6)
    bound = networks["klein-gordon"].bind(["t", "x"], [0.0, -1.0], [12.0, 1.0], 1)
    assert len(bound.blocks) == 6


def test_paper_md_puts_our_ratios_beside_the_published_ones() -> None:
    solvers = {name: SOLVERS["lbfgs"] for name in paper.SOLVERS}
    networks = {"burgers": TINY, "diffusion-advection": TINY, "klein-gordon": TINY}
    compared = Plan(networks, solvers)
    runs = [
        made([(0.5, 1.0), (60.0, 1e-3)], paper.BASELINE, problem="burgers"),
        made([(0.5, 1.0), (5.0, 1e-3)], "mspqn", problem="burgers"),
        made([(0.5, 1.0), (60.0, 2e-3)], "aspqn", problem="burgers"),
        made([(0.5, 1.0), (60.0, 3e-1)], paper.BASELINE, problem="diffusion-advection"),
    ]
    text = paper.comparison(compared, runs)
    assert "| lbfgs-3 | 60 | 600 | 1 | 1 | 1 | 558.5 min |" in text
    assert "| mspqn | 5 | 50 | 12 | 12 | 13.7 | 40.7 min |" in text
    assert "| aspqn | – | – | – | – | 38.8 | 14.4 min on 8 GPUs |" in text
    assert "best error within 60 s is 3.0e-01; in the paper it stalls." in text
    assert text.endswith("No run of L-BFGS is complete.\n")
