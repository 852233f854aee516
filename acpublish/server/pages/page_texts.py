"""All texts of the pages, by their keys: a translation is another folder beside ``texts/en``.

``t("devices.title")`` is the entry ``title`` of ``devices.json``. A text has its values in braces,
as in ``{name}``. One that depends on a number is an object with the keys ``one`` and ``other``, and
the number is the value ``n``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

FOLDER = Path(__file__).parent / "texts"
LANGUAGE = "en"


class PageTexts:
    """The texts of a language.

    Attributes:
        language: Its tag, as HTML has it.
    """

    def __init__(self, language: str = LANGUAGE) -> None:
        """Reads the texts.

        Args:
            language: The name of their folder.
        """
        self.language = language
        self._texts: dict[str, Markup | Mapping[str, Markup]] = {}
        for file in sorted((FOLDER / language).glob("*.json")):
            for key, text in json.loads(file.read_text(encoding="utf-8")).items():
                self._texts[f"{file.stem}.{key}"] = _escaped(text)

    def __call__(self, key: str, **values: object) -> Markup:
        """Returns a text as HTML; the values in it are escaped, and printable.

        Raises:
            KeyError: There is no such text, or it lacks a value.
        """
        text = self._texts[key]
        if not isinstance(text, Markup):
            text = text["one" if values["n"] == 1 else "other"]
        if not values:
            return text
        return text.format(**{name: printable(value) for name, value in values.items()})

    def __contains__(self, key: str) -> bool:
        """Returns whether there is a text with this key."""
        return key in self._texts


@lru_cache(maxsize=1)
def shared_texts() -> PageTexts:
    """Returns the texts of this process."""
    return PageTexts()


def printable(value: Any) -> Any:
    """Returns a value with control characters and the like as escapes; None becomes empty."""
    if value is None:
        return ""
    if type(value) is not str or value.isprintable():
        return value
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode()
        for character in value
    )


def _escaped(text: str | Mapping[str, str]) -> Markup | Mapping[str, Markup]:
    if isinstance(text, str):
        return escape(text)
    return {form: escape(words) for form, words in text.items()}
