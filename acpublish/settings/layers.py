"""The places that settings come from; each gives its texts and says what it calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from acpublish.errors import SettingsError
from acpublish.settings.names import NAMES, NOT_IN_INI, OPTIONS, nearest

__all__ = ["Layer", "arguments", "environment", "flags", "ini", "layer"]

_INI = "custom_ota_"
#: What to do with a token that stands in a file of settings.
MOVE_IT = "Move it to the environment variable ACPUBLISH_TOKEN, or to a file of your own that"


@dataclass(frozen=True, slots=True)
class Layer:
    """One place that settings come from: the texts it holds, and what it calls each.

    Attributes:
        values: The texts, by the names of the settings.
        origin: What the layer calls a setting.
        place: The same in full, for hints and lists; None where that is what ``origin`` says.
        base: What a relative path is relative to; None for the current directory.
        variables: All environment variables, for settings that name some; never shown.
        proposed: Whether a hint proposes this place for a setting that is missing.
        stdin: Whether ``-`` as its token file is standard input.
        warnings: What it holds that is not used.
        environments: Those of platformio.ini of which one has to be named for all that they say.
    """

    values: Mapping[str, str]
    origin: Callable[[str], str]
    place: Callable[[str], str] | None = None
    base: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    proposed: bool = True
    stdin: bool = False
    warnings: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()

    def in_full(self, name: str) -> str:
        """Returns what a setting is called, with the place."""
        return (self.place or self.origin)(name)


def flags(values: Mapping[str, str | None]) -> Layer:
    """The layer of the command line.

    Raises:
        SettingsError: An option is empty, as where a variable of a script was not set.
    """
    for name, text in values.items():
        if text is not None and not text.strip():
            raise SettingsError(
                f"{_option(name)} is empty", hint="Give it a value, or leave it out."
            )
    return replace(layer(values, _option), stdin=True)


def arguments(
    values: Mapping[str, str | None],
    names: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Layer:
    """The layer of a function's arguments, or of what a command has instead of options.

    Args:
        values: The texts.
        names: What those are called that have another name.
        variables: All environment variables, for an argument that names one.
    """
    called = names or {}
    found = layer(
        values,
        lambda name: called.get(name, name),
        place=lambda name: f"the argument {called.get(name, name)}",
    )
    return replace(found, variables=variables or {})


def _option(name: str) -> str:
    return OPTIONS.get(name, "--" + name.replace("_", "-"))


def environment(environ: Mapping[str, str], base: Path | None = None) -> Layer:
    """The layer of environment variables.

    Args:
        environ: The variables.
        base: What a relative ``ACPUBLISH_TO`` is relative to; None for the current directory.
    """
    values = {name: environ.get(f"ACPUBLISH_{name.upper()}") for name in NAMES}
    found = layer(values, lambda name: f"ACPUBLISH_{name.upper()}", base=base)
    return replace(found, variables=environ)


def ini(option: Callable[[str], str | None], project: Path, options: Iterable[str] = ()) -> Layer:
    """The layer of platformio.ini.

    Args:
        option: Returns an option's text, None where it is not set.
        project: What a relative ``custom_ota_to`` is relative to.
        options: The names of all options that are set, to find those that are no settings.
    """
    values = {name: option(_INI + name) for name in NAMES if name not in NOT_IN_INI}
    found = layer(
        values,
        lambda name: _INI + name,
        place=lambda name: f"{_INI}{name} in platformio.ini",
        base=project,
    )
    return replace(found, warnings=tuple(_ini_warnings(option, options)))


def _ini_warnings(option: Callable[[str], str | None], options: Iterable[str]) -> Iterable[str]:
    if (option(f"{_INI}token") or "").strip():
        yield (
            f"{_INI}token is not used, because platformio.ini is a file that people share. "
            f"{MOVE_IT} {_INI}token_file names."
        )
    for name in options:
        bare = name.removeprefix(_INI)
        if bare != name and bare not in NAMES:
            yield f"{name} in platformio.ini is no setting of acpublish. {nearest(bare, _INI)}"


def layer(
    values: Mapping[str, str | None],
    origin: Callable[[str], str],
    *,
    place: Callable[[str], str] | None = None,
    base: Path | None = None,
) -> Layer:
    """Returns a layer of texts; those that are None or empty are not given."""
    given = {name: str(text).strip() for name, text in values.items() if text is not None}
    given = {name: text for name, text in given.items() if text}
    return Layer(given, origin, place, base)
