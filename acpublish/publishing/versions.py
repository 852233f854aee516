"""Where a version comes from: a literal, the tags of the working tree, or a file.

1. The disk and git are read once, before the build. The version of a changed working tree also
   needs the digest of the built image, so it is known only afterwards.
2. The name of a version file determines how it is read: ``*.json`` (library.json, package.json)
   and ``*.toml`` have a field; ``*.h``, ``*.hpp``, ``*.c``, ``*.cpp`` and ``*.ino`` have a macro;
   in any other file, the first line that is not empty is the version.
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

from acpublish.errors import VersionError, reason_of
from acpublish.publishing.git import GitState, git_state
from acpublish.release import names
from acpublish.release.declared import Declared
from acpublish.release.names import ChannelName
from acpublish.release.version import Version, from_git, next_development

#: More development builds of one version than anybody publishes.
_MANY_BUILDS = 9999
#: Digits of the unstamped digest that distinguish one changed working tree from another.
_DIGEST_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSource:
    """A version that is known except for the part that depends on the built image.

    Attributes:
        base: The literal, the file's, or the nearest tag's version.
        git: The state of the working tree, if the version comes from git.
        file: The source, if it names a file.
        digest: The unstamped digest to use, if the image was stamped before it was signed.
    """

    base: Version
    git: GitState | None = None
    file: str = ""
    digest: str = ""

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
        """Whether git says that this is not a tagged state."""
        return self.git is not None and bool(self.git.distance or self.git.changed)

    @property
    def channel(self) -> ChannelName:
        """The channel for the version, unless another is given."""
        return names.DEVELOPMENT if self.development else names.STABLE

    def declared(self, known: Declared) -> Declared:
        """Returns what is known of a build, with what git says about the working tree."""
        if known.changed is not None or self.git is None:
            return known
        return replace(known, changed=self.git.changed)

    def version(self, unstamped_sha256: str) -> Version:
        """Returns the version of the image that has this unstamped digest."""
        if self.git is None:
            return self.base
        digest = (self.digest or unstamped_sha256)[:_DIGEST_DIGITS]
        changed = digest if self.git.changed else ""
        return from_git(self.git.tag, self.git.distance, self.git.commit, changed)

    def refuse_no_room(self) -> None:
        """Refuses a version whose development versions do not fit in a stamp.

        Raises:
            VersionError: They do not, so a changed build could not be published.
        """
        if self.git is None:
            try:
                self.base.development(_MANY_BUILDS)
            except VersionError as error:
                raise VersionError(
                    f"development versions of {self.base}, which changed builds get, would not "
                    "fit in a stamp (31 bytes)",
                    hint="Shorten its pre-release part, or remove custom_ota_on_build.",
                ) from error

    def other_version(
        self,
        unstamped_sha256: str,
        published: Collection[Version],
        taken: Collection[Version] = (),
    ) -> Version:
        """Returns a version for an image whose own version is taken by different bytes.

        A version from git gets the image's digest, and a number if not all of that fits in a
        stamp; any other gets a number one above the highest.

        Args:
            unstamped_sha256: The image's digest with a blank stamp.
            published: All versions of the board.
            taken: The versions under which the board has another image.
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
    """Determines the version that a source names.

    Args:
        source: A literal SemVer, ``git``, ``git:PREFIX`` of the tags, or ``file:PATH``.
        project: The project's directory, in the working tree; PATH is relative to it.

    Raises:
        VersionError: There is no version, or it does not fit in a stamp.
    """
    if source == "git" or source.startswith("git:"):
        state = git_state(project, source.removeprefix("git").removeprefix(":"))
        if state.shallow and not state.tagged:
            raise VersionError(
                "the clone is shallow and has no version tag, so git cannot determine the version",
                hint="Fetch all of it with git fetch --unshallow --tags (in a checkout action: "
                "fetch-depth: 0), or use a literal version.",
            )
        of_git = VersionSource(base=state.tag, git=state)
        # A version that does not fit in a stamp is refused before the build, not after it.
        of_git.version("0" * 64)
        return of_git
    if source.startswith("file:"):
        base = version_from_file(project, source.removeprefix("file:"))
        return VersionSource(base=base, file=source)
    return VersionSource(base=Version.parse(source))


#: More than any such file has; the rest of a larger one is not read.
_READ_CHARACTERS = 1024 * 1024
_C_SOURCES = frozenset({".h", ".hpp", ".hh", ".c", ".cpp", ".cc", ".ino"})
_MACRO = re.compile(r'^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+"([^"\n]*)"', re.M)
#: The tables of a pyproject.toml that have a version: PEP 621, and Poetry's own.
_TABLES = (("project",), ("tool", "poetry"))


def version_from_file(project: Path, source: str) -> Version:
    """Returns the version in a file.

    Args:
        project: What a relative path is relative to.
        source: The path; after a ``#``, the name of a C macro.

    Raises:
        VersionError: There is no such file, no version in it, or more than one.
    """
    name, _, macro = source.partition("#")
    path = project / name
    text = _text(path)
    if path.suffix in _C_SOURCES:
        version = _from_macro(path, text, macro)
    elif path.suffix == ".json":
        version = _from_json(path, text)
    elif path.suffix == ".toml":
        version = _from_toml(path, text)
    else:
        version = _first_line(path, text)
    try:
        return Version.parse(version)
    except VersionError as error:
        raise VersionError(f"{path}: {error.problem}", hint=error.hint) from error


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8-sig") as file:
            return file.read(_READ_CHARACTERS)
    except (OSError, UnicodeDecodeError) as error:
        why = reason_of(error) if isinstance(error, OSError) else "it is not a text file"
        raise VersionError(
            f"the version file {path} cannot be read: {why}",
            hint="Write the version into it, as its only line.",
        ) from error


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
                f"{path} does not define {wanted} as a string",
                hint=f'Use #define {wanted} "1.0.0".',
            )
        return macros[wanted]
    versions = {name: value for name, value in macros.items() if "VERSION" in name.upper()}
    if len(versions) != 1:
        several = f"several macros for a version: {', '.join(sorted(versions))}"
        raise VersionError(
            f"{path} defines {several if versions else 'no macro for a version as a string'}",
            hint=f"Name the macro: file:{path.name}#FIRMWARE_VERSION.",
        )
    return next(iter(versions.values()))


def _from_json(path: Path, text: str) -> str:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _not_valid(path, "JSON") from error
    return _field(path, document, ())


def _from_toml(path: Path, text: str) -> str:
    try:
        document = parse_toml(text)
    except ValueError as error:
        raise _not_valid(path, "TOML") from error
    for table in _TABLES:
        content: Any = document
        for name in table:
            content = content.get(name) if isinstance(content, dict) else None
        if isinstance(content, dict) and "version" in content:
            return _field(path, content, table)
    return _field(path, document, ())


def _field(path: Path, document: Any, table: tuple[str, ...]) -> str:
    version = document.get("version") if isinstance(document, dict) else None
    if not isinstance(version, str):
        field = ".".join((*table, "version"))
        raise VersionError(
            f"{path} has no field {field} with a string", hint='Add one, such as "1.0.0".'
        )
    return version


def _not_valid(path: Path, kind: str) -> VersionError:
    return VersionError(
        f"{path} is not valid {kind}", hint="Fix the file, or use a literal version."
    )


#: The standard library has it from Python 3.11 on; before that, tomli is a requirement of ours.
_PARSER = "tomllib" if sys.version_info >= (3, 11) else "tomli"


def parse_toml(text: str) -> dict[str, Any]:
    """Returns the content of a TOML document.

    Raises:
        ValueError: It is not valid TOML; the message has the line.
    """
    # Loaded only if there is a file to read, so that a build without one does not wait for it.
    document: dict[str, Any] = importlib.import_module(_PARSER).loads(text)
    return document
