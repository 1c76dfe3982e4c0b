"""What the files of the repository promise one another: packages, version and pins agree."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pinnml

ROOT = Path(__file__).parents[1]

OPEN_TO_PROBLEMS = {
    "pinnml.errors",
    "pinnml.problem",
    "pinnml.problems",
    "numpy",
    "scipy",
    "torch",
    *sys.stdlib_module_names,
}
"""What a bundled problem may import: the room that declares problems, its complaints, its neighbours, and arrays."""

IMPORTED_LATE = {
    ("run/watching.py", "pinnml.report.progress.line_beside_output"): "rich takes as long as the package",
    ("run/solution.py", "pinnml.run.gallery.figures"): "matplotlib takes as long to import as all the rest",
    ("run/solution.py", "pinnml.run.gallery.overview"): "matplotlib takes as long to import as all the rest",
    ("problem/table.py", "scipy.interpolate.make_interp_spline"): "SciPy takes as long to import as the package",
    ("run/solution.py", "pinnml.run.files.write_fields"): "meshio is for a format that few runs are written in",
    ("run/solution.py", "pinnml.run.files.write_series"): "meshio is for a format that few runs are written in",
    **{
        (f"problem/mesh/{file}.py", name): "SciPy and meshio are for domains that few problems have"
        for file, name in [
            ("nearest", "scipy.spatial.cKDTree"), ("closed", "scipy.sparse.coo_array"),
            ("closed", "scipy.sparse.csgraph.connected_components"),
            ("reading", "meshio.gmsh"), ("reading", "meshio.stl"), ("reading", "meshio.vtu"),
            ("nodal", "scipy.sparse.csr_array"),
        ]
    },
    **{
        (f"approximation/{file}.py", f"scipy.{name}"): "SciPy is for errors that are estimated at the end"
        for file, names in {
            "defect": ["sparse.block_diag", "sparse.csr_array", "sparse.diags_array", "sparse.vstack"],
            "rows": ["sparse.block_diag", "sparse.csr_array"],
            "graded": ["interpolate.CubicSpline"],
            "normal": [
                "linalg.cho_solve_banded", "linalg.cholesky_banded", "sparse.csgraph.reverse_cuthill_mckee",
                "sparse.diags_array",
            ],
            "splines": ["interpolate.BSpline"],
        }.items()
        for name in names
    },
}  # fmt: skip
"""The imports that stand inside a function, by file, and why."""


def pyproject() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def packages_under(folder: Path, name: str) -> set[str]:
    """Dotted names of `folder`, installed as `name`, and of all packages within it."""
    found = [init.parent.relative_to(folder).parts for init in folder.rglob("__init__.py")]
    return {".".join((name, *parts)) for parts in found}


def imported(source: str) -> Iterator[str]:
    """Dotted names that Python source imports, also inside functions; `from .x import …` is left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level != 1:
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)


def strangers(source: str) -> list[str]:
    """The imports that are closed to a bundled problem."""
    return [
        name
        for name in imported(source)
        if not any(name == room or name.startswith(f"{room}.") for room in OPEN_TO_PROBLEMS)
    ]


def imported_late(source: str) -> list[str]:
    """The imports that Python source makes inside functions, or in a method."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    inner = [node for node in ast.walk(ast.parse(source)) if isinstance(node, functions)]
    return [name for node in inner for statement in node.body for name in imported(ast.unparse(statement))]


def normalised(requirement: str) -> str:
    """The name in a requirement as packaging tools compare it: lower case, one hyphen for each separator."""
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_every_package_on_disk_is_installed() -> None:
    on_disk = packages_under(ROOT / "pinnml", "pinnml") | packages_under(ROOT / "problems", "pinnml.problems")
    listed = pyproject()["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(on_disk)


def modules() -> list[str]:
    """Dotted names of all modules of the package, the bundled problems among them."""
    places = [("pinnml", pinnml.__path__), ("pinnml.problems", pinnml.problems.__path__)]
    return [info.name for name, path in places for info in pkgutil.walk_packages(path, f"{name}.")]


@pytest.mark.parametrize("name", [name for name in modules() if not name.endswith("__main__")])
def test_no_module_is_hidden_by_a_function_of_its_name(name: str) -> None:
    module = importlib.import_module(name)
    package, _, own = name.rpartition(".")
    found = getattr(importlib.import_module(package), own)
    assert isinstance(found, ModuleType) and found is module


def test_imports_stand_at_the_top_of_their_files() -> None:
    files = sorted((ROOT / "pinnml").rglob("*.py"))
    late = {
        (str(file.relative_to(ROOT / "pinnml")), name) for file in files for name in imported_late(file.read_text())
    }
    assert late == set(IMPORTED_LATE)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch\nfrom x import y", []),
        ("def f():\n    import torch", ["torch"]),
        ("class A:\n    async def f(self):\n        if self:\n            from x import y", ["x.y"]),
        ("if TYPE_CHECKING:\n    from x import y", []),
    ],
)
def test_late_imports_are_found(source: str, found: list[str]) -> None:
    assert imported_late(source) == found


def test_bundled_problems_import_under_their_installed_name() -> None:
    assert importlib.import_module("pinnml.problems").__name__ == "pinnml.problems"


def test_version_is_the_same_everywhere() -> None:
    citation = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert citation is not None
    assert metadata.version("pinnml") == pinnml.__version__ == citation[1]
    assert f"## [{pinnml.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_constraints_pin_every_declared_dependency_exactly() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    project = pyproject()["project"]
    declared = {normalised(r) for r in project["dependencies"] + project["optional-dependencies"]["dev"]}
    assert declared - {normalised(line) for line in lines} == set()


def test_the_lowest_versions_tested_are_those_declared() -> None:
    """All but torch, which stays at its pin."""
    lines = [line for line in (ROOT / "constraints-lowest.txt").read_text().splitlines() if not line.startswith("#")]
    tested = {name: re.sub(r"(\.0)+$", "", version) for name, version in (line.split("==") for line in lines)}
    bounds = (re.match(r"([\w-]+)>=([\d.]+)", requirement) for requirement in pyproject()["project"]["dependencies"])
    declared = {bound[1]: re.sub(r"(\.0)+$", "", bound[2]) for bound in bounds if bound is not None}
    assert tested == {name: version for name, version in declared.items() if name != "torch"}


def test_every_folder_of_tests_is_where_types_are_looked_up() -> None:
    looked_up = re.findall(r"DIR/tests/(\w+)", pyproject()["tool"]["mypy"]["mypy_path"])
    assert looked_up == sorted({path.parent.name for path in (ROOT / "tests").glob("*/*.py")})


@pytest.mark.parametrize("path", sorted((ROOT / "problems").rglob("*.py")), ids=lambda path: path.stem)
def test_bundled_problems_know_of_nothing_but_declarations(path: Path) -> None:
    assert strangers(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pinnml as pm", ["pinnml"]),
        ("from pinnml import solve", ["pinnml.solve"]),
        ("def f():\n    from pinnml.points import Sobol", ["pinnml.points.Sobol"]),
        ("from ..solve import solve", ["..solve.solve"]),
        ("import matplotlib.pyplot as plt", ["matplotlib.pyplot"]),
        ("from pinnml import problem\nfrom . import burgers\nimport scipy.fft, math", []),
    ],
)
def test_strangers_are_found(source: str, found: list[str]) -> None:
    assert strangers(source) == found


@pytest.mark.parametrize(
    "page",
    [
        "docs/problems.md",
        pytest.param("README.md", marks=pytest.mark.slow),
        pytest.param("docs/getting-started.md", marks=pytest.mark.slow),
    ],
)
def test_snippets_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All Python of a page, one block after another; solves of a minute, or to an accuracy, are cut to a second."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    source = re.sub(r"(seconds=|Seconds\()60\b", r"\g<1>1", "\n".join(blocks))
    source = re.sub(r"(accuracy=1e-6)\b", r"\1, seconds=1", source)
    monkeypatch.chdir(tmp_path)
    exec(compile(source, page, "exec"), {"__name__": page})
