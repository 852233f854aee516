"""Versions out of files: a line, JSON, pyproject.toml, or a macro of a C header.

What a file is follows from its name: ``*.json`` (library.json, package.json) and ``*.toml`` have a
field, ``*.h``, ``*.hpp``, ``*.c``, ``*.cpp`` and ``*.ino`` a macro; of any other one the first line
that is not empty counts.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from acpublish.errors import VersionError
from acpublish.publishing.toml import parse_toml
from acpublish.release.version import Version

__all__ = ["version_from_file"]

#: More than any such file has; the rest of a larger one does not matter.
_READ_CHARACTERS = 1024 * 1024
_C_SOURCES = frozenset({".h", ".hpp", ".hh", ".c", ".cpp", ".cc", ".ino"})
_MACRO = re.compile(r'^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+"([^"\n]*)"', re.M)
#: Where a pyproject.toml has its version: PEP 621, and Poetry's own table.
_TABLES = (("project",), ("tool", "poetry"))


def version_from_file(project: Path, source: str) -> Version:
    """Returns the version that a file holds.

    Args:
        project: What a relative path is relative to.
        source: The path; behind a ``#`` the name of a C macro.

    Raises:
        VersionError: There is no such file, no version in it, or more than one.
    """
    name, _, macro = source.partition("#")
    path = project / name
    text = _text(path)
    if path.suffix in _C_SOURCES:
        found = _from_macro(path, text, macro)
    elif path.suffix == ".json":
        found = _from_json(path, text)
    elif path.suffix == ".toml":
        found = _from_toml(path, text)
    else:
        found = _first_line(path, text)
    try:
        return Version.parse(found)
    except VersionError as fault:
        raise VersionError(f"{path}: {fault.problem}", hint=fault.hint) from fault


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.read(_READ_CHARACTERS)
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise VersionError(
            f"the version file {path} cannot be read: {why}",
            hint="Write the version into it, as its only line.",
        ) from fault


def _first_line(path: Path, text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise VersionError(f"the version file {path} is empty", hint="Write the version into it.")
    return lines[0]


def _from_macro(path: Path, text: str, wanted: str) -> str:
    macros: dict[str, str] = dict(_MACRO.findall(text))
    if wanted:
        if wanted not in macros:
            raise VersionError(
                f"{path} does not define {wanted} as a text",
                hint=f'Write #define {wanted} "1.0.0".',
            )
        return macros[wanted]
    found = {name: value for name, value in macros.items() if "VERSION" in name.upper()}
    if len(found) != 1:
        several = f"several macros for a version: {', '.join(sorted(found))}"
        raise VersionError(
            f"{path} defines {several if found else 'no macro for a version as a text'}",
            hint=f"Name the macro: file:{path.name}#FIRMWARE_VERSION.",
        )
    return next(iter(found.values()))


def _from_json(path: Path, text: str) -> str:
    try:
        document = json.loads(text)
    except ValueError as fault:
        raise _no_document(path, "JSON") from fault
    return _field(path, document, ())


def _from_toml(path: Path, text: str) -> str:
    try:
        document = parse_toml(text)
    except ValueError as fault:
        raise _no_document(path, "TOML") from fault
    for table in _TABLES:
        held: Any = document
        for name in table:
            held = held.get(name) if isinstance(held, dict) else None
        if isinstance(held, dict) and "version" in held:
            return _field(path, held, table)
    return _field(path, document, ())


def _field(path: Path, document: Any, table: tuple[str, ...]) -> str:
    version = document.get("version") if isinstance(document, dict) else None
    if not isinstance(version, str):
        where = ".".join((*table, "version"))
        raise VersionError(f"{path} has no text {where}", hint='Give it one, such as "1.0.0".')
    return version


def _no_document(path: Path, kind: str) -> VersionError:
    return VersionError(f"{path} is no {kind}", hint="Mend the file, or give a literal version.")
