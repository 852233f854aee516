"""What ``make lint`` says of imports, style and format; types take too long to be checked here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str) -> None:
    done = subprocess.run(
        [*words], cwd=ROOT, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_keep_their_directions() -> None:
    run(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")


def test_style_holds() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")


def test_format_holds() -> None:
    run(sys.executable, "-m", "ruff", "format", "--check", ".")
