"""The layers that count in a place: the same for commands, the hook and Arduino's recipe."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path

from acpublish.settings.files import file_layers
from acpublish.settings.layers import Layer, environment
from acpublish.settings.values import Settings

__all__ = ["command_settings", "files_of"]


def files_of(directory: Path, environ: Mapping[str, str]) -> Callable[[], tuple[Layer, ...]]:
    """Returns what reads the files of settings that count in a directory, once, when asked to."""
    return functools.cache(lambda: file_layers(directory, environ))


def command_settings(
    first: Layer,
    environ: Mapping[str, str],
    directory: Path,
    *,
    project_environment: str | None = None,
    defaults: bool = False,
    without: Collection[str] = (),
) -> Settings:
    """Returns the settings of a command: its options, and all that comes after them.

    Args:
        first: The layer of the command's options.
        environ: The environment variables.
        directory: Where the command is run.
        project_environment: The environment of platformio.ini whose options count.
        defaults: Whether a PlatformIO project also tells product and board by its name and board.
        without: Settings that the project's and the user's files do not decide.

    Raises:
        SettingsError: A file of settings cannot be read, or holds what is no setting.
    """
    # A build has the options of platformio.ini from PlatformIO, and does not load this.
    from acpublish.settings.project import project_layers

    project = project_layers(directory, project_environment, defaults=defaults)
    files = file_layers(directory, environ)
    # The folder's name and the option board are no settings, so that they come last.
    found = (_without(without, layer) for layer in (*project[:1], *files, *project[1:]))
    return Settings(first, environment(environ), *found)


def _without(names: Collection[str], layer: Layer) -> Layer:
    values = {name: text for name, text in layer.values.items() if name not in names}
    return replace(layer, values=values)
