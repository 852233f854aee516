"""What the name of an old file says about its image: product, version and board.

Names are read only when images from before acpublish are imported; in a catalog the manifest
decides. The user sees how each name was understood before anything is done with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from acpublish.errors import SettingsError

__all__ = ["NamePattern", "Named"]

_SUFFIX = ".bin"
_FIELD = re.compile(r"\{([^{}]*)\}|(\*)")
#: What a field may contain: a version begins with a digit, so ``_v`` in a product is not one.
_FIELDS = {"product": "[^/]+?", "version": "v?[0-9][^/]*?", "board": "[^/]+?"}
#: A version has at least two numbers, or one after a ``v``; ``sensor_2`` is a product.
_NUMBERS = r"(?:v?\d+(?:\.\d+){1,3}|v\d+(?:_\d{1,3}){0,2})(?![0-9]|\.[0-9])"
#: Only these words begin a pre-release: any other that follows a version is probably a board.
_PRERELEASE = r"[-._]?(?:alpha|beta|rc|pre|dev)(?:[-.]?\d+)*|[a-z]\d*(?![a-z0-9])"
_USUAL = re.compile(
    rf"(?:(?P<product>.+?)[-_ .]+)?"
    rf"(?P<version>(?:{_NUMBERS})(?:{_PRERELEASE})?(?:\+[0-9a-z.-]+)?)"
    r"(?:[-_ .]+(?P<board>[^-_ .].*))?\.bin\Z",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The parts of a file's name as they are written; each None is a part that it does not have."""

    product: str | None = None
    version: str | None = None
    board: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePattern:
    """How files are named.

    Attributes:
        expression: Matches a name with its folders, ``/`` between them.
        depth: How many folders come before the file's name.
    """

    expression: re.Pattern[str] = _USUAL
    depth: int = 0

    @classmethod
    def parse(cls, text: str) -> NamePattern:
        """Reads a pattern such as ``{product}_v{version}_{board}.bin``.

        ``*`` matches anything, and ``{product}/{version}.bin`` looks into folders.

        Raises:
            SettingsError: It has an unknown field, a field twice, or no field.
        """
        text = text.strip().strip("/")
        parts, end = [], 0
        for field in _FIELD.finditer(text):
            parts += [re.escape(text[end : field.start()]), _group(field, text)]
            end = field.end()
        rest = text[end:]
        # The suffix may be left out, because all files have it.
        rest = rest if rest.lower().endswith(_SUFFIX) else rest + _SUFFIX
        expression = "".join([*parts, re.escape(rest), r"\Z"])
        fields = re.findall(r"\(\?P<([a-z]+)>", expression)
        if not fields or len(fields) != len(set(fields)):
            raise _error(f"the pattern {text!a} has no field, or has a field twice")
        return cls(
            expression=re.compile(expression, re.IGNORECASE),
            depth=text.count("/"),
        )

    def read(self, name: str) -> Named | None:
        """Returns what a file's name says; None if it does not match the pattern."""
        match = self.expression.match(name)
        if match is None:
            return None
        parts = {field: text.strip() for field, text in match.groupdict("").items()}
        # SemVer has no underscore, but file names use it instead of a dot.
        return Named(
            product=parts.get("product") or None,
            version=parts.get("version", "").replace("_", ".") or None,
            board=parts.get("board") or None,
        )


def _group(field: re.Match[str], text: str) -> str:
    if field[2]:
        return "[^/]*?"
    if field[1] not in _FIELDS:
        raise _error(f"the pattern {text!a} has an unknown field {{{field[1]}}}")
    return f"(?P<{field[1]}>{_FIELDS[field[1]]})"


def _error(problem: str) -> SettingsError:
    return SettingsError(
        problem,
        hint="Use {product}, {version} and {board} at most once each, for example "
        "'{product}_v{version}_{board}.bin'.",
    )
