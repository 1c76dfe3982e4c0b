"""The public face: every public name is documented, takes public classes, and stands in docs/api.md.

`python tests/test_public_face.py > docs/api.md` writes that page anew.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import typing
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pinnml

ROOT = Path(__file__).parents[1]

ROOMS: dict[str, ModuleType] = {
    name: getattr(pinnml, name) for name in (*pinnml.__all__, "torch") if isinstance(getattr(pinnml, name), ModuleType)
}
"""The public rooms by the name under which users call them; `torch` is no part of `from pinnml import *`."""

ORDER = (
    "problems", "domains", "networks", "points", "methods", "stop", "adapt", "optim", "schwarz", "levels", "torch",
    "objective", "approximation", "run",
)  # fmt: skip
"""The rooms in the order of the page: first those of a problem, last those for who builds on them."""

HEAD = """# API

One line for every public name. Everyday names stand in `pinnml` itself, all others in a room of it, as in
`pinnml.schwarz.Local`. Docstrings say more: `help(pinnml.schwarz.Local)`.

<!-- Written by `python tests/test_public_face.py > docs/api.md`; a test holds the two equal. -->
"""


def flat_names() -> list[str]:
    """The public names of the package itself, rooms left out."""
    return [name for name in pinnml.__all__ if name not in ROOMS]


def public() -> Iterator[tuple[str, Any]]:
    """All public names, dotted, with what they stand for."""
    for name in flat_names():
        yield f"pinnml.{name}", getattr(pinnml, name)
    for room, module in ROOMS.items():
        for name in module.__all__:
            yield f"pinnml.{room}.{name}", getattr(module, name)


def room_of(dotted: str) -> ModuleType:
    """The module in which a public name stands."""
    parts = dotted.split(".")
    return ROOMS[parts[1]] if len(parts) == 3 else pinnml


def is_code(value: Any) -> bool:
    """Whether a value is a class or a function, whose docstring is its own."""
    return inspect.isclass(value) or inspect.isroutine(value)


def constants(source: str) -> Iterator[tuple[str, str]]:
    """The constants of a module that have a docstring below them, with it."""
    body = ast.parse(source).body
    for node, below in pairwise(body):
        is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if is_text and isinstance(target, ast.Name):
            yield target.id, inspect.cleandoc(str(below.value.value))  # type: ignore[attr-defined]


def constant_text(dotted: str) -> str:
    """The docstring below a constant, in whichever file of its room that is; "" where it has none."""
    name, module = dotted.rpartition(".")[2], room_of(dotted)
    for file in sorted(Path(str(module.__file__)).parent.glob("*.py")):
        found = dict(constants(file.read_text())).get(name)
        if found is not None:
            return found
    return ""


def text_of(dotted: str, value: Any) -> str:
    """The docstring of a public name, never an inherited one; "" where it has none."""
    return inspect.cleandoc(value.__doc__ or "") if is_code(value) else constant_text(dotted)


def first_line(text: str) -> str:
    """The first sentence of a docstring, which is its first line."""
    return text.partition("\n")[0]


def shown(sentence: str) -> str:
    """A sentence for Markdown: stars and angles outside of code are no marks."""
    parts = sentence.split("`")
    return "`".join(re.sub(r"([*<])", r"\\\1", part) if number % 2 == 0 else part for number, part in enumerate(parts))


def api_page() -> str:
    """The page docs/api.md, made from the docstrings."""

    def entry(dotted: str, value: Any) -> str:
        return f"- `{dotted.rpartition('.')[2]}`: {shown(first_line(text_of(dotted, value)))}"

    lines = [HEAD, "## pinnml", "", *(entry(f"pinnml.{name}", getattr(pinnml, name)) for name in flat_names())]
    for room in ORDER:
        module = ROOMS[room]
        lines += ["", f"## pinnml.{room}", "", shown(first_line(str(module.__doc__))), ""]
        lines += [entry(f"pinnml.{room}.{name}", getattr(module, name)) for name in sorted(module.__all__)]
    return "\n".join(lines) + "\n"


def classes_in(hint: Any) -> Iterator[type]:
    """All classes that an annotation names, within unions, tuples, mappings and functions, too."""
    if isinstance(hint, list):  # the arguments of a Callable
        for inner in hint:
            yield from classes_in(inner)
        return
    if isinstance(hint, type) and typing.get_origin(hint) is None:
        yield hint
    inside = typing.get_args(hint)
    for inner in inside[:1] if typing.get_origin(hint) is typing.Annotated else inside:
        yield from classes_in(inner)


def parameters_of(value: Any) -> dict[str, Any]:
    """The annotations of what a class or a function takes."""
    function = value.__init__ if inspect.isclass(value) else value
    # some names are imported for type checkers alone, and inherited fields use those of the base's module
    names = dict(vars(pinnml.objective))
    for base in value.__mro__ if inspect.isclass(value) else ():
        names = vars(sys.modules[base.__module__]) | names
    hints = typing.get_type_hints(function, localns=names)
    return {name: hint for name, hint in hints.items() if name != "return"}


CODE = [pytest.param(value, id=dotted) for dotted, value in public() if is_code(value)]


def test_all_names_at_once_do_not_hide_torch() -> None:
    names: dict[str, Any] = {}
    exec("import torch\nfrom pinnml import *", names)
    assert names["torch"] is sys.modules["torch"]


def test_every_room_is_on_the_page() -> None:
    assert sorted(ORDER) == sorted(ROOMS)


def test_the_page_is_what_the_docstrings_say() -> None:
    assert (ROOT / "docs" / "api.md").read_text() == api_page(), "python tests/test_public_face.py > docs/api.md"


@pytest.mark.parametrize("dotted", [dotted for dotted, _ in public()])
def test_every_public_name_has_a_sentence(dotted: str) -> None:
    value = dict(public())[dotted]
    assert re.fullmatch(r"\S.*[.]", first_line(text_of(dotted, value)))


@pytest.mark.parametrize("value", CODE)
def test_what_public_constructors_take_is_public(value: Any) -> None:
    known = {id(other) for _, other in public()}
    taken = [kind for hint in parameters_of(value).values() for kind in classes_in(hint)]
    assert [kind for kind in taken if kind.__module__.startswith("pinnml") and id(kind) not in known] == []


@pytest.mark.parametrize(
    ("hint", "found"),
    [
        (int | None, [int, type(None)]),
        (tuple[int, ...], [int]),
        (typing.Annotated[int, "at least 1"], [int]),
        (typing.Callable[[int, str], float], [int, str, float]),
        (typing.Mapping[str, typing.Sequence[int]], [str, int]),
    ],
)
def test_classes_are_found_within_annotations(hint: Any, found: list[Any]) -> None:
    assert list(classes_in(hint)) == found


@pytest.mark.parametrize("name", sorted(pinnml.MOVED))
def test_names_that_moved_give_the_same_and_warn(name: str) -> None:
    room = pinnml.MOVED[name]
    assert room in ROOMS and name not in pinnml.__all__
    with pytest.warns(DeprecationWarning, match=rf"write pinnml\.{room}\.{name}\."):
        found = getattr(pinnml, name)
    assert found is getattr(ROOMS[room], name)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Optimiser'"):
        _ = pinnml.Optimiser


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_rooms_name_what_they_have(room: str) -> None:
    names = ROOMS[room].__all__
    assert len(set(names)) == len(names)
    assert [name for name in names if not hasattr(ROOMS[room], name)] == []


def test_every_name_in_the_table_of_words_is_public() -> None:
    words = (ROOT / "docs" / "notation.md").read_text().partition("## Words")[2]
    names = re.findall(r"\*([A-Z]\w*)\*", words)
    known = {dotted.rpartition(".")[2] for dotted, _ in public()}
    assert len(names) > 30 and [name for name in names if name not in known] == []


def test_constants_are_found_with_their_docstring() -> None:
    source = 'A = 1\n"""One.\n\nAnd more."""\nB: int = 2\n"""Two."""\nC = 3\n\n\ndef f():\n    """No."""\n'
    assert dict(constants(source)) == {"A": "One.\n\nAnd more.", "B": "Two."}


if __name__ == "__main__":
    sys.stdout.write(api_page())
