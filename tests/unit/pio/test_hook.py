"""The hook outside of SCons: what importing it costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[3] / "acpublish"

BLOCKED = """\
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"SCons", "requests", "click", "rich", "starlette", "uvicorn"}:
            raise ImportError(f"{name} is not for the hook")
sys.meta_path.insert(0, Blocked())
"""


def test_importing_the_hook_needs_the_standard_library_only() -> None:
    modules = [
        f"acpublish.pio.{path.stem}" if path.stem != "__init__" else "acpublish.pio"
        for path in sorted((PACKAGE / "pio").glob("*.py"))
    ]
    code = BLOCKED + "\n".join(f"import {module}" for module in modules)

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert len(modules) > 3
    assert done.returncode == 0, done.stderr


def test_importing_the_hook_loads_next_to_nothing() -> None:
    code = "import sys, acpublish.pio; print([m for m in sys.modules if m.startswith('acpublish')])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(ast.literal_eval(done.stdout)) == {"acpublish", "acpublish.pio"}
