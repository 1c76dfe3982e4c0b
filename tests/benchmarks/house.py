"""Count the code of a checkout: `python tests/benchmarks/house.py [ROOT]`; imports are counted by `lint-imports`."""

from __future__ import annotations

import ast
import re
import statistics
import sys
from pathlib import Path

REGIONS = re.compile(r"isinstance\([^)]*(?:Everywhere|Faces|Pair|Given)\b")


def docstring_lines(tree: ast.Module) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            first = node.body[0]
            found |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return found


def code_lines(text: str, tree: ast.Module) -> int:
    """Return how many lines are neither empty nor a comment nor in a docstring."""
    skipped = docstring_lines(tree)
    lines = enumerate(text.splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and at not in skipped for at, line in lines)


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    texts = [path.read_text() for room in ("pinnml", "problems") for path in sorted((root / room).rglob("*.py"))]
    trees = [ast.parse(text) for text in texts]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    functions = [(n.end_lineno or n.lineno) - n.lineno + 1 for n in nodes if isinstance(n, ast.FunctionDef)]
    code = sum(code_lines(text, tree) for text, tree in zip(texts, trees, strict=True))
    asked = sum(isinstance(n, ast.Name) and n.id == "isinstance" for n in nodes)
    print(f"files {len(texts)}, over 250 lines {sum(len(text.splitlines()) > 250 for text in texts)}")
    print(f"code lines {code}, classes {sum(isinstance(n, ast.ClassDef) for n in nodes)}")
    print(f"functions {len(functions)}, median {statistics.median(functions):.0f}, longest {max(functions)}")
    regions = sum(len(REGIONS.findall(text)) for text in texts)
    print(f"isinstance {1000 * asked / code:.1f} per thousand, on regions {regions}")


if __name__ == "__main__":
    main()
