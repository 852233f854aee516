"""Text that is stored with a release: what it may contain, checked where it comes in.

Half a surrogate pair, as Python reads a file name that is not UTF-8, cannot be encoded, so no
response could contain it. A control character could change what a terminal or a log shows. What
people call things may not contain characters either that hide or reorder others, as U+202E does,
or that nobody can see; what a build says of itself may, because it comes from other programs.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping

from acpublish.errors import SettingsError

MAX_NAME_CHARACTERS = 64
#: The hook shortens lists of libraries and flags to a quarter of this.
MAX_VALUE_CHARACTERS = 4096
#: As much as fits into the head of an upload.
MAX_MAPPING_CHARACTERS = 16 * 1024
_UNREADABLE = frozenset({"Cc", "Cs"})
_UNFIT = _UNREADABLE | {"Cf", "Zl", "Zp", "Co", "Cn"}
_FAULTS = {"Cs": "is not valid Unicode", "Cc": "contains a control character"}


def text_fault(
    text: str, limit: int = MAX_VALUE_CHARACTERS, unfit: Collection[str] = _UNFIT
) -> str:
    """Returns what is wrong with a text, as in "it is too long"; empty if nothing is.

    Args:
        text: The text.
        limit: How many characters it may have.
        unfit: The categories of Unicode that its characters may not be of.
    """
    if len(text) > limit:
        return f"is {len(text)} characters long; the limit is {limit}"
    for character in text:
        category = unicodedata.category(character)
        if category in unfit:
            what = _FAULTS.get(category, "contains a character that cannot be seen")
            return f"{what} ({ascii(character)[1:-1]})"
    return ""


def name_of_person(text: str) -> str:
    """Returns what somebody calls themselves, as it is shown to everyone.

    Raises:
        SettingsError: It is too long, or contains what no response could contain.
    """
    fault = text_fault(text, MAX_NAME_CHARACTERS)
    if fault:
        raise SettingsError(f"the name {fault}", hint="Use a short name on one line.")
    return text


def mapping_fault(mapping: Mapping[str, str]) -> str:
    """Returns what is wrong with texts and their names, as a phrase; empty if nothing is."""
    for name, value in mapping.items():
        fault = text_fault(name, MAX_NAME_CHARACTERS, _UNREADABLE)
        if fault:
            return f"the name {name[:MAX_NAME_CHARACTERS]!r} {fault}"
        fault = text_fault(value, unfit=_UNREADABLE)
        if fault:
            return f"{name} {fault}"
    total = sum(len(name) + len(value) for name, value in mapping.items())
    if total > MAX_MAPPING_CHARACTERS:
        return f"all texts are {total} characters long; the limit is {MAX_MAPPING_CHARACTERS}"
    return ""


def cleaned(text: str) -> str:
    """Returns a text that nobody typed with every unfit character replaced by a question mark."""
    # So are nearly all, and a device's first check waits for several of these.
    if text.isascii() and text.isprintable():
        return text
    return "".join("?" if unicodedata.category(each) in _UNFIT else each for each in text)
