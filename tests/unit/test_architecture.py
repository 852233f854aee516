"""The habits hold: directions of imports, types, style, and what is not to be found in the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "acpublish"
MODULES = sorted(PACKAGE.rglob("*.py"))
#: The limits of modules and functions, in lines.
MODULE_LINES = 400
FUNCTION_LINES = 70


def run(*words: str) -> None:
    done = subprocess.run(
        [*words], cwd=ROOT, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_keep_their_directions() -> None:
    run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")


def test_types_hold() -> None:
    run(sys.executable, "-m", "mypy")


def test_style_holds() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")


def test_format_holds() -> None:
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_modules_and_functions_stay_short(module: Path) -> None:
    text = module.read_text()
    assert len(text.splitlines()) <= MODULE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= FUNCTION_LINES, node.name


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_no_error_of_no_family_is_raised_and_none_is_swallowed(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Assert):
            pytest.fail(f"line {node.lineno}: input is not checked by assert")
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            pytest.fail(f"line {node.lineno}: a bare except")
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = ast.unparse(node.exc.func)
            assert name not in ("Exception", "RuntimeError", "BaseException"), node.lineno


def test_only_settings_and_the_edges_read_the_environment() -> None:
    edges = {"arduino.py", "pio/project.py", "api.py", "server/run.py", "unexpected.py"}
    readers = {
        name_of(module)
        for module in MODULES
        if re.search(r"\bos\.(environ|getenv)\b", module.read_text())
    }
    assert {name for name in readers if not name.startswith("cli/")} <= edges


def _texts() -> Iterator[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("this is no checkout, or git is not installed")
    for name in filter(None, done.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".h", ".ini", ".cpp"} and path.is_file():
            yield path


def test_nothing_is_left_for_later() -> None:
    words = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3)) + r")\b")
    assert [name for name in map(str, _texts()) if words.search(Path(name).read_text())] == []


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_module_says_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text()))
