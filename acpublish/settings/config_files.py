"""Settings files: ``acpublish.toml`` and ``pyproject.toml`` of a project, and the user's own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from acpublish.errors import SettingsError, reason_of
from acpublish.publishing.versions import parse_toml
from acpublish.settings.layers import MOVE_IT, IgnoredValue, Layer, layer
from acpublish.settings.setting_names import LISTS, NAMES, SWITCHES, nearest

_FOLDER = "acpublish"
_TYPES = {bool: "a yes or no", int: "a number", float: "a number", list: "a list", dict: "a table"}


def file_layers(directory: Path, environ: Mapping[str, str]) -> tuple[Layer, ...]:
    """Returns the layers of the files that exist, the project's before the user's.

    Args:
        directory: The project's.
        environ: The environment variables, which determine the user's folder.

    Raises:
        SettingsError: One cannot be read, is not valid TOML, or contains an unknown setting.
    """
    layers = []
    own = directory / "acpublish.toml"
    table = _read(own)
    if table is not None:
        layers.append(_layer(table, own.name, directory))
    table = _tool_table(directory / "pyproject.toml")
    if table is not None:
        layers.append(_layer(table, "[tool.acpublish] of pyproject.toml", directory))
    user = user_file(environ)
    table = _read(user) if user else None
    if user and table is not None:
        layers.append(_layer(table, str(user), user.parent))
    return tuple(layers)


def user_file(environ: Mapping[str, str], system: str = sys.platform) -> Path | None:
    """Returns where a platform keeps the user's settings; None if there is no home directory.

    Linux and similar systems follow the XDG Base Directory Specification, which ignores a relative
    path.
    """
    if system == "win32":
        roaming = environ.get("APPDATA")
        return Path(roaming, _FOLDER, "config.toml") if roaming else None
    base = environ.get("XDG_CONFIG_HOME", "")
    if system != "darwin" and Path(base).is_absolute():
        return Path(base, _FOLDER, "config.toml")
    try:
        home = Path.home()
    except RuntimeError:
        return None
    folder = ("Library", "Application Support") if system == "darwin" else (".config",)
    return home.joinpath(*folder, _FOLDER, "config.toml")


def _tool_table(path: Path) -> dict[str, Any] | None:
    tools = (_read(path) or {}).get("tool")
    table = tools.get("acpublish") if isinstance(tools, dict) else None
    if table is None or isinstance(table, dict):
        return table
    raise SettingsError(
        f"{path.name}: tool.acpublish is not a table", hint="Write a section [tool.acpublish]."
    )


def _read(path: Path) -> dict[str, Any] | None:
    """Returns the content of a file; None if there is no such file."""
    try:
        return parse_toml(path.read_bytes().decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        why = reason_of(fault)
        raise SettingsError(
            f"{path} cannot be read: {why}", hint="Make it readable, or move it away."
        ) from fault
    except ValueError as fault:
        why = "it is not valid UTF-8" if isinstance(fault, UnicodeDecodeError) else str(fault)
        raise SettingsError(
            f"{path} is not valid TOML: {why}",
            hint='Write each setting like this: product = "lamp"',
        ) from fault


def _layer(table: Mapping[str, Any], source: str, base: Path) -> Layer:
    for name in table:
        if name not in NAMES:
            raise SettingsError(f"{source}: {name!r} is not a setting", hint=nearest(name))
    ignored: tuple[IgnoredValue, ...] = ()
    if "token" in table:
        problem = f"the token in {source} is not used, because settings files get copied and shared"
        ignored = (IgnoredValue("token", problem, f"{MOVE_IT} token_file."),)
    values = {name: _text(name, value, source) for name, value in table.items() if name != "token"}
    file_layer = layer(values, lambda name: f"{name} in {source}", base=base)
    return replace(file_layer, proposed=False, ignored=ignored)


def _text(name: str, value: object, source: str) -> str:
    if isinstance(value, str):
        return value
    if name in SWITCHES and isinstance(value, bool):
        return "yes" if value else "no"
    if name in LISTS and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return LISTS[name].join(value)
    wanted = "true or false" if name in SWITCHES else f'a string in quotes: {name} = "…"'
    if name in LISTS:
        wanted = f'strings in quotes: {name} = ["…", "…"]'
    raise SettingsError(
        f"{source}: {name} is {_TYPES.get(type(value), 'not a string')}", hint=f"Write {wanted}."
    )
