"""What a run is known by: what was solved, how far it has come, and why it ended; for terminals and for notebooks."""

from __future__ import annotations

from html import escape

from pinnml.setup import Run


def facts(run: Run) -> dict[str, str]:
    """Return what there is to say of a run by name, each in a few words."""
    problem, result, last = run.problem, run.result, run.history[-1]
    some = problem.vocabulary.coordinates_of
    rest = ", ".join(field for field in problem.fields if field not in some)
    whole = [f"{rest}({', '.join(problem.domain.names)})"] if rest else []
    fields = [*whole, *(f"{field}({', '.join(own)})" for field, own in some.items())]
    known = {
        "solution": f"{', '.join(fields)} of {problem.name!r}",
        "parameters": f"{run.network.parameters:,}",
        "time": f"{result.seconds:.1f} s",
        "iterations": str(result.nit),
        "loss": f"{last.loss:.2e}",
    }
    if last.relative_l2 is not None:
        known["relative L2 error"] = f"{last.relative_l2:.2e}"
    if run.estimate is not None:
        doubt = "" if run.estimate.trustworthy else ", in doubt"
        known["estimated"] = f"{run.estimate.largest:.1e}{doubt}"
    if last.parameters:
        known["learned"] = ", ".join(f"{name} = {value:.6g}" for name, value in last.parameters.items())
    return known | {"end": result.message}


def in_three_lines(run: Run) -> str:
    """Return what was solved by what, how far it has come, and why it ended."""
    known = facts(run)
    told = ("loss", "relative L2 error", "estimated", "learned")
    errors = ", ".join(f"{name} {known[name]}" for name in told if name in known)
    return (
        f"{known['solution']}, {known['parameters']} parameters\n"
        f"{known['time']}, {known['iterations']} iterations: {errors}\n{known['end']}"
    )


def as_html(run: Run) -> str:
    """Return the same as a table for notebooks."""
    rows = (f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts(run).items())
    return f"<table>{''.join(rows)}</table>"
