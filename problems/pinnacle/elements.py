"""Spectral elements on squares: tensor products of lines of Gauss–Lobatto–Legendre points (Patera 1984)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .coefficients import TABLE, conductivity, hump, speed

Array = np.ndarray


@dataclass(frozen=True)
class Line:
    """Elements between `edges` with nodes (n,), masses (n,) by their own quadrature, and stiffness ∫φ′φ′ (n, n)."""

    edges: Array
    degree: int
    nodes: Array
    mass: Array
    stiffness: Array

    def interpolation(self, at: Array) -> Array:
        """Return the matrix (m, n) from values at the nodes to values at points (m,)."""
        unit, _ = lobatto(self.degree)
        number = np.clip(np.searchsorted(self.edges, at, side="right") - 1, 0, len(self.edges) - 2)
        local = 2 * (at - self.edges[number]) / np.diff(self.edges)[number] - 1
        matrix = np.zeros((len(at), len(self.nodes)))
        for node in range(self.degree + 1):
            others = np.delete(unit, node)
            value = np.prod((local[:, None] - others) / (unit[node] - others), axis=1)
            matrix[np.arange(len(at)), number * self.degree + node] = value
        return matrix


def lobatto(degree: int) -> tuple[Array, Array]:
    """Return the Gauss–Lobatto–Legendre points on (−1, 1) and their weights, (degree + 1,) each."""
    last = np.polynomial.legendre.Legendre.basis(degree)
    points = np.concatenate([[-1.0], np.sort(last.deriv().roots().real), [1.0]])
    return points, 2 / (degree * (degree + 1) * last(points) ** 2)


def line(low: float, high: float, elements: int, degree: int) -> Line:
    """Return equal elements of a degree between two ends."""
    unit, weights = lobatto(degree)
    edges = np.linspace(low, high, elements + 1)
    half = (high - low) / elements / 2
    last = np.polynomial.legendre.Legendre.basis(degree)(unit)
    slopes = last[:, None] / last / (unit[:, None] - unit + np.eye(degree + 1))  # φ′ of each node at each (Canuto 1988)
    np.fill_diagonal(slopes, 0.0)
    np.fill_diagonal(slopes, -slopes.sum(axis=1))
    count = elements * degree + 1
    nodes, mass, stiffness = np.zeros(count), np.zeros(count), np.zeros((count, count))
    for element in range(elements):
        part = slice(element * degree, (element + 1) * degree + 1)
        nodes[part] = edges[element] + half * (unit + 1)
        mass[part] += half * weights
        stiffness[part, part] += slopes.T @ (weights[:, None] * slopes) / half
    return Line(edges, degree, nodes, mass, stiffness)


def by_blocks(x: Array, y: Array, degree: int = 24) -> tuple[Array]:
    """Return u of Poisson2d-MS on a grid, shape (x, y): one element a block, by fast diagonalisation.

    −Δu = f/a jumps between blocks: u has singularities like r² log r where four of them meet, and is smooth elsewhere.
    """
    side = line(-10, 10, len(TABLE), degree)
    root = np.sqrt(side.mass)
    robin = side.stiffness.copy()
    robin[0, 0] += 1
    robin[-1, -1] += 1
    values, vectors = np.linalg.eigh(robin / root / root[:, None])
    unit, weights = lobatto(degree)
    even, odd = np.zeros((2, len(TABLE), len(side.nodes)))
    for block in range(len(TABLE)):  # ∫φ and ∫φ sin πξ of every block
        part = slice(block * degree, (block + 1) * degree + 1)
        even[block, part] = 2 * weights  # half the length of a block is 2
        odd[block, part] = 2 * weights * np.sin(math.pi * (unit + 1) / 2)
    a, constant, wave = np.moveaxis(TABLE, -1, 0)
    load = even.T @ (constant / a) @ even + odd.T @ (wave / a) @ odd
    inner = vectors.T @ (load / root / root[:, None]) @ vectors / (values[:, None] + values)
    solution = vectors @ inner @ vectors.T / root / root[:, None]
    return (side.interpolation(x) @ solution @ side.interpolation(y).T,)


def varying(t: Array, x: Array, y: Array, elements: int = 8, degree: int = 8, modes: int = 120) -> tuple[Array]:
    """Return u of Heat2d-VC on a grid, shape (t, x, y), whose times are 0 and from 0.1 on.

    u = Im(w e^{iπt}) + what decays, the first by one complex system, the second by the slowest `modes`.
    """
    from scipy.sparse import csc_array, diags_array, kron
    from scipy.sparse.linalg import eigsh, spsolve

    side = line(0, 1, elements, degree)
    inner = slice(1, -1)
    stiff, mass, nodes = side.stiffness[inner, inner], side.mass[inner], side.nodes[inner]
    energy = csc_array(kron(stiff, np.diag(mass)) + kron(np.diag(mass), stiff))
    weight = np.outer(mass, mass) / conductivity(nodes[:, None], nodes[None, :], np)
    source = 200 * np.outer(np.sin(math.pi * nodes), np.sin(5 * math.pi * nodes)) * weight
    swinging = spsolve(csc_array(energy + diags_array(1j * math.pi * weight.ravel())), source.ravel().astype(complex))
    rates, vectors = eigsh(energy, modes, diags_array(weight.ravel()).tocsc(), sigma=0.0)
    start = -vectors.T @ (weight.ravel() * swinging.imag)
    states = np.imag(np.exp(1j * math.pi * t)[:, None] * swinging) + np.exp(-t[:, None] * rates) * start @ vectors.T
    states[t == 0] = 0
    full = np.zeros((len(t), len(side.nodes), len(side.nodes)))
    full[:, inner, inner] = states.reshape(len(t), len(nodes), len(nodes))
    return (side.interpolation(x) @ full @ side.interpolation(y).T,)


def waves(t: Array, x: Array, y: Array, elements: int = 20, degree: int = 7, step: float = 1 / 1000) -> tuple[Array]:
    """Return u of Wave2d-CG on a grid, shape (t, x, y), whose times are multiples of `step`.

    By leapfrog steps of order four (Dablain 1986): u⁺ = 2u − u⁻ + τ²Lu + τ⁴/12 L²u.
    """
    side = line(-1, 1, elements, degree)
    second = -side.stiffness / side.mass[:, None]
    c = speed(side.nodes[:, None], side.nodes[None, :], np)

    def change(u: Array) -> Array:
        first = c * (second @ u + u @ second.T)
        return step**2 * first + step**4 / 12 * c * (second @ first + first @ second.T)

    at_x, at_y = side.interpolation(x), side.interpolation(y)
    u = hump(side.nodes[:, None], side.nodes[None, :], np)
    before, states, wanted = u + change(u) / 2, [], np.rint(t / step).astype(int)
    for number in range(wanted[-1] + 1):
        if number in wanted:
            states.append(at_x @ u @ at_y.T)
        u, before = 2 * u - before + change(u), u
    return (np.stack(states),)
