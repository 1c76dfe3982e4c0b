"""The bundled problems by name: `get("burgers")` returns a ready `Problem` with its reference solution."""

from __future__ import annotations

from importlib import import_module

from pinnml.problem import DeclarationError, Problem, suggestion

__all__ = ["get", "names"]

_FUNCTIONS = {
    "poisson": ("poisson", "poisson_2d"),
    "poisson-multiscale": ("poisson", "poisson_multiscale"),
    "poisson-3d": ("poisson", "poisson_3d"),
    "burgers": ("burgers", "burgers"),
    "allen-cahn": ("allen_cahn", "allen_cahn"),
    "allen-cahn-periodic": ("allen_cahn", "allen_cahn_periodic"),
    "allen-cahn-kinked": ("allen_cahn", "allen_cahn_kinked"),
    "diffusion-advection": ("diffusion_advection", "diffusion_advection"),
    "klein-gordon": ("klein_gordon", "klein_gordon"),
    "heat": ("heat", "heat"),
    "helmholtz": ("helmholtz", "helmholtz"),
    "wave": ("wave", "wave"),
    "kovasznay": ("kovasznay", "kovasznay"),
    "korteweg-de-vries": ("korteweg_de_vries", "korteweg_de_vries"),
    "schroedinger": ("schroedinger", "schroedinger"),
}
"""Name -> (module of this package, function without required arguments); modules are imported on demand."""


def names() -> tuple[str, ...]:
    """Return the names of all bundled problems."""
    return tuple(_FUNCTIONS)


def get(name: str) -> Problem:
    """Return the bundled problem of that name.

    Parameters
    ----------
    name : str
        One of `names()`, such as "burgers".

    Returns
    -------
    Problem
        The problem with its standard parameters and its reference.

    Raises
    ------
    DeclarationError
        For an unknown name; the message has the nearest one.
    """
    if name not in _FUNCTIONS:
        raise DeclarationError(f"Unknown problem {name!r}", "problems.get", suggestion(str(name), names()))
    module, function = _FUNCTIONS[name]
    problem: Problem = getattr(import_module(f".{module}", __name__), function)()
    return problem
