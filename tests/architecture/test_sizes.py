"""House rules on size: long files and long functions are where the pain is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path
    for folder in ("src", "api", "training", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
MAX_FILE_LINES = 500
MAX_BODY_LINES = 60
BANNED_NAMES = {"utils", "helpers", "common", "misc", "manager"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body
    has_docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    code = body[1:] if has_docstring else body
    return 0 if not code else (code[-1].end_lineno or 0) - code[0].lineno + 1


def test_there_are_modules_to_check() -> None:
    assert len(MODULES) > 40


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_and_functions_stay_readable(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)

    too_long = {f.name: body_lines(f) for f in functions(tree) if body_lines(f) > MAX_BODY_LINES}

    assert len(source.splitlines()) <= MAX_FILE_LINES
    assert not too_long
    assert path.stem not in BANNED_NAMES
