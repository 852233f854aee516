"""What platformio.ini says to the command line: PlatformIO itself reads it, where it is installed.

Without PlatformIO the options are read as they stand there, and what holds ``${…}`` is left out.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acpublish.errors import SettingsError
from acpublish.platformio_ini.text import Ini
from acpublish.release import names
from acpublish.settings.layers import Layer, ini, layer

__all__ = ["project_layers"]

_CONFIG, _FAULTS = "platformio.project.config", "platformio.exception"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ini:
    """What was read: environments, those that a plain ``pio run`` builds, and their options."""

    environments: Sequence[str]
    default: Sequence[str]
    option: Callable[[str, str], str | None]
    options: Callable[[str], Iterable[str]]


def project_layers(
    directory: Path, environment: str | None = None, *, defaults: bool = False
) -> tuple[Layer, ...]:
    """Returns the layers of a PlatformIO project; none where the directory is no such project.

    Args:
        directory: The project's.
        environment: Whose options count; None for those in which all agree that a plain
            ``pio run`` builds.
        defaults: Whether the folder's name is the product, and the option ``board`` the board.

    Raises:
        SettingsError: There is no such environment, or the file cannot be read.
    """
    path = directory / "platformio.ini"
    if not path.is_file():
        if environment is None:
            return ()
        raise SettingsError(
            f"there is no platformio.ini here, and so no environment {environment!a}",
            hint="Go to the folder of the project.",
        )
    read = _by_platformio(path) or _as_it_stands(path)
    if environment is not None and environment not in read.environments:
        raise SettingsError(
            f"platformio.ini has no environment {environment!a}",
            hint=f"There are {', '.join(read.environments) or 'none'}.",
        )
    asked = [environment] if environment else read.default or read.environments
    skipped: dict[str, str] = {}

    def option(key: str) -> str | None:
        texts = {read.option(one, key) for one in asked}
        text = texts.pop() if len(texts) == 1 else None
        if text and "${" in text:
            skipped[key] = (
                f"{key} in platformio.ini is left out: it holds ${{…}}, which only PlatformIO "
                "can fill in. Install acpublish beside PlatformIO, or set it elsewhere."
            )
            return None
        return text

    options = dict.fromkeys(name for one in asked for name in read.options(one))
    found = ini(option, directory, options)
    found = replace(
        found,
        warnings=(*found.warnings, *skipped.values()),
        environments=tuple(asked) if len(asked) > 1 else (),
    )
    return (found, _defaults(directory, option)) if defaults else (found,)


def _defaults(directory: Path, option: Callable[[str], str | None]) -> Layer:
    called = {"product": "the folder's name", "board": "the option board in platformio.ini"}
    values = {
        "product": names.product_from(directory.resolve().name),
        "board": (option("board") or "").lower(),
    }
    return replace(layer(values, lambda name: called.get(name, name)), proposed=False)


def _by_platformio(path: Path) -> _Ini | None:
    try:
        config_module: Any = importlib.import_module(_CONFIG)
        faults: Any = importlib.import_module(_FAULTS)
    except ImportError:
        return None
    try:
        config = config_module.ProjectConfig(str(path))
        sections = {name: config.items(env=name, as_dict=True) for name in config.envs()}
        default = config.default_envs()
    except (faults.PlatformioException, UnicodeDecodeError) as fault:
        raise _unreadable(path, str(fault)) from fault

    def option(environment: str, key: str) -> str | None:
        value = sections[environment].get(key)
        return None if value is None else str(value)

    return _Ini(
        environments=list(sections),
        default=[name for name in default if name in sections],
        option=option,
        options=lambda environment: sections[environment],
    )


def _as_it_stands(path: Path) -> _Ini:
    try:
        found = Ini(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is no UTF-8 text"
        raise _unreadable(path, why or "unknown reason") from fault
    environments = found.environments()
    return _Ini(
        environments=environments,
        default=[
            name for name in found.entries("platformio", "default_envs") if name in environments
        ],
        option=found.lookup,
        options=lambda _: (),
    )


def _unreadable(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"{path} cannot be read: {why.rstrip('.')}", hint="Run pio project config to look at it."
    )
