"""JSON documents that others wrote, read so that they can always be written again.

A manifest is read once and sent in many responses, each of which it would break.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from acpublish.errors import AcpublishError, ManifestError, NewerFormatError

#: What other programs can read as a number; a longer one takes quadratic time to write.
LARGEST_NUMBER = 2**63 - 1
#: Deeper than any field of ours; a response adds a few levels to it.
_MAX_NESTING = 32
#: A name that a stranger made up is shown up to here.
_MAX_SHOWN = 40

_Checked = TypeVar("_Checked")


class Fields:
    """Reads typed fields from a JSON object; an error has the path that leads to the field.

    Attributes:
        path: Where the object is in the document.
    """

    def __init__(self, document: Any, path: str, fix: str) -> None:
        """Begins to read.

        Args:
            document: What should be an object.
            path: Where it is, as in ``manifest.images[0]``.
            fix: The hint of every error.

        Raises:
            ManifestError: It is something else.
        """
        self.path = path
        self._fix = fix
        if not isinstance(document, dict):
            raise self._error("is not an object")
        self._document = document
        self._taken = {"format"}

    def need_format(self, newest: int) -> None:
        """Refuses a document of a newer format.

        Args:
            newest: The newest format that this acpublish can read.

        Raises:
            NewerFormatError: It is of a newer format.
            ManifestError: It does not have a format.
        """
        if self.get("format", int) > newest:
            raise NewerFormatError(
                f"{self.path}.format is newer than {newest}, the latest that this acpublish can "
                "read",
                hint="Install a newer acpublish.",
            )

    def get(self, key: str, kind: type, *default: Any) -> Any:
        """Returns a field of a type, or the default if there is one.

        Raises:
            ManifestError: It is missing or of another type.
        """
        self._taken.add(key)
        value = self._document.get(key, *default) if default else self._document.get(key)
        if default and value is default[0]:
            return value
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._error(f"is not of type {kind.__name__}", key)
        if isinstance(value, int) and not 0 <= value <= LARGEST_NUMBER:
            raise self._error("is not a possible number", key)
        return value

    def has(self, key: str) -> bool:
        """Returns whether there is a field, even if it is null."""
        return key in self._document

    def one_of(self, key: str, allowed: tuple[Any, ...]) -> Any:
        """Returns a field that has one of a few values.

        Raises:
            ManifestError: It has another one.
        """
        self._taken.add(key)
        value = self._document.get(key)
        if value not in allowed:
            raise self._error(f"is not one of {allowed}", key)
        return value

    def shaped(self, key: str, shape: re.Pattern[str]) -> str:
        """Returns a string that becomes a part of a path, or a header.

        Raises:
            ManifestError: It does not match.
        """
        text: str = self.get(key, str)
        if not shape.match(text):
            raise self._error("is malformed", key)
        return text

    def checked(self, key: str, check: Callable[[str], _Checked]) -> _Checked:
        """Returns a string as what a function makes of it.

        Raises:
            ManifestError: The function refuses it.
        """
        try:
            return check(self.get(key, str))
        except ManifestError:
            raise
        except AcpublishError as error:
            raise ManifestError(f"{self.path}.{key}: {error.problem}", hint=self._fix) from error

    def strings(self, key: str) -> tuple[str, ...]:
        """Returns a list of strings, empty if it is missing.

        Raises:
            ManifestError: It contains something else.
        """
        values = self.get(key, list, [])
        if not all(isinstance(value, str) for value in values):
            raise self._error("contains something other than strings", key)
        return tuple(values)

    def objects(self, key: str) -> tuple[Fields, ...]:
        """Returns a list of objects, empty if it is missing.

        Raises:
            ManifestError: It contains something else.
        """
        return tuple(
            Fields(item, f"{self.path}.{key}[{number}]", self._fix)
            for number, item in enumerate(self.get(key, list, []))
        )

    def mapping(self, key: str, kind: type) -> dict[str, Any]:
        """Returns an object whose values are of one type, empty if it is missing.

        Raises:
            ManifestError: It contains something else.
        """
        values = self.get(key, dict, {})
        if not all(type(value) is kind for value in values.values()):
            raise self._error(f"contains something other than {kind.__name__}", key)
        if kind is int and any(abs(value) > LARGEST_NUMBER for value in values.values()):
            raise self._error("contains too large a number", key)
        return dict(values)

    def rest(self) -> dict[str, Any]:
        """Returns the fields that were not read.

        Raises:
            ManifestError: They are nested too deeply.
        """
        rest = {key: value for key, value in self._document.items() if key not in self._taken}
        if nesting(rest) > _MAX_NESTING:
            raise self._error("is nested too deeply")
        return rest

    def need_no_more(self) -> None:
        """Refuses an object with a field that was not read: a misspelt limit must not be left out.

        Raises:
            ManifestError: It has one, or one is nested too deeply.
        """
        if rest := self.rest():
            raise ManifestError(
                f"{min(rest)[:_MAX_SHOWN]!a} is not a field of {self.path}", hint=self._fix
            )

    def _error(self, problem: str, key: str = "") -> ManifestError:
        path = f"{self.path}.{key}" if key else self.path
        return ManifestError(f"{path} {problem}", hint=self._fix)


def loads(text: bytes) -> Any:
    """Reads JSON, and replaces half surrogate pairs, which nothing can encode, by ``?``.

    Earlier versions of acpublish stored them, from file names that are not UTF-8.

    Raises:
        ValueError: It is not JSON, or has a number that JSON does not have.
        RecursionError: It is nested too deeply.
    """
    document = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    # Only these bytes can bring one: its escape, or its form in UTF-8.
    if b"\\u" in text or b"\xed" in text:
        plain = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
        document = json.loads(plain)
    return document


def nesting(value: Any) -> int:
    """Returns how many lists and objects are inside one another."""
    levels, depth = [value], -1
    while levels:
        depth += 1
        levels = [
            inner
            for outer in levels
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)
