"""The words that names of files are made of, as far as they mean the same everywhere.

Nothing here decides what a name means: a word that may mean two things makes the name ambiguous.
Each constant that is a string is a part of a regular expression.
"""

from __future__ import annotations

import re

#: Words that only versions before a release have.
PRERELEASE = (
    "alpha|beta|rc|pre|prealpha|preview|prerelease|candidate|milestone|unreleased"
    "|dev|devel|develop|development|nightly|daily|snapshot|canary|unstable|dirty"
)
#: Words that a version before a release may have, but a board or a variant as well.
MAYBE_PRERELEASE = (
    "a|b|test|testing|tst|qa|debug|dbg|exp|experimental|trial|wip|hotfix|fix|patch"
    "|edge|next|insiders?|internal|staging|ea|main|master"
)
#: The words that boards and chips of the ESP family begin with, or consist of.
HARDWARE = (
    r"esp\d*[a-z0-9]*|d1|d1r\d|d1mini\w*|nodemcu\w*|wemos\w*|lolin\w*|heltec\w*|ttgo\w*|lilygo\w*"
    r"|m5[a-z]\w*|xiao\w*|feather\w*|huzzah\w*|devkit\w*|doit\w*|wroom\w*|wrover\w*|lora32|d32"
    r"|nano32|tinypico|c2|c3|c5|c6|c61|s2|s3|h2|p4|8266|8285|32|hw\d+"
)
#: The names of the filesystems.
FILESYSTEM = "littlefs|mklittlefs|spiffs|mkspiffs"
#: Words that follow the name of a board, and say nothing alone.
_AFTER_HARDWARE = r"mini\d*|pro|lite|wifi|kit|board|cam|dev|usb|plus|r\d|\d+mb?|v\d+"
#: Words that describe a file, and which most names do without.
_STRAY = (
    r"release|final|stable|prod|production|ota|firmware|fw|sw|app|image|update|signed|build"
    r"|rev\d*[a-z]?"
)
#: The short name of a commit, as git writes it.
_COMMIT = r"g?(?=[0-9a-f]*\d)[0-9a-f]{7,40}"
_DATE = re.compile(
    r"(?<![^\W_])(?P<day>20\d\d(?P<gap>[-_.]?)(?:0[1-9]|1[0-2])(?P=gap)(?:0[1-9]|[12]\d|3[01]))"
    r"(?:[-_tT ]?[0-2]\d[0-5]\d(?:[0-5]\d)?)?(?![^\W_])",
    re.ASCII,
)
_FLAGS = re.IGNORECASE | re.ASCII


def is_hardware(word: str, *, after: bool = False) -> bool:
    """Returns whether a word names a board or a chip.

    Args:
        word: The word.
        after: Whether it follows one that does: then ``mini`` and ``v2`` belong to it.
    """
    words = f"{HARDWARE}|{_AFTER_HARDWARE}" if after else HARDWARE
    return re.fullmatch(words, word, _FLAGS) is not None


def is_stray(word: str) -> bool:
    """Returns whether a word is probably not a part of a board's name: a number, a commit."""
    number = word.isdigit() and not is_hardware(word)
    return number or re.fullmatch(rf"{_STRAY}|{_COMMIT}", word, _FLAGS) is not None


def is_prerelease(word: str) -> bool:
    """Returns whether a word, with or without a number, may mark a version before a release."""
    return re.fullmatch(rf"(?:{PRERELEASE}|{MAYBE_PRERELEASE})\d*", word, _FLAGS) is not None


def first_date(text: str) -> re.Match[str] | None:
    """Returns the first date of a text with its time; its group ``day`` is the date alone."""
    return _DATE.search(text)


def without_dates(text: str, *, dotted: bool) -> str:
    """Returns a text of the same length with ``_`` in place of each date, and of its time.

    Args:
        text: The text.
        dotted: Whether ``2024.01.15`` is a date, too; otherwise it is a version.
    """

    def blank(match: re.Match[str]) -> str:
        return match[0] if match["gap"] == "." and not dotted else "_" * len(match[0])

    return _DATE.sub(blank, text)
