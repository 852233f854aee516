"""Reads what platformio.ini says of each environment, and where it says it."""

from __future__ import annotations

import re
from pathlib import Path

from acpublish.platformio_ini.files import merged, read
from acpublish.platformio_ini.text import SCRIPTS, entries_of

__all__ = ["Options"]

_REFERENCE = re.compile(r"\$\{(?P<section>[^}]+)\.(?P<option>[^.}]+)\}")
#: More than anybody nests; a reference to itself ends there.
_DEPTH = 8


class Options:
    """The options of a project's environments."""

    def __init__(self, directory: Path, text: str | None = None) -> None:
        """Reads platformio.ini, and what it names as ``extra_configs``.

        Args:
            directory: The project's.
            text: What platformio.ini would hold; by default what it holds.

        Raises:
            SettingsError: One of them cannot be read.
        """
        held = read(directory / "platformio.ini") if text is None else text
        self._ini = merged(directory, held)

    def environments(self) -> list[str]:
        """Returns those that are built for a device's chip, each once."""
        names = dict.fromkeys(self._ini.environments())
        return [name for name in names if self._lookup(name, "platform").strip() != "native"]

    def scripts(self, environment: str) -> list[str]:
        """Returns the entries of ``extra_scripts``, in order."""
        return entries_of(self._lookup(environment, SCRIPTS))

    def common_scripts(self) -> list[str]:
        """Returns the entries of ``extra_scripts`` in ``[env]``."""
        return self._ini.entries("env", SCRIPTS)

    def section_of_scripts(self, environment: str) -> str | None:
        """Returns the section that an environment takes its ``extra_scripts`` from."""
        return self._ini.provider(environment, SCRIPTS)

    def flags(self, environment: str) -> str:
        """Returns ``build_flags``."""
        return self._lookup(environment, "build_flags")

    def _lookup(self, environment: str, option: str) -> str:
        text = self._ini.lookup(environment, option) or ""
        for _ in range(_DEPTH):
            filled = _REFERENCE.sub(
                lambda found: self._referred(environment, found["section"], found["option"]), text
            )
            if filled == text:
                break
            text = filled
        return text

    def _referred(self, environment: str, section: str, option: str) -> str:
        section = f"env:{environment}" if section == "this" else section
        value = self._ini.value(section, option)
        if value is None and section.startswith("env:"):
            value = self._ini.lookup(section.removeprefix("env:"), option)
        if option == SCRIPTS and section.partition(":")[0] == "env":
            # What has entries is filled in with each on a line of its own (``config.py``, ``get``).
            return "\n".join(entries_of(value or ""))
        return value or ""
