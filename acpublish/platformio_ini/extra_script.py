"""The extra script: its name, its entry in ``extra_scripts``, and its text."""

from __future__ import annotations

import ast
from pathlib import Path

SCRIPT = "acpublish_ota.py"
ENTRY = f"post:{SCRIPT}"

#: The script of the tutorial, which does the same without the words for a missing acpublish.
SHORT_SCRIPT = 'Import("env")\nfrom acpublish.pio import setup\n\nsetup(env)\n'


def packaged_script() -> str:
    """Returns the text of this version's extra script."""
    here = Path(__file__).resolve().parents[1]
    # It is next to the package in a checkout, and in the package in a wheel.
    packaged = here / "extra_scripts" / SCRIPT
    path = packaged if packaged.is_file() else here.parent / "extra_scripts" / SCRIPT
    return path.read_text(encoding="utf-8")


def is_unedited(text: str) -> bool:
    """Returns whether a script is the packaged one, apart from the sentence at its top.

    Earlier versions had another sentence there. Anything else, also a comment, is an edit, and
    belongs to whoever made it.
    """
    return text == packaged_script() or _code(text) == _code(packaged_script())


def _code(text: str) -> str:
    """Returns a script without its docstring; the whole text if it is not Python."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    first = body[0] if body else None
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return text.strip()
    lines = text.splitlines()
    return "\n".join([*lines[: first.lineno - 1], *lines[first.end_lineno :]]).strip()


def path_of(entry: str) -> str:
    """Returns the path of an entry, without the prefix that says when it runs."""
    return entry.removeprefix("pre:").removeprefix("post:")


def is_script(entry: str) -> bool:
    """Returns whether an entry is the script, with any folder and prefix."""
    return path_of(entry).rpartition("/")[2] == SCRIPT
