"""The comparison as text in Markdown: medians, with ranges where there are several runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pinnml.bench.measure import MARKS, THRESHOLDS, Spread, Summary, summary
from pinnml.bench.plan import Plan
from pinnml.bench.record import machine
from pinnml.bench.trial import Trial, complete

NOTES = """\
Medians over the seeds, with the range in brackets. An error is reached at the first scored iterate that is as good;
the error at a time is that of the iterate held then, not the best so far. "2 of 3" says how many runs reached an
error, where not all did; "–" that none did, or that no run was that long. Scoring takes a hundredth of a run's time,
so that short runs are scored coarsely. One work unit is one loss with gradient of the whole network on all points that
the solver has at that time.
"""


def table(plan: Plan, runs: Sequence[Trial]) -> str:
    """Return the tables of a comparison: seconds and work to errors, errors at times, and how the runs ended."""
    lines = ["# Solvers compared", "", *setting(plan, runs), "", NOTES]
    for problem in plan.networks:
        found = {solver: complete(runs, problem, solver) for solver in plan.recipes}
        summaries = {solver: summary(chosen) for solver, chosen in found.items() if chosen}
        if summaries:
            parameters = next(run.parameters for run in runs if run.job.problem == problem)
            lines += [f"## {problem}", "", *_problem(plan, problem, parameters), "", *_tables(summaries)]
    return "\n".join(lines)


def number(value: float) -> str:
    """Return a time or a count in three digits, from 100 on without a fraction."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def error(value: float) -> str:
    """Return an error or a loss in two digits."""
    return f"{value:.1e}"


def cell(found: Spread, runs: int, text: Callable[[float], str] = number) -> str:
    """Return a spread as "median (low – high)", "2 of 3" for what not all runs reached, "–" for none."""
    if not found.reached:
        return "–"
    part = "" if found.reached == runs else f"{found.reached} of {runs}"
    if found.median is None or found.low is None:
        return part
    behind = part
    if runs > 1 and found.high is not None:
        behind = f"{text(found.low)} – {text(found.high)}"
    return text(found.median) + (f" ({behind})" if behind else "")


def rows(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, and an empty one."""
    lines = [header, ["---"] * len(header), *body]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def setting(plan: Plan, runs: Sequence[Trial]) -> list[str]:
    """Return the lines that say what was run, by which command, and on what machine."""
    facts = machine(plan, runs)
    done = len(runs)
    planned = len(plan.networks) * len(plan.recipes) * len(plan.seeds)
    lines = [f"`{plan.command}`", ""] if plan.command else []
    seeds = ", ".join(str(seed) for seed in plan.seeds)
    return [
        *lines,
        f"{plan.seconds:g} s a run, seeds {seeds}, {done} of {planned} runs done; {facts['cpus']} CPUs, "
        f"{facts['threads']} threads, device {facts['device']}, {facts['dtype']}, torch {facts['torch']}, "
        f"pinnml {facts['version']}, {facts['platform']}.",
    ]


def _problem(plan: Plan, problem: str, parameters: int) -> list[str]:
    reference = plan.problem(problem).reference
    known = f"; the reference is good to {reference.accuracy:.0e}" if reference is not None else ""
    return [f"`{plan.networks[problem]!r}`, {parameters:,} parameters; `{plan.points!r}`{known}."]


def _tables(found: dict[str, Summary]) -> list[str]:
    lines = []
    for title, name in (("Seconds", "seconds_to"), ("Work units", "work_to")):
        body = [
            [solver, *(cell(getattr(one, name)[limit], one.runs) for limit in THRESHOLDS)]
            for solver, one in found.items()
        ]
        lines += [f"### {title} to a relative L2 error", "", *rows(["solver", *THRESHOLDS], body)]
    marks = [mark for mark in MARKS if any(one.error_at[mark].reached for one in found.values())]
    body = [
        [
            solver,
            *(cell(one.error_at[mark], one.runs, error) for mark in marks),
            cell(one.final_error, one.runs, error),
            cell(one.best_error, one.runs, error),
        ]
        for solver, one in found.items()
    ]
    header = ["solver", *(f"{mark} s" for mark in marks), "end", "best"]
    lines += ["### Relative L2 error after", "", *rows(header, body)]
    body = [
        [
            solver,
            cell(one.loss, one.runs, error),
            *(cell(getattr(one, name), one.runs) for name in ("seconds", "work", "iterations")),
            *(cell(count, one.runs) for count in one.evaluations.values()),
        ]
        for solver, one in found.items()
    ]
    kinds = next(iter(found.values())).evaluations
    header = ["solver", "loss", "seconds", "work", "iterations", *kinds]
    return [*lines, "### At the end", "", *rows(header, body)]
