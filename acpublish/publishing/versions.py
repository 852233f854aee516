"""Where a version comes from: a literal, the work tree's tags, or a file.

What is asked of the disk and of git is asked once, before the build; the version of a changed work
tree also needs the digest of what was built, so it is told afterwards.

Versions out of files: a line, JSON, pyproject.toml, or a macro of a C header.

What a file is follows from its name: ``*.json`` (library.json, package.json) and ``*.toml`` have a
field, ``*.h``, ``*.hpp``, ``*.c``, ``*.cpp`` and ``*.ino`` a macro; of any other one the first line
that is not empty counts.

TOML in all versions of Python that we hold to.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acpublish.errors import VersionError
from acpublish.publishing.git import GitState, git_state
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.release.names import ChannelName
from acpublish.release.version import Version, from_git, next_development

__all__ = ["VersionSource", "parse_toml", "resolve", "version_from_file"]

#: More development builds of one version than anybody publishes.
_MANY_BUILDS = 9999
#: Digits of the unstamped digest that tell one changed work tree from another.
_DIGEST_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSource:
    """A version that is known but for what only the built image can tell.

    Attributes:
        base: The literal, the file's, or the nearest tag's version.
        git: Where the work tree stands, when the version comes from git.
        file: The source, when it names a file.
    """

    base: Version
    git: GitState | None = None
    file: str = ""

    @property
    def found_in(self) -> str:
        """What the version was found in, in a few words; empty for a literal."""
        if self.git is None:
            return self.file
        after = f"tag {self.git.name}" if self.git.tagged else "no tag"
        if self.git.distance:
            commits = "1 commit" if self.git.distance == 1 else f"{self.git.distance} commits"
            after = f"{commits} after {after}" if self.git.tagged else f"{commits} and no tag"
        return f"git: {after}{', and changes' if self.git.changed else ''}"

    @property
    def development(self) -> bool:
        """Whether git says that this is no tagged state."""
        return self.git is not None and bool(self.git.distance or self.git.changed)

    @property
    def channel(self) -> ChannelName:
        """The channel that fits the version when none is named."""
        return names.DEVELOPMENT if self.development else names.STABLE

    def declared(self, known: Declared) -> Declared:
        """Returns what is known of a build, with what git says of the work tree."""
        if known.changed is not None or self.git is None:
            return known
        return replace(known, changed=self.git.changed)

    def version(self, unstamped_sha256: str) -> Version:
        """Returns the version of the image that has this unstamped digest."""
        if self.git is None:
            return self.base
        changed = unstamped_sha256[:_DIGEST_DIGITS] if self.git.changed else ""
        return from_git(self.git.tag, self.git.distance, self.git.commit, changed)

    def refuse_no_room(self) -> None:
        """Refuses a version whose development versions have no room in a stamp.

        Raises:
            VersionError: They have none, so that a changed build could not be published.
        """
        if self.git is None:
            try:
                self.base.development(_MANY_BUILDS)
            except VersionError as fault:
                raise VersionError(
                    f"the development versions of {self.base} would not fit a stamp, which holds "
                    "31 bytes, and a changed build gets one",
                    hint="Shorten its pre-release part, or do without custom_ota_on_build.",
                ) from fault

    def other_version(
        self,
        unstamped_sha256: str,
        published: Collection[Version],
        taken: Collection[Version] = (),
    ) -> Version:
        """Returns a version for an image whose own version is taken by other bytes.

        From git it is told apart by the image's digest, and by a number where the stamp has no
        room for all of that; otherwise by a number one above the newest.

        Args:
            unstamped_sha256: Of the image.
            published: All versions of the board.
            taken: Those under which this board has another image.
        """
        if self.git is None:
            return next_development(self.base, published)
        changed = unstamped_sha256[:_DIGEST_DIGITS]
        git = self.git
        for again in range(len(taken) + 1):
            version = from_git(git.tag, git.distance, git.commit, changed, again)
            if version not in taken:
                break
        return version


def resolve(source: str, project: Path) -> VersionSource:
    """Finds out the version that a source names.

    Args:
        source: A literal SemVer, ``git``, ``git:PREFIX`` of the tags, or ``file:PATH``.
        project: The project's directory: of the work tree, and what PATH is relative to.

    Raises:
        VersionError: There is none, or it does not fit a stamp.
    """
    if source == "git" or source.startswith("git:"):
        state = git_state(project, source.removeprefix("git").removeprefix(":"))
        if state.shallow and not state.tagged:
            raise VersionError(
                "the clone is shallow and has no tag of a version, so that git does not know it",
                hint="Fetch all of it with git fetch --unshallow --tags (in a checkout action: "
                "fetch-depth: 0), or give a literal version.",
            )
        found = VersionSource(base=state.tag, git=state)
        # What does not fit a stamp is refused before the build, not after it.
        found.version("0" * 64)
    elif source.startswith("file:"):
        base = version_from_file(project, source.removeprefix("file:"))
        found = VersionSource(base=base, file=source)
    else:
        found = VersionSource(base=Version.parse(source))
    return found


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


#: The standard library has it since Python 3.11; before, tomli is one of our requirements.
_PARSER = "tomllib" if sys.version_info >= (3, 11) else "tomli"


def parse_toml(text: str) -> dict[str, Any]:
    """Returns what a text holds.

    Raises:
        ValueError: It is no TOML; the message names the line.
    """
    # Loaded only where there is a file to read: a build without one does not pay for it.
    found: dict[str, Any] = importlib.import_module(_PARSER).loads(text)
    return found
