"""Examines what is set for each environment, and the place that it is published to."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from acpublish.doctor.findings import Examination, Finding, error, not_checked, warning
from acpublish.doctor.live import check_server
from acpublish.errors import AcpublishError, AuthenticationError, SettingsError
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.options import Destination
from acpublish.publishing.versions import resolve
from acpublish.settings.layers import arguments
from acpublish.settings.values import Settings, command_settings

__all__ = ["check_destinations"]

#: Files that a repository usually holds.
_SHARED = ("platformio.ini", "acpublish.toml", "pyproject.toml")
#: How a warning of the settings begins that is about a token.
_OF_A_TOKEN = re.compile(r"(custom_ota_|the )token\b")
#: What acpublish token create prints.
_TOKEN = re.compile(r"\bacp_[A-Za-z0-9_-]{40,64}")


def check_destinations(
    directory: Path, environments: Sequence[str], environ: Mapping[str, str]
) -> list[Finding]:
    """Examines settings, versions and destinations.

    Args:
        directory: The project's.
        environments: Those of its platformio.ini; none where it has no such file.
        environ: The environment variables.
    """
    examination = Examination()
    settings: dict[str, Settings] = {}
    # What is proposed for a missing setting is a line of a file, and no argument of this function.
    first = replace(arguments({}), proposed=False)
    for name in environments or [""]:
        try:
            settings[name] = command_settings(
                first, environ, directory, project_environment=name or None, defaults=True
            )
        except AcpublishError as fault:
            examination.look_at("settings", "", [_error("settings", fault)])
    if not environments and not any(one.text("to") for one in settings.values()):
        return examination.findings()
    if environments:
        _look_at_settings(examination, directory, settings)
    _look_at_warnings(examination, directory, settings.values())
    destinations = list(_destinations(settings.values()))
    for one in destinations:
        _look_at(examination, one)
    servers = dict.fromkeys(one.to for one in destinations if one.is_server)
    return [*examination.findings(), *(one for url in servers for one in _server(url))]


def _look_at_settings(
    examination: Examination, directory: Path, settings: Mapping[str, Settings]
) -> None:
    faults, versions = dict[str, AcpublishError](), dict[str, AcpublishError]()
    sources = set()
    for name, found in settings.items():
        try:
            found.publish_options()
            found.flag("on_build")
        except AcpublishError as fault:
            faults[name] = fault
            continue
        source = found.version_source() or ""
        try:
            resolve(source, directory)
        except AcpublishError as fault:
            versions[name] = fault
        sources.add(source)
    fine = "what a publish needs is set"
    examination.look_at("settings", fine, _faults("settings", faults, len(settings)))
    if sources:
        fine = f"the version comes from {', '.join(sorted(sources))}"
        examination.look_at("version", fine, _faults("version", versions, len(settings)))


def _faults(name: str, faults: Mapping[str, AcpublishError], count: int) -> Iterator[Finding]:
    """Returns each fault once, with the environments that have it unless all have."""
    alike: dict[str, list[str]] = {}
    for environment, fault in faults.items():
        alike.setdefault(str(fault), []).append(environment)
    for environments in alike.values():
        where = "" if len(environments) == count else f"{', '.join(environments)}: "
        fault = faults[environments[0]]
        yield error(name, f"{where}{fault.problem}", fault.hint)


def _look_at_warnings(
    examination: Examination, directory: Path, settings: Iterable[Settings]
) -> None:
    texts = dict.fromkeys(text for one in settings for text in one.warnings())
    tokens = [text for text in texts if _OF_A_TOKEN.match(text)]
    examination.add(_warning("settings", text) for text in texts if text not in tokens)
    written = list(_written_tokens(directory))
    fine = "no token stands in a file of settings"
    examination.look_at("token", fine, written or [_warning("token", text) for text in tokens])


def _warning(name: str, text: str) -> Finding:
    what, _, change = text.partition(". ")
    return warning(name, what.removesuffix("."), change)


def _written_tokens(directory: Path) -> Iterator[Finding]:
    for file in _SHARED:
        with contextlib.suppress(OSError, ValueError):
            if _TOKEN.search((directory / file).read_text(encoding="utf-8")):
                yield error(
                    "token",
                    f"a token stands in {file}, which is a file that people share",
                    "Put a new one (acpublish token create) into the environment variable "
                    "ACPUBLISH_TOKEN, and take the old one out here and of the server's "
                    "tokens.json.",
                )


def _destinations(settings: Iterable[Settings]) -> Iterator[Destination]:
    seen = set()
    for one in settings:
        try:
            found = one.destination()
        except AcpublishError:
            # It is among what is lacking.
            continue
        if found.to not in seen:
            seen.add(found.to)
            yield found


def _look_at(examination: Examination, destination: Destination) -> None:
    fine = f"{destination.to} can be published to"
    if examination.look_at("destination", fine, _unusable(destination)) and destination.state:
        fine = f"the state folder can be written ({destination.state})"
        examination.look_at("state", fine, _no_state(destination.state))


def _unusable(destination: Destination) -> Iterator[Finding]:
    try:
        open_catalog(destination, publishing=True)
    except AuthenticationError as fault:
        # On many machines nobody publishes to a server: the runner of a CI does.
        yield warning("destination", fault.problem, fault.hint)
    except AcpublishError as fault:
        yield _error("destination", fault)
    else:
        if not destination.is_server and not _writable(Path(destination.to)):
            yield error(
                "destination",
                f"the catalog {destination.to} cannot be written",
                "Make its directory writable for the user who builds.",
            )


def _no_state(state: Path) -> Iterator[Finding]:
    there = next((one for one in (state, *state.parents) if one.exists()), state)
    if not there.is_dir() or not _writable(there):
        yield warning(
            "state",
            f"{there} cannot be written, so that what is not public of a build is not kept",
            "Make it writable, or set XDG_STATE_HOME to a folder that is.",
        )


def _writable(directory: Path) -> bool:
    return os.access(directory, os.W_OK | os.X_OK)


def _server(url: str) -> list[Finding]:
    try:
        return check_server(url)
    except SettingsError as fault:
        hint = "Give the address that the sketches have: acpublish doctor http://HOST:PORT."
        return [not_checked("server", f"{url}: {fault.problem}", hint)]


def _error(name: str, fault: AcpublishError) -> Finding:
    return error(name, fault.problem, fault.hint)
