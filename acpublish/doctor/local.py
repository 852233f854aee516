"""Examines this machine, the project in a folder, and the destinations that are set there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from acpublish.doctor.destination import check_destinations
from acpublish.doctor.extra_scripts import check_scripts, hooks_of
from acpublish.doctor.findings import Finding, error, not_checked
from acpublish.doctor.machine import check_machine
from acpublish.errors import SettingsError
from acpublish.platformio_ini.reader import BuiltinReader


def check_local(directory: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Examines this machine, the project in a folder, and its destinations.

    Args:
        directory: The folder.
        environ: The environment variables.
    """
    return [*check_machine(environ), *_project(directory, environ)]


def _project(directory: Path, environ: Mapping[str, str]) -> list[Finding]:
    if not os.path.isfile(directory / "platformio.ini"):  # noqa: PTH113 - it never raises an error
        hint = "Run this in the folder of a PlatformIO project."
        missing = not_checked("project", "there is no platformio.ini in this folder", hint)
        return [missing, *check_destinations(directory, environ)]
    try:
        project = BuiltinReader(directory, environ=environ)
        if not project.device_environments():
            return [not_checked("project", "platformio.ini has no environment for a device")]
        hooks = hooks_of(directory, project)
        findings = check_scripts(directory, project, hooks)
    except SettingsError as fault:
        return [error("project", fault.problem, fault.hint)]
    published = [name for name, entries in hooks.items() if entries]
    if published:
        findings += check_destinations(directory, environ, project, published)
    return findings
