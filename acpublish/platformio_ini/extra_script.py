"""The extra script: its name, the entry that names it in ``extra_scripts``, and its text."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ENTRY", "SCRIPT", "is_script", "packaged_script", "path_of"]

SCRIPT = "acpublish_ota.py"
ENTRY = f"post:{SCRIPT}"


def packaged_script() -> str:
    """Returns the text of the extra script, as this version has it."""
    here = Path(__file__).resolve().parents[1]
    # In a checkout it stands beside the package, in a wheel in it.
    packaged = here / "extra_scripts" / SCRIPT
    path = packaged if packaged.is_file() else here.parent / "extra_scripts" / SCRIPT
    return path.read_text(encoding="utf-8")


def path_of(entry: str) -> str:
    """Returns the path of an entry, without what says when it is run."""
    return entry.removeprefix("pre:").removeprefix("post:")


def is_script(entry: str) -> bool:
    """Tells whether an entry names the script, in whatever folder and way."""
    return path_of(entry).rpartition("/")[2] == SCRIPT
