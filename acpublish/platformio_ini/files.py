"""The files of a PlatformIO project, read with their line ends as they are."""

from __future__ import annotations

import configparser
import glob
from pathlib import Path

from acpublish.errors import SettingsError
from acpublish.platformio_ini.text import Ini

__all__ = ["merged", "read", "read_if_there", "refuse_broken"]


def read(path: Path) -> str:
    """Returns the text of a project's file.

    Raises:
        SettingsError: It is not there, or cannot be read.
    """
    text = read_if_there(path)
    if text is None:
        raise SettingsError(
            f"there is no {path.name} in {path.parent.resolve()}",
            hint="Go to the folder of a PlatformIO project, or name it with --project-dir.",
        )
    return text


def read_if_there(path: Path) -> str | None:
    """Returns the text of a file; None where there is none.

    Raises:
        SettingsError: It cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is no UTF-8 text"
        raise SettingsError(
            f"{path} cannot be read: {why}", hint="Make it readable, then try again."
        ) from fault


def refuse_broken(path: Path, text: str) -> None:
    """Refuses what PlatformIO could not read, such as a section that is there twice.

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
        parser.read_string(text, path.name)
    except configparser.Error as fault:
        why = " ".join(fault.message.split())
        raise SettingsError(
            f"{path} cannot be read: {why}", hint="Run pio project config to look at it."
        ) from fault


def merged(directory: Path, text: str) -> Ini:
    """Returns platformio.ini with what it names as ``extra_configs``, only to be looked at.

    What PlatformIO reads later wins there, and what stands first wins here.

    Args:
        directory: The project's.
        text: What platformio.ini holds.

    Raises:
        SettingsError: One of the files cannot be read, or is broken.
    """
    texts, seen = [text], set[Path]()
    for held in texts:
        for path in _more(directory, held):
            if path not in seen and path.is_file():
                seen.add(path)
                texts.append(read(path))
                refuse_broken(path, texts[-1])
    return Ini("\n".join(reversed(texts)))


def _more(directory: Path, text: str) -> list[Path]:
    """Returns the files that a text names as ``extra_configs``."""
    return [
        directory / name
        for pattern in Ini(text).entries("platformio", "extra_configs")
        for name in sorted(glob.glob(pattern, root_dir=directory, recursive=True))  # noqa: PTH207
    ]
