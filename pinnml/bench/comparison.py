"""The comparison itself: one run after another in one process, everything written as soon as it is known."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from pinnml.bench.plan import Job, Plan, jobs
from pinnml.bench.record import claim, draw, earlier, write
from pinnml.bench.table import table
from pinnml.bench.trial import Trial, trial_of
from pinnml.optim import Status
from pinnml.report import ProgressLine
from pinnml.run import solve
from pinnml.setup import HistoryRow

Report = Callable[[Plan, Sequence[Trial]], str]
"""A text in Markdown on the runs so far."""

TABLE: dict[str, Report] = {"table.md": table}


def race(
    plan: Plan,
    folder: str | os.PathLike[str],
    watch: Callable[[str], ProgressLine],
    reports: Mapping[str, Report] = TABLE,
    resumed: bool = False,
) -> list[Trial]:
    """Do all runs of a plan and return them; `watch` gives the progress line of a run of that title.

    After every run its history, times.json and the reports are written into the folder, in the end the figures. An
    interrupt from the keyboard ends the comparison: the run that it ends half way is kept, with its status, and left
    out of all medians. With `resumed` the runs of the same plan that the folder holds are not run again. Raises
    `DeclarationError` for a folder that cannot be written, or holds a comparison already, or another one.
    """
    path = claim(folder, resumed)
    todo = jobs(plan)
    runs = earlier(path, plan) if resumed else []
    done = {run.job for run in runs}
    try:
        for number, job in enumerate(todo, 1):
            if job in done:
                continue
            title = f"{job.problem} {job.solver} seed {job.seed} ({number}/{len(todo)})"
            with watch(title) as line:
                runs.append(_run(plan, job, line.update))
            write(path, plan, runs, reports)
            if runs[-1].status is Status.INTERRUPTED:
                break
    except KeyboardInterrupt:
        pass  # outside of training; what is finished stays, and whoever asked sees that runs are missing
    finally:
        if runs:
            write(path, plan, runs, reports)  # once more: the interrupt may have come while it was written
            draw(path, plan, runs)
    return runs


def _run(plan: Plan, job: Job, callback: Callable[[HistoryRow], None]) -> Trial:
    recipe = plan.recipe(job.problem, job.solver)
    solution = solve(
        plan.problem(job.problem),
        plan.networks[job.problem],
        recipe.solver,
        points=plan.points,
        refine=recipe.refine,
        seconds=plan.seconds,
        seed=job.seed,
        device=plan.device,
        dtype=plan.dtype,
        callback=callback,
        progress=False,  # the comparison has its own
    )
    callback(solution.history[-1])  # by now with its error
    return trial_of(solution, job, plan.seconds)
