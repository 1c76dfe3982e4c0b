"""The declaration of a problem: domain, fields, parameters, conditions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch

from pinnml.errors import DeclarationError, Finding, finite, shown, suggestion
from pinnml.problem.boundary import Derivative, Value
from pinnml.problem.check import check_declaration, check_reference
from pinnml.problem.conditions import AbstractCondition, Periodic, Term
from pinnml.problem.data import alike
from pinnml.problem.domain import AbstractDomain
from pinnml.problem.field import Field, coordinates_of, names_of
from pinnml.problem.lifting import FieldLifting, Lifting, bind_lifting
from pinnml.problem.reference import Reference
from pinnml.problem.unknown import Unknown
from pinnml.problem.vectors import vectors_of
from pinnml.problem.vocabulary import Vocabulary


class Problem:
    """A boundary- or initial-value problem on a domain, declared by argument names.

    Conditions in `hard` hold by construction through u = g + ℓN: for `Value` on faces of a box, with a `Derivative`
    across the same face such as an initial velocity, g and ℓ are derived, for other conditions hand over a `Lifting`;
    a hard `Periodic` relies on a periodic embedding of the network. The others are penalty terms.

    Parameters
    ----------
    domain : AbstractDomain
        Where the fields are sought, such as `Box(t=(0, 1), x=(-1, 1))`, in the user's own units.
    fields : sequence of str and Field
        The names of the unknown fields; `Field("a", of=["x"])` for one that depends on some of the coordinates only.
    conditions : mapping of str to AbstractCondition
        The equation and all else that the fields fulfil, by a name for each: `Interior`, `Value`, `Derivative`,
        `Boundary`, `Interface`, `Volterra`, `Integral`, `Periodic`, `Data` and `Tikhonov`.
    parameters : mapping of str to float or Unknown, default {}
        Numbers that residuals and values may name, in the user's own units; those that are `Unknown` are learned.
    hard : collection of str, default ()
        The names of the conditions that hold by construction.
    lifting : Lifting, optional
        g and ℓ of the fields for which they are not to be derived.
    reference : Reference, optional
        The known solution, with which errors are computed.
    vectors : sequence of sequences of str, optional
        Fields that are the components of a vector along the coordinates of space, to be drawn as arrows; without it
        u, v (and w), where there are as many as these coordinates. () for none.
    name : str, default "problem"
        What the run is called in files and tables.
    description : str, default ""
        The equation in a line, for people.

    Raises
    ------
    DeclarationError
        For a wrong name, part of the boundary, shape or value.
    """

    def __init__(
        self,
        domain: AbstractDomain,
        fields: Sequence[str | Field],
        *,
        conditions: Mapping[str, AbstractCondition],
        parameters: Mapping[str, float | Unknown] = MappingProxyType({}),
        hard: Collection[str] = (),
        lifting: Lifting | None = None,
        reference: Reference | None = None,
        vectors: Sequence[Sequence[str]] | None = None,
        name: str = "problem",
        description: str = "",
    ) -> None:
        if not isinstance(domain, AbstractDomain):
            raise DeclarationError(f"domain is a {type(domain).__name__}", "Problem", "give a Box(x=(0, 1), …)")
        if not (isinstance(name, str) and name.isprintable() and isinstance(description, str)):
            what = f"name is {shown(name)}, description {shown(description)}"
            raise DeclarationError(what, "Problem", "give texts, and a name of one line")
        if not isinstance(reference, Reference | None):
            remedy = "give a Reference({'u': …}, {'x': 101}, source, accuracy), or None"
            raise DeclarationError(f"reference is {shown(reference)}", "Problem", remedy)
        self.domain = domain
        given = () if isinstance(fields, str) or not isinstance(fields, Iterable) else tuple(fields)
        self.fields: tuple[str, ...] = names_of(given)
        if not self.fields:
            raise DeclarationError(f"fields is {fields!r}", "Problem", "give a list of names such as ['u']")
        self.parameters = {key: _parameter(key, value) for key, value in _mapping("parameters", parameters).items()}
        self.conditions = dict(_mapping("conditions", conditions))
        self.hard = frozenset(hard if isinstance(hard, Iterable) and not isinstance(hard, str) else [hard])
        self.reference = reference
        self.name = name
        self.description = description
        self.vocabulary = Vocabulary(
            domain.names, self.fields, self.parameters, coordinates_of=coordinates_of(given, domain.names)
        )
        self.vectors = vectors_of(vectors, self.fields, [name for name in domain.names if name != "t"])
        self.terms: dict[str, Term] = self._bind_terms()
        self._check_unknowns()
        self._check_hard(lifting)
        hard_conditions = {key: self.conditions[key] for key in self.conditions if key in self.hard}
        self.liftings: tuple[FieldLifting, ...] = bind_lifting(lifting, hard_conditions, domain, self.vocabulary)

    def _bind_terms(self) -> dict[str, Term]:
        if not self.conditions:
            raise DeclarationError("conditions is empty", "Problem", "give at least one Interior(residual)")
        terms = {}
        for name, condition in self.conditions.items():
            if not (isinstance(name, str) and name.strip() and name.isprintable()):
                raise DeclarationError(f"{name!r} is no name", "conditions", "give each condition one line of text")
            if not isinstance(condition, AbstractCondition):
                what, remedy = (
                    f"A {type(condition).__name__} is no condition",
                    "use Interior, Value, Derivative, Boundary, Periodic or Data, or Integral, Interface or Volterra",
                )
                raise DeclarationError(what, f"condition {name!r}", remedy)
            terms[name] = condition.bind(name, self.domain, self.vocabulary)
        noisy = any(term.noisy for term in terms.values())
        for name, term in terms.items():
            if term.prior and term.balanced and not noisy:
                what = "The weight of a prior is found by the noise of measurements, and none has a sigma"
                raise DeclarationError(what, f"condition {name!r}", "give weight=…, or Data(…, sigma=…)")
        return terms | alike(terms)

    def _check_unknowns(self) -> None:
        for number, name in enumerate(self.unknowns):
            known = [term for term in self.terms.values() if number in {symbol.number for symbol in term.unknowns}]
            if not known:
                what, remedy = f"No condition names the Unknown {name!r}", "name it in a residual, or leave it out"
                raise DeclarationError(what, "parameters", remedy)
            for term in known:
                if term.name in self.hard:
                    what, remedy = f"Its value depends on the Unknown {name!r}", "leave it out of hard"
                    raise DeclarationError(what, f"hard condition {term.name!r}", remedy)

    def _check_hard(self, lifting: Lifting | None) -> None:
        if lifting is not None and not isinstance(lifting, Lifting):
            raise DeclarationError(f"lifting is a {type(lifting).__name__}", "Problem", "give Lifting(u=(g, l))")
        lifted = set(lifting.fields) if lifting is not None else set()
        for name in sorted(self.hard, key=str):
            if name not in self.conditions:
                raise DeclarationError(f"Unknown condition {name!r}", "hard", suggestion(name, self.conditions))
            where = f"hard condition {name!r}"
            if name in self.equations:
                raise DeclarationError("No lifting makes an equation hold", where, "leave it out of hard")
            needed = {self.fields[symbol.field] for symbol in self.terms[name].derivatives}
            for symbol in self.terms[name].derivatives:
                for part in self.terms[name].region.parts:
                    axes = self.domain.axes_of(part)
                    self.vocabulary.check_along(symbol.field, axes, f"The part {part!r} of the boundary", where)
            if not isinstance(self.conditions[name], Value | Derivative | Periodic) and not needed <= lifted:
                what = f"No lifting can be derived for a {type(self.conditions[name]).__name__} condition"
                raise DeclarationError(what, where, "hand over lifting=Lifting(u=(g, l)), or leave it out of hard")
        if not self.soft_terms:
            raise DeclarationError("Every condition is hard", "Problem", "leave the equation itself out of hard")

    @property
    def unknowns(self) -> dict[str, Unknown]:
        """The parameters that are learned, by name, in the order in which θ ends with them."""
        return self.vocabulary.unknowns

    @property
    def axes(self) -> tuple[tuple[int, ...], ...]:
        """The coordinates that each field depends on, by their axes."""
        return tuple(self.vocabulary.axes(number) for number in range(len(self.fields)))

    @property
    def is_even(self) -> bool:
        """Whether every field depends on all coordinates."""
        return not self.vocabulary.coordinates_of

    @property
    def equations(self) -> dict[str, Term]:
        """The terms that hold at any point of the domain, so that their points may follow the residual."""
        return {name: term for name, term in self.terms.items() if term.is_equation}

    @property
    def soft_terms(self) -> dict[str, Term]:
        """The terms that enter the loss."""
        return {name: term for name, term in self.terms.items() if name not in self.hard}

    @property
    def hard_terms(self) -> dict[str, Term]:
        """The terms that hold by construction."""
        return {name: term for name, term in self.terms.items() if name in self.hard}

    def check(self) -> list[Finding]:
        """Try every function of the declaration at a few points, and compare the conditions with the equation.

        Returns
        -------
        list of Finding
            What is wrong or suspicious, where, and how to mend it. Fatal findings stop a solve before training; the
            others are warnings.
        """
        with torch.inference_mode(False):
            found = check_declaration(self.domain, self.vocabulary, self.terms, self.hard, self.liftings)
        return found + check_reference(self.domain, self.vocabulary, self.reference)

    def __repr__(self) -> str:
        kinds = ", ".join(f"{name}: {type(condition).__name__}" for name, condition in self.conditions.items())
        return f"Problem({self.name!r}, {self.domain}, fields={self.vocabulary.described}, conditions={{{kinds}}})"


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DeclarationError(f"{name} is a {type(value).__name__}", "Problem", "give a dictionary by name")
    return value


def _parameter(name: str, value: Any) -> float | Unknown:
    if isinstance(value, Unknown):
        return value
    number = finite(value)
    if number is None:
        raise DeclarationError(f"The parameter {name!r} is {value!r}", "parameters", "give a finite number or Unknown")
    return number
