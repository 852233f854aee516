"""Reads the files of a PlatformIO project, with their line endings as they are."""

from __future__ import annotations

import configparser
import io
from pathlib import Path

from acpublish.errors import SettingsError, reason_of


def read(path: Path) -> str:
    """Returns the text of a project's file.

    Raises:
        SettingsError: It is missing, or cannot be read.
    """
    text = read_if_there(path)
    if text is None:
        raise SettingsError(
            f"there is no {path.name} in {path.parent.resolve()}",
            hint="Change to the folder of a PlatformIO project, or pass it with --project-dir.",
        )
    return text


def read_if_there(path: Path) -> str | None:
    """Returns the text of a file; None if there is none.

    Raises:
        SettingsError: It cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        why = reason_of(fault) if isinstance(fault, OSError) else "it is not valid UTF-8"
        raise SettingsError(
            f"{path} cannot be read: {why}", hint="Make it readable, then try again."
        ) from fault


def refuse_broken(path: Path, text: str) -> configparser.ConfigParser:
    """Refuses a file that PlatformIO could not read, for example one with a duplicate section.

    Args:
        path: The file, for the message.
        text: Its content.

    Returns:
        The file's own sections and options, as they are written.

    Raises:
        SettingsError: It is broken.
    """
    if text.startswith("\ufeff"):
        raise SettingsError(
            f"{path} begins with a byte order mark, which PlatformIO cannot read",
            hint="Save it as UTF-8 without BOM.",
        )
    # As PlatformIO does it (``project/config.py``).
    parser = configparser.ConfigParser(inline_comment_prefixes=("#", ";"), interpolation=None)
    try:
        parser.read_file(io.StringIO(text, newline=None), path.name)
    except configparser.Error as fault:
        raise unreadable(path, " ".join(fault.message.split())) from fault
    return parser


def unreadable(path: Path, why: str) -> SettingsError:
    """Returns the error for a file that PlatformIO could not read either."""
    return SettingsError(
        f"{path} cannot be read: {why.rstrip('.')}", hint="Run pio project config to look at it."
    )
