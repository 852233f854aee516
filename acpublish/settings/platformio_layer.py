"""The layers of settings that a PlatformIO project provides to the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from acpublish.errors import SettingsError
from acpublish.platformio_ini.files import read_if_there
from acpublish.platformio_ini.reader import ProjectOptions, has_reference, read_project
from acpublish.release import names
from acpublish.settings.layers import IgnoredValue, Layer, ini, layer


def project_layers(
    directory: Path,
    environment: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    defaults: bool = False,
) -> tuple[Layer, ...]:
    """Returns the layers of a PlatformIO project; none if the directory is not such a project.

    Args:
        directory: The project's.
        environment: The environment whose options to use; None for the options that are the same in
            all environments that a plain ``pio run`` builds.
        environ: The environment variables, for ``${sysenv.…}``; none by default.
        defaults: Whether the folder's name is the product, and the option ``board`` the board.

    Raises:
        SettingsError: There is no such environment, or the file cannot be read.
    """
    # PlatformIO's reader takes a file that it cannot open for an empty one.
    if read_if_there(directory / "platformio.ini") is None:
        if environment is None:
            return ()
        raise SettingsError(
            f"there is no platformio.ini here, and so no environment {environment!r}",
            hint="Change to the folder of the project.",
        )
    return layers_of(
        read_project(directory, environ or {}), directory, environment, defaults=defaults
    )


def layers_of(
    project: ProjectOptions,
    directory: Path,
    environment: str | None = None,
    *,
    defaults: bool = False,
) -> tuple[Layer, ...]:
    """Returns the layers of a project that was read: as :func:`project_layers`."""
    environments = project.environments()
    if environment is not None and environment not in environments:
        raise SettingsError(
            f"platformio.ini has no environment {environment!r}",
            hint=f"Use one of: {', '.join(environments)}."
            if environments
            else "Add one to platformio.ini, such as [env:d1_mini].",
        )
    selected = [environment] if environment else project.default_environments() or environments
    unresolved: dict[str, IgnoredValue] = {}

    def option(key: str) -> str | None:
        values = {project.option(name, key) for name in selected}
        value = values.pop() if len(values) == 1 else None
        if value and has_reference(value):
            unresolved[key] = IgnoredValue(
                key.removeprefix("custom_ota_"),
                f"{key} in platformio.ini is ignored: it contains ${{…}}, which only PlatformIO "
                "can expand",
                "Install acpublish alongside PlatformIO, or set the option elsewhere.",
            )
            return None
        return value

    options = dict.fromkeys(key for name in selected for key in project.options(name))
    settings = ini(option, directory, options)
    settings = replace(
        settings,
        ignored=(*settings.ignored, *unresolved.values()),
        environments=tuple(selected) if len(selected) > 1 else (),
    )
    return (settings, _defaults(directory, option)) if defaults else (settings,)


def _defaults(directory: Path, option: Callable[[str], str | None]) -> Layer:
    origins = {"product": "the folder's name", "board": "the option board in platformio.ini"}
    board = option("board")
    values = {
        "product": names.product_from(directory.resolve().name),
        "board": names.board_from(board) if board else "",
    }
    return replace(layer(values, lambda name: origins.get(name, name)), proposed=False)
