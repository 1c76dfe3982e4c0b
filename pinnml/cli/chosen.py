"""Problems as the command line names them: bundled ones by name, and those of a user's own Python file."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pinnml.problems as problems
from pinnml.errors import DeclarationError, shown, suggestion
from pinnml.io import path_of
from pinnml.problem import Problem

SUFFIX = ".py"

HELP = "a name from `pinnml list`, or a Python file with one, my_problem.py[:name]"


@dataclass(frozen=True)
class Chosen:
    """A problem, what the command line calls it, and a name for its files."""

    label: str
    problem: Problem

    @property
    def stem(self) -> str:
        """The label as a part of a file's name."""
        return self.label.replace("/", "-")


def chosen(text: str) -> Chosen:
    """Return the problem that a text names.

    `my_problem.py` is a file that is run, with its folder on the path of imports, and holds one problem; the name of a
    `Problem`, or of a function of no arguments that returns one, follows a colon where it holds several. Anything else
    is the name of a bundled problem. Raises `DeclarationError` for unknown names and wrong files.
    """
    file, colon, name = text.rpartition(":")
    if not (colon and file.endswith(SUFFIX)):
        file, name = text, ""
    if not file.endswith(SUFFIX):
        return Chosen(text, problems.get(text))
    path = path_of(file)
    with _beside(path):
        module = _run(path)
        problem = _problem(module, path, name or _only(module, path))
    return Chosen(f"{path.stem}-{name}" if name else path.stem, problem)


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Let a file import its neighbours, as where Python runs it."""
    folder = str(path.parent.absolute())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with suppress(ValueError):  # the file has taken it out itself
            sys.path.remove(folder)


def _run(path: Path) -> ModuleType:
    """Run a file and return its names; nothing is written beside it."""
    module = ModuleType(f"problem file {path.stem}")  # no name that an import could ask for
    module.__file__ = str(path)
    code = _compiled(path)
    sys.modules[module.__name__] = module  # dataclasses of the file look there
    _called(lambda: exec(code, module.__dict__), path)
    return module


def _compiled(path: Path) -> CodeType:
    try:
        return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except OSError as error:
        what = f"The file cannot be read: {error.strerror or error}"
        raise DeclarationError(what, str(path), "name a Python file that holds a Problem") from None
    except (SyntaxError, ValueError) as error:  # a ValueError for bytes that are no text
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        raise DeclarationError(f"The file is not Python: {text}", f"{path}{line}", "mend the file") from None


def _called(function: Callable[[], Any], path: Path) -> Any:
    """Return what the user's code returns; what it raises becomes one sentence with the last of its lines."""
    try:
        return function()
    except DeclarationError as error:
        raise DeclarationError(error.what, f"{error.where} ({_line(error, path)})", error.remedy, error.more) from error
    except (Exception, SystemExit) as error:
        what = f"The file raises {type(error).__name__}: {error}"
        raise DeclarationError(what, _line(error, path), "mend the file") from error


def _line(error: BaseException, path: Path) -> str:
    """Return the innermost line of a file that an error has come through, as "file.py, line 3: a = 1 / 0"."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}, line {lines[-1].lineno}: {lines[-1].line}" if lines else str(path)


def _only(module: ModuleType, path: Path) -> str:
    """Return the name of the file's problem; without one, that of its only function of no arguments."""
    found = {id(value): name for name, value in vars(module).items() if isinstance(value, Problem)}
    names = list(found.values()) or _functions(module)
    if not names:
        remedy = "write problem = pm.Problem(…), or a function of no arguments that returns one"
        raise DeclarationError("The file holds no Problem", str(path), remedy)
    if len(names) > 1:
        kind = "Problems" if found else "functions of no arguments"
        what = f"The file holds {len(names)} {kind}, {', '.join(names)}"
        raise DeclarationError(what, str(path), f"name one of them, as in {path}:{names[0]}")
    return names[0]


def _functions(module: ModuleType) -> list[str]:
    """Return the names of public functions of the file itself that can be called without arguments."""
    own = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    return [name for name, value in own.items() if _free(value)]


def _free(function: Callable[..., Any]) -> bool:
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(
        one.default is not one.empty or one.kind in variable for one in inspect.signature(function).parameters.values()
    )


def _problem(module: ModuleType, path: Path, name: str) -> Problem:
    if name not in vars(module):
        known = [key for key, value in vars(module).items() if isinstance(value, Problem)] + _functions(module)
        raise DeclarationError(f"The file has no {name!r}", str(path), suggestion(name, known))
    value = getattr(module, name)
    problem = value
    if inspect.isfunction(value):
        if not _free(value):
            what = f"The function {name!r} needs arguments"
            raise DeclarationError(what, str(path), "give each a default, or write one of no arguments")
        problem = _called(value, path)
    if not isinstance(problem, Problem):
        returned = "returns " if problem is not value else "is "
        raise DeclarationError(f"{name!r} {returned}{shown(problem)}", str(path), "let it be a pm.Problem")
    return problem
