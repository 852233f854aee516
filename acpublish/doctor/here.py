"""Examines what there is here: the machine, the project, and where it is published to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from acpublish.doctor.destination import check_destinations
from acpublish.doctor.findings import Finding, error, not_checked
from acpublish.doctor.hooks import check_scripts, hooks_of
from acpublish.doctor.machine import check_machine
from acpublish.errors import SettingsError
from acpublish.platformio_ini.options import Options

__all__ = ["check_here"]


def check_here(directory: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Examines this machine, the project in a folder, and the destination that is set there.

    Args:
        directory: The folder.
        environ: The environment variables.
    """
    return [*check_machine(environ), *_project(directory, environ)]


def _project(directory: Path, environ: Mapping[str, str]) -> list[Finding]:
    if not (directory / "platformio.ini").is_file():
        hint = "Run this in the folder of a PlatformIO project."
        missing = not_checked("project", "there is no platformio.ini in this folder", hint)
        return [missing, *check_destinations(directory, [], environ)]
    try:
        options = Options(directory)
    except SettingsError as fault:
        return [error("project", fault.problem, fault.hint)]
    if not options.environments():
        return [not_checked("project", "platformio.ini has no environment for a device")]
    hooks = hooks_of(directory, options)
    published = [name for name, entries in hooks.items() if entries]
    found = check_scripts(directory, options, hooks)
    return [*found, *check_destinations(directory, published, environ)] if published else found
