"""Versions: Semantic Versioning 2.0.0, and the versions that development builds get.

Versions are lower case here, because they become file names. A version alone never decides what a
device gets; it names a release and prevents downgrades.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from acpublish.errors import VersionError

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
#: A longer version that a device claims is not read: thousands of digits cost time.
_CLAIM_BYTES = 256
_TWO_NUMBERS = re.compile(r"\A(\d+\.\d+)(?![\d.])", re.ASCII)
_LOOSE = re.compile(r"[vV=\s]*(\d+)(?:\.(\d+))?(?:\.(\d+))?(.*)\Z", re.ASCII | re.DOTALL)

#: A date, with or without leading zeros; numbers from 1990 on are years.
_DATE = re.compile(r"[vV\s]*((?:199|2\d\d)\d)[-_.](\d\d?)[-_.](\d\d?)(?!\d)", re.ASCII)
#: Parts that stand for any number, as in ``9.x`` or ``1.2.*``.
_ANY_NUMBER = re.compile(r"(?<=[\dxX*])\.[xX*](?=[-+.]|\Z)")

Precedence = tuple[int, int, int, int, tuple[tuple[int, int, str], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version by SemVer 2.0.0.

    Two versions are equal if all their parts are; ``precedence`` orders them (section 11), and
    build metadata does not count for that.
    """

    major: int
    minor: int
    patch: int
    prerelease: str = ""
    build: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Reads a version that must fit in a stamp.

        Raises:
            VersionError: It is not valid SemVer, not lower case, or longer than 31 bytes; the hint
                has the corrected form if one can be guessed.
        """
        match = _SEMVER.match(text)
        if match is None or text != text.lower():
            what = "is not lower case" if match else "is not a valid SemVer 2.0.0 version"
            raise VersionError(f"{_shown(text)} {what}", hint=_suggestion(text))
        if len(text) > STAMP_TEXT_BYTES:
            raise VersionError(
                f"the version {_shown(text)} is {len(text)} bytes long, but a stamp holds at most "
                f"{STAMP_TEXT_BYTES}",
                hint="Shorten its pre-release or build part.",
            )
        return cls._of(match)

    @classmethod
    def or_none(cls, text: str | None) -> Version | None:
        """Returns the version in a string that may contain anything, None if there is none.

        What a device claims is only compared, so it may be a version that could not be published:
        longer than a stamp, in capitals, with a ``v`` in front of it or with only two numbers.
        """
        if not text or len(text) > _CLAIM_BYTES:
            return None
        text = text.strip().lower().removeprefix("v")
        match = _SEMVER.match(text) or _SEMVER.match(_TWO_NUMBERS.sub(r"\1.0", text, count=1))
        return cls._of(match) if match else None

    @classmethod
    def guess(cls, text: str) -> Version | None:
        """Returns the version that a string probably means, None if none can be guessed.

        It is the version that the hint of :meth:`parse` proposes: ``v1.2`` means 1.2.0.
        """
        guess = text if _SEMVER.match(text) and text == text.lower() else _corrected(text)
        return cls.parse(guess) if guess and len(guess) <= STAMP_TEXT_BYTES else None

    @classmethod
    def _of(cls, match: re.Match[str]) -> Version:
        major, minor, patch, prerelease, build = match.groups(default="")
        return cls(
            major=int(major), minor=int(minor), patch=int(patch), prerelease=prerelease, build=build
        )

    def __str__(self) -> str:
        """The version as a string."""
        text = f"{self.major}.{self.minor}.{self.patch}"
        if self.prerelease:
            text += f"-{self.prerelease}"
        return f"{text}+{self.build}" if self.build else text

    @property
    def precedence(self) -> Precedence:
        """The order of versions by SemVer 2.0.0, section 11."""
        parts = tuple(
            (0, int(part), "") if part.isdigit() else (1, 0, part)
            for part in self.prerelease.split(".")
            if part
        )
        return (self.major, self.minor, self.patch, 0 if parts else 1, parts)

    def development(self, *numbers: int, build: str = "") -> Version:
        """Returns the development version that follows this one.

        ``1.2.3`` gives ``1.2.4-dev.N``, a pre-release ``1.2.3-rc.1`` gives ``1.2.3-rc.1.dev.N``:
        higher than the version itself, and lower than the next one that a person would choose.
        Build metadata is shortened so that the version fits in a stamp.

        Args:
            numbers: N; a second number distinguishes versions that share the first.
            build: Build metadata.

        Raises:
            VersionError: Even without build metadata it does not fit in a stamp.
        """
        number = ".".join(map(str, numbers))
        if self.prerelease:
            bare = f"{self.major}.{self.minor}.{self.patch}-{self.prerelease}.dev.{number}"
        else:
            bare = f"{self.major}.{self.minor}.{self.patch + 1}-dev.{number}"
        space = STAMP_TEXT_BYTES - len(bare) - 1
        build = build[: max(space, 0)].rstrip(".-")
        return Version.parse(f"{bare}+{build}" if build else bare)


def without_v(text: str) -> str:
    """Returns a version's text without the ``v`` or ``V`` that tags have in front of it."""
    return text[1:] if text[:1] in ("v", "V") else text


def next_development(base: Version, published: Iterable[Version]) -> Version:
    """Returns ``base``'s development version whose number is one above the highest published."""
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
    """Returns the version of a working tree.

    Args:
        tag: The version of the nearest tag before it.
        distance: Commits since that tag.
        commit: The short name of the commit.
        changed: For a working tree with changes, what distinguishes its state from others (digits
            of the unstamped image's digest); empty for a clean one.
        again: Above 0, a number that distinguishes the version from others whose difference does
            not fit in a stamp; the result is higher than those and lower than the next commit's.
    """
    if not distance and not changed and not again:
        return tag
    build = f"g{commit}" + (f".d{changed}" if changed else "")
    return tag.development(distance, *([again] if again else []), build=build)


def _suggestion(text: str) -> str:
    guess = _corrected(text)
    if guess and _ANY_NUMBER.search(text.strip()):
        return f"A release has one exact version: use numbers only, such as {guess!r}."
    if guess:
        return f"Use {guess!r}."
    return "Use three numbers, for example '1.0.0'."


def _corrected(text: str) -> str:
    """Returns the version that a string probably means, empty if there is none."""
    # A string that is far too long has no corrected form, and Python refuses to read its digits.
    if len(text) > 2 * STAMP_TEXT_BYTES:
        return ""
    plain = _DATE.sub(r"\1.\2.\3", _ANY_NUMBER.sub(".0", text.strip()), count=1)
    match = _LOOSE.match(plain)
    if match is None:
        return ""
    major, minor, patch, rest = match.groups()
    numbers = ".".join(str(int(part or 0)) for part in (major, minor, patch))
    rest = re.sub(r"[^0-9a-z.+-]+", "-", rest.lower())
    if rest.startswith("-"):
        # A number in a pre-release has no leading zeros.
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
    return repr(text if len(text) <= 60 else text[:57] + "...")
