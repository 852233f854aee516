"""Finds the versions that are written in a text, such as a file's name.

1. A version is read whole: a number is never cut out of a longer one.
2. Without a ``v``, a version has two numbers at least; ``sensor_2`` contains none.
3. ``_`` or ``-`` may replace the dots, as in ``v0_9_10``.
4. If what follows the numbers may or may not be a part of the version, there are several
   readings, and the caller decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from acpublish.errors import VersionError
from acpublish.release import filename_words as words
from acpublish.release.version import Version

#: Not after a letter or digit, nor in the middle of a dotted number.
_START = r"(?<![^\W_])(?<![0-9]\.)"
_END = r"(?![^\W_])"
_GAP = "[-_.~ ]"
#: What marks a number as the firmware's version; ``fw`` and ``sw`` only directly before it.
_LABEL = rf"(?:(?:version|ver|v){_GAP}?|(?:fw|sw)v?)"
#: Numbers after ``_`` or ``-`` have three digits at most: ``20220628`` and ``8266`` do not belong
#: to the version. ``4MB`` and ``2432S028`` do not either; ``3-rc1``, ``3b1`` and ``3b`` do.
_JOINED = (
    r"\d{1,3}(?!\d)(?!\.\d)"
    rf"(?:{_END}|(?=(?:{words.PRERELEASE})\d*{_END})|(?=[ab]\d{{1,3}}{_END})|(?=[a-z]{_END}))"
)
_NUMBERS = rf"(?:\d+(?:\.\d+)+|\d+(?:_{_JOINED})+|\d+(?:-{_JOINED})+|\d+)(?![0-9])(?!\.[0-9])"
#: The number of a pre-release has three digits at most after a gap: ``rc1_8266`` is for a chip.
_WORD = rf"(?:{words.PRERELEASE})(?:{_GAP}?\d{{1,3}}(?!\d))?(?:\.\d{{1,4}}(?!\d))*"
_PRERELEASE = rf"(?:{_GAP}*{_WORD}|[ab]\d{{1,3}}(?:\.\d{{1,4}})*)(?:[-.]{_WORD})*{_END}"
_DESCRIBED = rf"-(?P<distance>\d{{1,6}})-g(?P<commit>[0-9a-f]{{4,40}})(?P<changed>-dirty)?{_END}"
_FLAGS = re.IGNORECASE | re.ASCII

_BASE = r"(?P<base>\d+(?:\.\d+)*|\d+(?:_\d{1,3})*)"
_DESCRIPTION = re.compile(rf"{_START}(?P<label>{_LABEL})?{_BASE}{_DESCRIBED}", _FLAGS)
_WRITTEN = re.compile(rf"{_START}(?P<label>{_LABEL})?(?P<numbers>{_NUMBERS})", _FLAGS)
_CERTAIN = re.compile(_PRERELEASE, _FLAGS)
_DOUBTFUL = re.compile(
    rf"{_GAP}+(?!(?:{words.HARDWARE}){_END})"
    rf"(?:(?!v\d|fw\d|sw\d)[a-z]{{1,2}}\d{{1,3}}|(?:{words.MAYBE_PRERELEASE})\d*){_END}(?!\.\d)",
    _FLAGS,
)
_ATTACHED = re.compile(rf"[a-z][0-9a-z]*{_END}", _FLAGS)
#: ``v8engine`` is a word; ``v8rc1`` is a version, and ``v8b`` may be one.
_WORD_BEHIND = re.compile(rf"(?!(?:{words.PRERELEASE})\d*{_END})[a-z][0-9a-z]*[a-z]", _FLAGS)
_MORE_NUMBERS = re.compile(rf"{_GAP}+\d{{1,3}}{_END}(?!\.\d)", _FLAGS)
_BUILD = re.compile(r"\+[0-9a-z]+(?:\.[0-9a-z]+)*", _FLAGS)
_LONGER_BUILD = re.compile(r"\+[0-9a-z-]+(?:\.[0-9a-z-]+)*", _FLAGS)
#: Numbers from here on are years: ``2024.06`` is not a version with a padded minor number.
_FIRST_YEAR = 1990
_LARGEST_DIGITS = 9

#: A version in a pattern: all of its numbers (the lookahead is never tried again with fewer), a
#: pre-release that is certain, and as little as possible of what follows.
FIELD = (
    rf"(?<![0-9])(?<![0-9]\.)(?=(?P<whole>v?(?:\d+(?:\.\d+)*{_DESCRIBED}"
    rf"|{_NUMBERS}(?:{_PRERELEASE})?)))(?P=whole)[^/]*?"
)


@dataclass(frozen=True, slots=True)
class VersionReading:
    """One way to read a version: its value, None if it is not one, and where it ends."""

    version: Version | None
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A version in a text, and each way to read it.

    Attributes:
        start: Where it begins, with its ``v``.
        labelled: Whether a ``v`` or the like marks it as a version.
        count: How many numbers it has.
        readings: The ways to read it, the most probable one first.
    """

    start: int
    labelled: bool
    count: int
    readings: tuple[VersionReading, ...]


def written_versions(text: str) -> tuple[Written, ...]:
    """Returns each version in a text, from left to right."""
    versions, position = [], 0
    while match := _DESCRIPTION.search(text, position) or _WRITTEN.search(text, position):
        plain = _WRITTEN.search(text, position)
        if plain and plain.start() < match.start():
            match = plain
        written = _described(match) if match.re is _DESCRIPTION else _plain(match, text)
        word = written.count == 1 and _WORD_BEHIND.match(text, match.end())
        if not word and (written.labelled or written.count > 1):
            versions.append(written)
            position = min(
                end for reading in written.readings if (end := reading.end) > match.start()
            )
        else:
            position = match.end()
    return tuple(versions)


def version_in(text: str) -> Version | None:
    """Returns the version that a text is, as an image or a pattern's field has it.

    A description of git's, such as ``v1.2-14-gabc1234``, is a development version after 1.2.0. A
    pre-release that cannot be kept whole gives None, because without it the version would be that
    of the release.
    """
    text = text.strip()
    match = _DESCRIPTION.match(text)
    if match and match.end() == len(text):
        return _description(match)
    numbers = re.match(rf"v?{_NUMBERS}", text, _FLAGS)
    if numbers is None:
        return Version.guess(text)
    rest = text[numbers.end() :]
    guess = Version.guess(re.sub("[-_]", ".", numbers[0]) + rest.replace("_", "."))
    if guess and re.search("[a-z]", rest, _FLAGS) and not (guess.prerelease or guess.build):
        return None
    return guess


def _described(match: re.Match[str]) -> Written:
    return Written(
        start=match.start(),
        labelled=True,
        count=len(_split(match["base"])),
        readings=(VersionReading(_description(match), match.end()),),
    )


def _description(match: re.Match[str]) -> Version | None:
    tag = _version(_split(match["base"]))
    if tag is None:
        return None
    build = f"g{match['commit']}{'.dirty' if match['changed'] else ''}".lower()
    try:
        return tag.development(int(match["distance"]), build=build)
    except VersionError:
        return None


def _plain(match: re.Match[str], text: str) -> Written:
    numbers = _split(match["numbers"])
    labelled = match["label"] is not None
    joined = len(numbers) > 1 and "." not in match["numbers"]
    readings = list(dict.fromkeys(_readings(numbers, text, match.end())))
    if joined and not labelled and len(numbers) == 2:
        # ``sensor_2_1`` may have a version, or be a product alone.
        readings.append(VersionReading(None, match.start()))
    return Written(
        start=match.start(),
        labelled=labelled,
        count=len(numbers),
        readings=tuple(readings),
    )


def _readings(numbers: list[str], text: str, end: int) -> Iterator[VersionReading]:
    """Yields each way to read what follows the numbers."""
    if certain := _CERTAIN.match(text, end):
        yield from _with_build(numbers, _identifiers(certain[0]), text, certain.end())
    elif doubtful := _DOUBTFUL.match(text, end):
        yield from _with_build(numbers, _identifiers(doubtful[0]), text, doubtful.end())
        yield VersionReading(_version(numbers), end)
    elif attached := _ATTACHED.match(text, end):
        # ``1.2b`` may come before 1.2, or after it.
        yield VersionReading(_version(numbers, attached[0].lower()), attached.end())
        yield VersionReading(_version(numbers, build=attached[0].lower()), attached.end())
    elif more := _MORE_NUMBERS.match(text, end):
        number = str(int(more[0].strip("-_.~ ")))
        yield VersionReading(_version(numbers, number), more.end())
        yield VersionReading(_version([*numbers, number]), more.end())
        yield VersionReading(_version(numbers), end)
    else:
        yield from _with_build(numbers, "", text, end)
        if len(numbers) == 2 and re.match("0[0-9]", numbers[1]) and int(numbers[0]) < _FIRST_YEAR:
            # ``1.02`` may mean 1.2 or 1.0.2.
            yield VersionReading(_version([numbers[0], "0", numbers[1][1:]]), end)


def _with_build(
    numbers: list[str], prerelease: str, text: str, end: int
) -> Iterator[VersionReading]:
    """Yields the version with its build metadata; a ``-`` in that may begin the board."""
    builds = (_BUILD.match(text, end), _LONGER_BUILD.match(text, end))
    ends = [match.end() for match in builds if match]
    for stop in dict.fromkeys(ends or [end]):
        build = text[end + 1 : stop].lower()
        yield VersionReading(_version(numbers, prerelease, build), stop)


def _identifiers(text: str) -> str:
    """Returns a pre-release as SemVer writes it: ``_rc_02`` is ``rc.2``."""
    parts = re.sub("[-_.~ ]+", ".", text.lower()).strip(".").split(".")
    return ".".join(str(int(part)) if part.isdigit() else part for part in parts)


def _split(numbers: str) -> list[str]:
    return re.split("[-_.]", numbers)


def _version(numbers: list[str], prerelease: str = "", build: str = "") -> Version | None:
    """Returns the version; None if it has more than four numbers, or is too long for a stamp."""
    if len(numbers) > 4 or any(len(number) > _LARGEST_DIGITS for number in numbers):
        return None
    padded = [str(int(number)) for number in numbers] + ["0", "0"]
    (major, minor, patch), fourth = padded[:3], padded[3 : len(numbers)]
    text = f"{major}.{minor}.{patch}" + (f"-{prerelease}" if prerelease else "")
    builds = ".".join([*fourth, *([build] if build else [])])
    try:
        return Version.parse(f"{text}+{builds}" if builds else text)
    except VersionError:
        return None
