"""The sources of settings; each layer has the values of one source, and its name for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from acpublish.errors import SettingsError
from acpublish.settings.setting_names import NAMES, NOT_IN_INI, OPTIONS, nearest

_INI = "custom_ota_"
#: What to do with a token in a settings file; the name of a setting completes the sentence.
MOVE_IT = (
    "Move it to the environment variable ACPUBLISH_TOKEN, or to a private file whose path you set "
    "as"
)


@dataclass(frozen=True, slots=True)
class IgnoredValue:
    """A value in a source that is not used.

    Attributes:
        name: The name of the setting, or of an option that is not one.
        problem: Why it is not used, as a phrase without a final full stop.
        hint: What to do next, as a sentence.
    """

    name: str
    problem: str
    hint: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.problem}. {self.hint}"


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings: its values, and its name for each setting.

    Attributes:
        values: The values as strings, by the names of the settings.
        origin: Returns the layer's name for a setting.
        full_origin: Returns the same with the source, for hints and lists; None if ``origin`` is
            enough.
        base: The directory that a relative path is relative to; None for the current directory.
        variables: All environment variables, for settings that name some; never shown.
        proposed: Whether a hint proposes this source for a missing setting.
        stdin: Whether ``-`` as its token file is standard input.
        ignored: The values in the source that are not used.
        environments: The environments of platformio.ini, if one must be chosen to see all options.
    """

    values: Mapping[str, str]
    origin: Callable[[str], str]
    full_origin: Callable[[str], str] | None = None
    base: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    proposed: bool = True
    stdin: bool = False
    ignored: tuple[IgnoredValue, ...] = ()
    environments: tuple[str, ...] = ()

    def in_full(self, name: str) -> str:
        """Returns the layer's name for a setting, with the source."""
        return (self.full_origin or self.origin)(name)


def flags(values: Mapping[str, str | None]) -> Layer:
    """The layer of the command line.

    Raises:
        SettingsError: An option is empty, for example because a script did not set a variable.
    """
    for name, text in values.items():
        if text is not None and not text.strip():
            raise SettingsError(
                f"{_option(name)} is empty", hint="Pass a value, or omit the option."
            )
    return replace(layer(values, _option), stdin=True)


def arguments(
    values: Mapping[str, str | None],
    names: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Layer:
    """The layer of a function's arguments, or of a command's arguments.

    Args:
        values: The values as strings.
        names: The names of the arguments that are not called like their settings.
        variables: All environment variables, for an argument that names one.
    """
    argument_names = names or {}
    arguments_layer = layer(
        values,
        lambda name: argument_names.get(name, name),
        full_origin=lambda name: f"the argument {argument_names.get(name, name)}",
    )
    return replace(arguments_layer, variables=variables or {})


def _option(name: str) -> str:
    return OPTIONS.get(name, "--" + name.replace("_", "-"))


def environment(environ: Mapping[str, str], base: Path | None = None) -> Layer:
    """The layer of environment variables.

    Args:
        environ: The variables.
        base: The directory that a relative ``ACPUBLISH_TO`` is relative to; None for the current
            directory.
    """
    values = {name: environ.get(f"ACPUBLISH_{name.upper()}") for name in NAMES}
    variables_layer = layer(values, lambda name: f"ACPUBLISH_{name.upper()}", base=base)
    return replace(variables_layer, variables=environ)


def ini(option: Callable[[str], str | None], project: Path, options: Iterable[str] = ()) -> Layer:
    """The layer of platformio.ini.

    Args:
        option: Returns an option's value, None if it is not set.
        project: The directory that a relative ``custom_ota_to`` is relative to.
        options: The names of all options that are set, to find unknown settings.
    """
    values = {name: option(_INI + name) for name in NAMES if name not in NOT_IN_INI}
    ini_layer = layer(
        values,
        lambda name: _INI + name,
        full_origin=lambda name: f"{_INI}{name} in platformio.ini",
        base=project,
    )
    return replace(ini_layer, ignored=tuple(_ignored_options(option, options)))


def _ignored_options(
    option: Callable[[str], str | None], options: Iterable[str]
) -> Iterator[IgnoredValue]:
    if (option(f"{_INI}token") or "").strip():
        yield IgnoredValue(
            "token",
            f"{_INI}token is not used, because platformio.ini is usually shared",
            f"{MOVE_IT} {_INI}token_file.",
        )
    for name in options:
        bare = name.removeprefix(_INI)
        if bare != name and bare not in NAMES:
            problem = f"{name} in platformio.ini is not a setting of acpublish"
            yield IgnoredValue(bare, problem, nearest(bare, _INI))


def layer(
    values: Mapping[str, str | None],
    origin: Callable[[str], str],
    *,
    full_origin: Callable[[str], str] | None = None,
    base: Path | None = None,
) -> Layer:
    """Returns a layer of values; those that are None or empty count as not set."""
    stripped = {name: str(text).strip() for name, text in values.items() if text is not None}
    present = {name: text for name, text in stripped.items() if text}
    return Layer(present, origin, full_origin, base)
