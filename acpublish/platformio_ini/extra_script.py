"""The extra script: its name, its entry in ``extra_scripts``, and its text."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

SCRIPT = "acpublish_ota.py"
ENTRY = f"post:{SCRIPT}"

#: The script of the tutorial, which does the same without the words for a missing acpublish.
SHORT_SCRIPT = 'Import("env")\nfrom acpublish.pio import setup\n\nsetup(env)\n'
#: The SHA-256 of the code that earlier versions shipped, without the sentence at its top. Whoever
#: changes the script adds that of the script before.
_EARLIER = frozenset({"81501fd4698ef20aaea4e68e62763496661e20ab447e2292b6df2eb3141baeff"})


def packaged_script() -> str:
    """Returns the text of this version's extra script."""
    here = Path(__file__).resolve().parents[1]
    # It is next to the package in a checkout, and in the package in a wheel.
    packaged = here / "extra_scripts" / SCRIPT
    path = packaged if packaged.is_file() else here.parent / "extra_scripts" / SCRIPT
    return path.read_text(encoding="utf-8")


def is_current(text: str) -> bool:
    """Returns whether a script is that of this version, apart from the sentence at its top."""
    return text == packaged_script() or _code(text) == _code(packaged_script())


def is_unedited(text: str) -> bool:
    """Returns whether a script is that of this or an earlier version.

    The sentence at its top does not count. Anything else, also a comment, is an edit, and belongs
    to whoever made it.
    """
    return is_current(text) or hashlib.sha256(_code(text).encode()).hexdigest() in _EARLIER


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
