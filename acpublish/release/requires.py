"""What a device must run before it is offered a release, such as ``>=1.4.0``.

A release that needs a step in between, such as one that moves settings to a new place, says so when
it is published. What a device runs is decided by its digest; the version that it claims counts only
if no release has its digest, as with flash encryption.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from acpublish.errors import VersionError
from acpublish.release.version import Version

_HINT = "Write one or more comparisons, such as '>=1.4.0' or '>=1.4.0,<2.0.0'."
#: Longer than any that somebody would write.
_MAX_CHARACTERS = 200
_COMPARISON = re.compile(r"\s*(>=|<=|==|>|<)\s*([^\s<>=,]{1,64})\s*\Z")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """Versions from which a release can be installed: all comparisons must hold.

    Attributes:
        text: As it was written.
        comparisons: Operators and versions; empty if nothing satisfies it.
    """

    text: str
    comparisons: tuple[tuple[str, Version], ...]

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Reads a requirement.

        Raises:
            VersionError: It is malformed, or no version can satisfy it.
        """
        if len(text) > _MAX_CHARACTERS:
            raise VersionError("the requirement is too long", hint=_HINT)
        comparisons = tuple(_comparison(part) for part in text.split(","))
        requirement = cls(text.strip(), comparisons)
        # If any version satisfies it, so does one at, just below or just above its bounds.
        if not any(map(requirement.satisfied_by, _around(comparisons))):
            raise VersionError(
                f"no version satisfies the requirement {text!r}", hint="Correct its bounds."
            )
        return requirement

    @classmethod
    def checked(cls, text: str) -> str:
        """Returns a requirement as it is written into a manifest.

        Raises:
            VersionError: It is malformed, or no version can satisfy it.
        """
        return cls.parse(text).text

    @classmethod
    def of(cls, text: str | None) -> Requirement | None:
        """Returns the requirement of a manifest, None if it has none.

        One that this version of acpublish cannot read is satisfied by nothing.
        """
        if text is None:
            return None
        try:
            return cls.parse(text)
        except VersionError:
            return cls(text, ())

    def satisfied_by(self, version: Version) -> bool:
        """Returns whether a device that runs this version may get the release."""
        return bool(self.comparisons) and all(
            _OPERATORS[sign](version.precedence, bound.precedence)
            for sign, bound in self.comparisons
        )

    def unmet(self, running: Iterable[Version], claim: str | None) -> str:
        """Returns why a device may not get the release yet; empty if it may.

        Args:
            running: The releases that it runs, by its digest.
            claim: The version that it claims, which counts if no release has its digest.
        """
        versions = list(running)
        if any(map(self.satisfied_by, versions)):
            return ""
        if versions:
            return f"it requires {self.text}, and the device runs {versions[0]}"
        claimed = Version.or_none(claim)
        if claimed is None:
            return f"it requires {self.text}, and the version of the device is not known"
        if self.satisfied_by(claimed):
            return ""
        return f"it requires {self.text}, and the device claims {claimed}"


def _comparison(text: str) -> tuple[str, Version]:
    match = _COMPARISON.match(text)
    if match is None:
        raise VersionError(f"{text.strip()[:40]!r} is not a comparison of versions", hint=_HINT)
    version = Version.guess(match[2])
    if version is None:
        raise VersionError(f"{match[2][:40]!r} is not a valid version", hint=_HINT)
    return match[1], version


def _around(comparisons: Iterable[tuple[str, Version]]) -> Iterable[Version]:
    for _, bound in comparisons:
        yield bound
        plain = Version(major=bound.major, minor=bound.minor, patch=bound.patch)
        yield plain.development(0)
        yield Version(major=bound.major, minor=bound.minor, patch=bound.patch, prerelease="0")
