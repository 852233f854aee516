"""The extra script: its name, its entry in ``extra_scripts``, and its text."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ENTRY", "SCRIPT", "is_script", "packaged_script", "path_of"]

SCRIPT = "acpublish_ota.py"
ENTRY = f"post:{SCRIPT}"


def packaged_script() -> str:
    """Returns the text of this version's extra script."""
    here = Path(__file__).resolve().parents[1]
    # It is next to the package in a checkout, and in the package in a wheel.
    packaged = here / "extra_scripts" / SCRIPT
    path = packaged if packaged.is_file() else here.parent / "extra_scripts" / SCRIPT
    return path.read_text(encoding="utf-8")


def path_of(entry: str) -> str:
    """Returns the path of an entry, without the prefix that says when it runs."""
    return entry.removeprefix("pre:").removeprefix("post:")


def is_script(entry: str) -> bool:
    """Tells whether an entry is the script, with any folder and prefix."""
    return path_of(entry).rpartition("/")[2] == SCRIPT
