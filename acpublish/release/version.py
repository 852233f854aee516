"""Versions: Semantic Versioning 2.0.0, and the versions that development builds get.

Versions are lower case here, because they become file names. The label alone never decides what a
device gets; it names a release and forbids downgrades.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from acpublish.errors import VersionError

__all__ = ["STAMP_TEXT_BYTES", "Version", "from_git", "next_development"]

#: A text field of ``esp_app_desc_t`` has 32 bytes with its final NUL (``esp_app_desc.h``).
STAMP_TEXT_BYTES = 31

_NUMBER = r"(?:0|[1-9]\d*)"
_IDENTIFIER = rf"(?:{_NUMBER}|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_SEMVER = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+([0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*))?\Z",
    re.ASCII,
)
#: What a device claims is not read beyond this; a number of thousands of digits costs time.
_CLAIM_BYTES = 256
_TWO_NUMBERS = re.compile(r"(\d+\.\d+)(?![\d.])", re.ASCII)
_LOOSE = re.compile(r"[vV=\s]*(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)\Z", re.ASCII | re.DOTALL)

Precedence = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version by SemVer 2.0.0.

    Two versions are equal when their whole text is; ``precedence`` orders them (section 11), in
    which build metadata does not count.
    """

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Reads a version that must fit a stamp.

        Raises:
            VersionError: It is no SemVer, not lower case, or longer than 31 bytes; the hint gives
                the corrected form where one can be guessed.
        """
        found = _SEMVER.match(text)
        if found is None or text != text.lower():
            what = "is not lower case" if found else "is no version by SemVer 2.0.0"
            raise VersionError(f"{_shown(text)} {what}", hint=_suggestion(text))
        if len(text) > STAMP_TEXT_BYTES:
            raise VersionError(
                f"the version {_shown(text)} has {len(text)} bytes, and the stamp holds "
                f"{STAMP_TEXT_BYTES}",
                hint="Shorten its pre-release or build part.",
            )
        return cls._of(found)

    @classmethod
    def or_none(cls, text: str | None) -> Version | None:
        """Returns the version in a text that may hold anything, None where it holds none.

        What a device claims is only compared, so it may be what could not be published: longer
        than a stamp, in capitals, with a ``v`` before it or with two numbers only.
        """
        if not text or len(text) > _CLAIM_BYTES:
            return None
        text = text.strip().lower().removeprefix("v")
        found = _SEMVER.match(text) or _SEMVER.match(_TWO_NUMBERS.sub(r"\1.0", text, count=1))
        return cls._of(found) if found else None

    @classmethod
    def guess(cls, text: str) -> Version | None:
        """Returns the version that a person most likely means by a text, None for no idea.

        It is the one that the hint of :meth:`parse` proposes: ``v1.2`` means 1.2.0.
        """
        guess = text if _SEMVER.match(text) and text == text.lower() else _corrected(text)
        return cls.parse(guess) if guess and len(guess) <= STAMP_TEXT_BYTES else None

    @classmethod
    def _of(cls, found: re.Match[str]) -> Version:
        major, minor, patch, prerelease, build = found.groups(default="")
        return cls(
            major=int(major), minor=int(minor), patch=int(patch), prerelease=prerelease, build=build
        )

    def __str__(self) -> str:
        """The version's text."""
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.prerelease:
            text += f"-{self.prerelease}"
        return f"{text}+{self.build}" if self.build else text

    @property
    def precedence(self) -> Precedence:
        """What to compare versions by: SemVer 2.0.0, section 11."""
        parts = tuple(
            (0, int(part), "") if part.isdigit() else (1, 0, part)
            for part in self.prerelease.split(".")
            if part
        )
        return (self.major, self.minor, self.patch, 0 if parts else 1, parts)

    def development(self, *numbers: int, build: str = "") -> Version:
        """Returns the development version that follows this one.

        ``1.2.3`` gives ``1.2.4-dev.N``, a pre-release ``1.2.3-rc.1`` gives ``1.2.3-rc.1.dev.N``:
        above the version itself and below the next one that a person would choose. Build metadata
        is shortened so that the whole fits a stamp.

        Args:
            numbers: N; a second number tells apart what the first does not.
            build: Build metadata.

        Raises:
            VersionError: Even without build metadata it does not fit a stamp.
        """
        number = ".".join(map(str, numbers))
        if self.prerelease:
            bare = f"{self.major}.{self.minor}.{self.patch}-{self.prerelease}.dev.{number}"
        else:
            bare = f"{self.major}.{self.minor}.{self.patch + 1}-dev.{number}"
        room = STAMP_TEXT_BYTES - len(bare) - 1
        build = build[: max(room, 0)].rstrip(".-")
        return Version.parse(f"{bare}+{build}" if build else bare)


def next_development(base: Version, published: Iterable[Version]) -> Version:
    """Returns ``base``'s development version numbered one above the newest that is published."""
    sibling = base.development(1)
    stem = sibling.prerelease.rpartition(".")[0] + "."
    numbers = [0]
    for version in published:
        tail = version.prerelease.removeprefix(stem)
        if (
            (version.major, version.minor, version.patch)
            == (sibling.major, sibling.minor, sibling.patch)
            and version.prerelease.startswith(stem)
            and tail.isdigit()
        ):
            numbers.append(int(tail))
    return base.development(max(numbers) + 1)


def from_git(
    tag: Version, distance: int, commit: str, changed: str = "", again: int = 0
) -> Version:
    """Returns the version of a work tree.

    Args:
        tag: The version of the nearest tag below it.
        distance: Commits since that tag.
        commit: The short name of the commit.
        changed: For a work tree that differs from the commit, what tells this state from others
            (digits of the unstamped image's digest); empty for a clean one.
        again: Above 0 a number that tells the version from others of which the stamp has no room
            for what differs; it stands above them and below the next commit.
    """
    if not distance and not changed and not again:
        return tag
    build = f"g{commit}" + (f".d{changed}" if changed else "")
    return tag.development(distance, *([again] if again else []), build=build)


def _suggestion(text: str) -> str:
    guess = _corrected(text)
    if guess:
        return f"Write {guess!r}."
    return "Write three numbers, for example '1.0.0', or 'git' or 'file:PATH' as its source."


def _corrected(text: str) -> str:
    """Returns the version that a person most likely means, empty where there is none."""
    # What is far too long has no corrected form, and Python refuses to read its digits.
    found = _LOOSE.match(text.strip()) if len(text) <= 2 * STAMP_TEXT_BYTES else None
    if found is None:
        return ""
    major, minor, patch, rest = found.groups()
    numbers = ".".join(str(int(part or 0)) for part in (major, minor, patch))
    rest = re.sub(r"[^0-9a-z.+-]+", "-", rest.lower())
    if rest.startswith("-"):
        # A number of a pre-release has no zeros before it.
        rest = re.sub(r"(?<=[.-])0+(?=[0-9]+(?:\.|$))", "", rest)
        if len(numbers + rest) <= STAMP_TEXT_BYTES and _SEMVER.match(numbers + rest):
            return numbers + rest
    rest = rest.strip("-.")
    if rest and rest[0] != "+":
        mark = "+" if rest.replace(".", "").isdigit() else "-"
        rest = mark + ".".join(part.strip("-") or "0" for part in rest.split("."))
    for candidate in (numbers + rest, numbers):
        if _SEMVER.match(candidate) and len(candidate) <= STAMP_TEXT_BYTES:
            return candidate
    return ""


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:57] + "...")
