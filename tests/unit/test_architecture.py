"""The code keeps its rules: sizes, names, no circles, and a test per module; see also test_lint."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "acpublish"
MODULES = sorted(PACKAGE.rglob("*.py"))
#: The limits of modules and functions, in lines.
MODULE_LINES = 400
FUNCTION_LINES = 60
#: Longer functions, each with the reason.
LONG_FUNCTIONS = {
    "api.py:publish": "its docstring describes each option of the public function",
}
#: Modules that share their name, each with the reason. A module is looked for by its name, so any
#: other name may occur only once.
SHARED_NAMES = {
    "config": "a command has the name of its module, and the server has its configuration",
    "diff": "a command has the name of its module, and calls the function that compares",
    "publish": "a command has the name of its module, and so has an endpoint of the server",
    "policy": "a command has the name of its module, and so have the rules of a rollout",
    "rollout": "a command has the name of its module, and so has what the rules decide on",
    "board": "the boards of PlatformIO, and the checks of what a board can hold",
    "reader": "the reader of images, and the reader of platformio.ini",
}
#: Modules without a test file of their name, and the file that covers each.
COVERED_ELSEWHERE = {
    "catalog/manifest_files.py": "tests/unit/catalog/test_snapshot.py",
    "catalog/stored_images.py": "tests/unit/catalog/test_product_changes.py",
    "control/fleet_access.py": "tests/integration/test_fleet_access.py",
    "control/open_fleet.py": "tests/integration/test_fleet_access.py",
    "control/running_file.py": "tests/integration/test_fleet_access.py",
    "server/catalog_care.py": "tests/conformance/test_start_and_stop.py",
    "control/stories.py": "tests/unit/server/api/test_openapi.py",
    "server/api/api_schemas.py": "tests/unit/server/api/test_openapi.py",
    "server/api/api_table.py": "tests/unit/server/api/test_openapi.py",
    "server/api/endpoints.py": "tests/unit/server/api/test_openapi.py",
    "server/api/rollout_routes.py": "tests/unit/server/api/test_openapi.py",
    "release/differences.py": "tests/unit/publishing/test_diff.py",
    "server/catalog_changes.py": "tests/unit/server/api/test_change_routes.py",
    "server/stored_image.py": "tests/unit/server/api/test_change_routes.py",
    "lock_holder.py": "tests/unit/test_atomic.py",
    "server/api/publisher.py": "tests/unit/server/api/test_publish.py",
    "server/pages/live_stream.py": "tests/pages/test_live_streams.py",
    "server/pages/page_site.py": "tests/unit/server/pages/test_page_app.py",
    "server/pages/parts_page.py": "tests/pages/test_sign_in_pages.py",
    "__main__.py": "tests/unit/cli/test_cli_main.py",
    "emulator/known_images.py": "tests/unit/emulator/test_fleet_over_http.py",
    "image/model.py": "tests/unit/image/test_reader.py",
    "server/config.py": "tests/unit/server/test_run.py",
    "server/served.py": "tests/unit/server/test_images.py",
    "store/migrations/env.py": "tests/unit/store/test_schema.py",
    "store/migrations/versions/schema_1.py": "tests/unit/store/test_schema.py",
    "store/migrations/versions/schema_2.py": "tests/unit/store/test_schema.py",
    "store/migrations/versions/schema_3.py": "tests/unit/store/test_schema.py",
}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """Returns the syntax of a module, which is parsed once."""
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_modules_and_functions_stay_short() -> None:
    lines = {name_of(module): len(module.read_text().splitlines()) for module in MODULES}
    assert {name for name, count in lines.items() if count > MODULE_LINES} == set()
    long = {
        f"{name_of(module)}:{node.name}"
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    }
    assert long == set(LONG_FUNCTIONS)


def module_name(path: Path) -> str:
    """Returns the name by which a module is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_by(node: ast.AST, known: Collection[str]) -> Iterator[str]:
    """Yields the modules of the package that a module imports, also inside functions."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        for alias in node.names:
            submodule = f"{node.module}.{alias.name}"
            name = submodule if submodule in known else node.module or ""
            if name in known:
                yield name
    for child in ast.iter_child_nodes(node):
        yield from imported_by(child, known)


def circles(imports: Mapping[str, Collection[str]]) -> list[set[str]]:
    """Returns the groups of names that lead to one another."""

    def reached_from(start: str) -> set[str]:
        reached: set[str] = set()
        waiting = [start]
        while waiting:
            for name in imports.get(waiting.pop(), ()):
                if name not in reached:
                    reached.add(name)
                    waiting.append(name)
        return reached

    reached = {name: reached_from(name) for name in imports}
    groups: list[set[str]] = []
    for name, others in reached.items():
        group = {other for other in others if name in reached.get(other, ())}
        if group and group not in groups:
            groups.append(group)
    return groups


def test_circles_are_found() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"e"}}
    assert circles(imports) == [{"b", "c"}, {"e"}]
    tree = ast.parse(
        "if TYPE_CHECKING:\n    from p import x\ndef f():\n    from p import y\nimport p.z"
    )
    assert set(imported_by(tree, {"p.x", "p.y", "p.z"})) == {"p.y", "p.z"}


def test_no_module_imports_itself_by_a_detour() -> None:
    known = {module_name(path): path for path in MODULES}
    imports = {name: set(imported_by(tree_of(path), known)) for name, path in known.items()}
    assert sum(map(len, imports.values())) > len(known)
    assert circles(imports) == []


def test_no_package_imports_another_that_imports_it() -> None:
    known = {module_name(path): path for path in MODULES}
    packages: dict[str, set[str]] = {}
    for name, path in known.items():
        own = ".".join(name.split(".")[:2])
        others = {".".join(other.split(".")[:2]) for other in imported_by(tree_of(path), known)}
        packages.setdefault(own, set()).update(others - {own, "acpublish"})
    assert circles(packages) == []


def defined_in(tree: ast.Module) -> set[str]:
    """Returns the names that a module defines itself, as opposed to those that it imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def imported_past_the_definition(tree: ast.AST, defined: Mapping[str, Collection[str]]) -> set[str]:
    """Returns the names that a module imports from another than the one that defines them."""
    return {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in defined
        for alias in node.names
        if f"{node.module}.{alias.name}" not in defined
        if alias.name not in defined[str(node.module)]
    }


def test_an_import_past_the_definition_is_noticed() -> None:
    defined = {"p": {"f"}, "p.q": {"g"}}
    tree = ast.parse("from p import f, g, q\nfrom p.q import f, g\nfrom other import x")
    assert imported_past_the_definition(tree, defined) == {"p.g", "p.q.f"}
    assert defined_in(ast.parse("import a\nfrom b import c\nD: int = 1\ndef e(): ...")) == {
        "D",
        "e",
    }


def test_names_are_imported_from_the_module_that_defines_them() -> None:
    """Only acpublish/__init__.py passes names on, and it is for users."""
    trees = {module_name(path): tree_of(path) for path in MODULES}
    defined = {name: defined_in(tree) for name, tree in trees.items()}
    past = {name: imported_past_the_definition(tree, defined) for name, tree in trees.items()}
    assert {name: imports for name, imports in past.items() if imports} == {}


def test_a_name_of_a_module_occurs_once() -> None:
    names = Counter(path.stem for path in MODULES if path.stem != "__init__")
    repeated = {name for name, count in names.items() if count > 1}
    assert repeated == set(SHARED_NAMES)


def expected_test(module: Path) -> Path:
    return ROOT / "tests/unit" / module.relative_to(PACKAGE).with_name(f"test_{module.name}")


def test_each_module_has_its_tests() -> None:
    modules = {name_of(path): path for path in MODULES if path.name != "__init__.py"}
    without = {name for name, path in modules.items() if not expected_test(path).is_file()}
    # One that has its own by now needs no entry any more.
    assert without == set(COVERED_ELSEWHERE)
    assert all((ROOT / file).is_file() for file in COVERED_ELSEWHERE.values())


def test_no_error_of_no_family_is_raised_and_none_is_swallowed() -> None:
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            where = f"{name_of(module)}:{getattr(node, 'lineno', 0)}"
            assert not isinstance(node, ast.Assert), f"{where}: input is not checked by assert"
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{where}: a bare except"
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                name = ast.unparse(node.exc.func)
                assert name not in ("Exception", "RuntimeError", "BaseException"), where


def test_only_settings_and_the_edges_read_the_environment() -> None:
    edges = {
        "api.py",
        "arduino.py",
        "pio/project.py",
        "pio/uploading.py",
        "server/run.py",
        "settings/arguments.py",
        "unexpected.py",
    }
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


def test_every_module_says_what_it_is_for() -> None:
    assert [name_of(path) for path in MODULES if not ast.get_docstring(tree_of(path))] == []
