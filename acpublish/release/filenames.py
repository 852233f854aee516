"""What the name of an old file says of its image: product, version and board.

Names are only read where images from before acpublish are brought in; in a catalog the manifest
decides. A person sees what was made of each name before anything is done with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from acpublish.errors import SettingsError

__all__ = ["NamePattern", "Named"]

_SUFFIX = ".bin"
_FIELD = re.compile(r"\{([^{}]*)\}|(\*)")
#: What a field may hold: a version begins with a digit, so that ``_v`` in a product is no version.
_FIELDS = {"product": "[^/]+?", "version": "v?[0-9][^/]*?", "board": "[^/]+?"}
#: A version has two numbers at least, or one after a ``v``; ``sensor_2`` is a product.
_NUMBERS = r"(?:v?\d+(?:\.\d+){1,3}|v\d+(?:_\d{1,3}){0,2})(?![0-9]|\.[0-9])"
#: Only these words begin a pre-release: what else follows a version is more often a board.
_PRERELEASE = r"[-._]?(?:alpha|beta|rc|pre|dev)(?:[-.]?\d+)*|[a-z]\d*(?![a-z0-9])"
_USUAL = re.compile(
    rf"(?:(?P<product>.+?)[-_ .]+)?"
    rf"(?P<version>(?:{_NUMBERS})(?:{_PRERELEASE})?(?:\+[0-9a-z.-]+)?)"
    r"(?:[-_ .]+(?P<board>[^-_ .].*))?\.bin\Z",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The parts of a file's name as they stand there; each None is one that it does not have."""

    product: str | None = None
    version: str | None = None
    board: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamePattern:
    """How files are named.

    Attributes:
        expression: What matches a name with its folders, ``/`` between them.
        depth: How many folders stand before the file's name.
    """

    expression: re.Pattern[str] = _USUAL
    depth: int = 0

    @classmethod
    def parse(cls, text: str) -> NamePattern:
        """Reads a pattern such as ``{product}_v{version}_{board}.bin``.

        ``*`` stands for anything, and ``{product}/{version}.bin`` looks into folders.

        Raises:
            SettingsError: It has another field, one of them twice, or none at all.
        """
        text = text.strip().strip("/")
        parts, at = [], 0
        for found in _FIELD.finditer(text):
            parts += [re.escape(text[at : found.start()]), _group(found, text)]
            at = found.end()
        rest = text[at:]
        # The suffix may be left out, as it is the same for all.
        rest = rest if rest.lower().endswith(_SUFFIX) else rest + _SUFFIX
        expression = "".join([*parts, re.escape(rest), r"\Z"])
        fields = re.findall(r"\(\?P<([a-z]+)>", expression)
        if not fields or len(fields) != len(set(fields)):
            raise _fault(f"the pattern {text!a} has no field, or has one twice")
        return cls(
            expression=re.compile(expression, re.IGNORECASE),
            depth=text.count("/"),
        )

    def read(self, name: str) -> Named | None:
        """Returns what a file's name says; None where it does not fit the pattern."""
        found = self.expression.match(name)
        if found is None:
            return None
        parts = {field: text.strip() for field, text in found.groupdict("").items()}
        # SemVer has no underscore, and file names have it in the place of a dot.
        return Named(
            product=parts.get("product") or None,
            version=parts.get("version", "").replace("_", ".") or None,
            board=parts.get("board") or None,
        )


def _group(found: re.Match[str], text: str) -> str:
    if found[2]:
        return "[^/]*?"
    if found[1] not in _FIELDS:
        raise _fault(f"the pattern {text!a} has a field {{{found[1]}}}")
    return f"(?P<{found[1]}>{_FIELDS[found[1]]})"


def _fault(problem: str) -> SettingsError:
    return SettingsError(
        problem,
        hint="Use {product}, {version} and {board} once each at most, for example "
        "'{product}_v{version}_{board}.bin'.",
    )
