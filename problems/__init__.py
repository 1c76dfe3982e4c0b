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
    "eikonal": ("eikonal", "eikonal"),
    "gray-scott": ("gray_scott", "gray_scott"),
    "lid-driven-cavity": ("cavity", "lid_driven_cavity"),
    "taylor-green": ("vortices", "taylor_green"),
    "beltrami": ("vortices", "beltrami"),
    "cylinder": ("cylinder", "cylinder"),
    "plate-with-hole": ("elasticity", "plate_with_hole"),
    "pinnacle/burgers1d-c": ("pinnacle.burgers", "burgers1d_c"),
    "pinnacle/burgers2d-c": ("pinnacle.burgers", "burgers2d_c"),
    "pinnacle/poisson2d-c": ("pinnacle.poisson", "poisson2d_c"),
    "pinnacle/poisson2d-cg": ("pinnacle.poisson", "poisson2d_cg"),
    "pinnacle/poisson3d-cg": ("pinnacle.poisson", "poisson3d_cg"),
    "pinnacle/poisson2d-ms": ("pinnacle.poisson", "poisson2d_ms"),
    "pinnacle/heat2d-vc": ("pinnacle.heat", "heat2d_vc"),
    "pinnacle/heat2d-ms": ("pinnacle.heat", "heat2d_ms"),
    "pinnacle/heat2d-cg": ("pinnacle.heat", "heat2d_cg"),
    "pinnacle/heat2d-lt": ("pinnacle.heat", "heat2d_lt"),
    "pinnacle/ns2d-c": ("pinnacle.navier_stokes", "ns2d_c"),
    "pinnacle/ns2d-cg": ("pinnacle.navier_stokes", "ns2d_cg"),
    "pinnacle/ns2d-lt": ("pinnacle.navier_stokes", "ns2d_lt"),
    "pinnacle/wave1d-c": ("pinnacle.wave", "wave1d_c"),
    "pinnacle/wave2d-cg": ("pinnacle.wave", "wave2d_cg"),
    "pinnacle/wave2d-ms": ("pinnacle.wave", "wave2d_ms"),
    "pinnacle/gs": ("pinnacle.chaotic", "grayscott"),
    "pinnacle/ks": ("pinnacle.chaotic", "kuramoto"),
    "pinnacle/pnd": ("pinnacle.poisson", "poisson_nd"),
    "pinnacle/hnd": ("pinnacle.heat", "heat_nd"),
    "pinnacle/pinv": ("pinnacle.inverse", "poisson_inv"),
    "pinnacle/hinv": ("pinnacle.inverse", "heat_inv"),
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
