"""The places that settings come from; each gives its texts and says what it calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from acpublish.settings.names import NAMES, NOT_IN_INI, OPTIONS

__all__ = ["Layer", "arguments", "environment", "flags", "ini"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One place that settings come from: the texts it holds, and what it calls each.

    Attributes:
        values: The texts, by the names of the settings.
        origin: What the layer calls a setting.
        place: The same in a hint on how to give it; None where that is what ``origin`` says.
        base: What a relative path is relative to; None for the current directory.
        variables: All environment variables, for settings that name some; never shown.
    """

    values: Mapping[str, str]
    origin: Callable[[str], str]
    place: Callable[[str], str] | None = None
    base: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    def how_to_give(self, name: str) -> str:
        """Returns the words for a hint."""
        return (self.place or self.origin)(name)


def flags(values: Mapping[str, str | None]) -> Layer:
    """The layer of the command line."""
    return _layer(values, _option)


def arguments(values: Mapping[str, str | None], names: Mapping[str, str] | None = None) -> Layer:
    """The layer of a function's arguments, or of what a command has instead of options.

    Args:
        values: The texts.
        names: What those are called that have another name.
    """
    called = names or {}
    return _layer(
        values,
        lambda name: called.get(name, name),
        place=lambda name: f"the argument {called.get(name, name)}",
    )


def _option(name: str) -> str:
    return OPTIONS.get(name, "--" + name.replace("_", "-"))


def environment(environ: Mapping[str, str], base: Path | None = None) -> Layer:
    """The layer of environment variables.

    Args:
        environ: The variables.
        base: What a relative ``ACPUBLISH_TO`` is relative to; None for the current directory.
    """
    values = {name: environ.get(f"ACPUBLISH_{name.upper()}") for name in NAMES}
    layer = _layer(values, lambda name: f"ACPUBLISH_{name.upper()}", base=base)
    return replace(layer, variables=environ)


def ini(option: Callable[[str], str | None], project: Path) -> Layer:
    """The layer of platformio.ini.

    Args:
        option: Returns an option's text, None where it is not set.
        project: What a relative ``custom_ota_to`` is relative to.
    """
    values = {name: option(f"custom_ota_{name}") for name in NAMES if name not in NOT_IN_INI}
    return _layer(
        values,
        lambda name: f"custom_ota_{name}",
        place=lambda name: f"custom_ota_{name} in platformio.ini",
        base=project,
    )


def _layer(
    values: Mapping[str, str | None],
    origin: Callable[[str], str],
    *,
    place: Callable[[str], str] | None = None,
    base: Path | None = None,
) -> Layer:
    given = {name: str(text).strip() for name, text in values.items() if text is not None}
    given = {name: text for name, text in given.items() if text}
    return Layer(given, origin, place, base)
