"""Examines the settings of each environment, and the destinations that it publishes to."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from acpublish.doctor.findings import Examination, Finding, error, not_checked, warning
from acpublish.doctor.live_server import check_server
from acpublish.errors import AcpublishError, AuthenticationError, SettingsError, reason_of
from acpublish.publishing.destinations import open_catalog
from acpublish.publishing.options import Destination
from acpublish.publishing.versions import resolve
from acpublish.settings.layers import arguments
from acpublish.settings.values import Settings, command_settings

#: Files that are usually in a repository.
_SHARED = ("platformio.ini", "acpublish.toml", "pyproject.toml")
#: The output of acpublish token create.
_TOKEN = re.compile(r"\bacp_[A-Za-z0-9_-]{40,64}")


def check_destinations(
    directory: Path, environments: Sequence[str], environ: Mapping[str, str]
) -> list[Finding]:
    """Examines settings, versions and destinations.

    Args:
        directory: The project's.
        environments: The environments of its platformio.ini; none if there is no such file.
        environ: The environment variables.
    """
    examination = Examination()
    settings: dict[str, Settings] = {}
    # The hint for a missing setting proposes a line in a file, not an argument of this function.
    first = replace(arguments({}), proposed=False)
    for name in environments or [""]:
        try:
            settings[name] = command_settings(
                first, environ, directory, project_environment=name or None, defaults=True
            )
        except AcpublishError as fault:
            examination.record("settings", "", [_error("settings", fault)])
    if not environments and not any(each.text("to") for each in settings.values()):
        return examination.findings()
    if environments:
        _examine_settings(examination, directory, settings)
    _examine_ignored(examination, directory, settings.values())
    destinations = list(_destinations(settings.values()))
    for destination in destinations:
        _examine_destination(examination, destination)
    servers = dict.fromkeys(each.to for each in destinations if each.is_server)
    return [*examination.findings(), *(finding for url in servers for finding in _server(url))]


def _examine_settings(
    examination: Examination, directory: Path, settings: Mapping[str, Settings]
) -> None:
    faults, versions = dict[str, AcpublishError](), dict[str, AcpublishError]()
    sources = set()
    for name, of_environment in settings.items():
        try:
            of_environment.publish_options()
            of_environment.flag("on_build")
        except AcpublishError as fault:
            faults[name] = fault
            continue
        source = of_environment.version_source() or ""
        try:
            resolve(source, directory)
        except AcpublishError as fault:
            versions[name] = fault
        sources.add(source)
    fine = "everything that a publish needs is set"
    examination.record("settings", fine, _faults("settings", faults, len(settings)))
    if sources:
        fine = f"the version is set to {', '.join(sorted(sources))}"
        examination.record("version", fine, _faults("version", versions, len(settings)))


def _faults(name: str, faults: Mapping[str, AcpublishError], count: int) -> Iterator[Finding]:
    """Returns each error once, with the environments that have it unless all have."""
    alike: dict[str, list[str]] = {}
    for environment, fault in faults.items():
        alike.setdefault(str(fault), []).append(environment)
    for environments in alike.values():
        where = "" if len(environments) == count else f"{', '.join(environments)}: "
        fault = faults[environments[0]]
        yield error(name, f"{where}{fault.problem}", fault.hint)


def _examine_ignored(
    examination: Examination, directory: Path, settings: Iterable[Settings]
) -> None:
    ignored = dict.fromkeys(value for each in settings for value in each.ignored())
    findings = {"settings": list[Finding](), "token": list[Finding]()}
    for value in ignored:
        name = "token" if value.name == "token" else "settings"
        findings[name].append(warning(name, value.problem, value.hint))
    examination.add(findings["settings"])
    fine = "no settings file contains a token"
    examination.record("token", fine, list(_written_tokens(directory)) or findings["token"])


def _written_tokens(directory: Path) -> Iterator[Finding]:
    for file in _SHARED:
        with contextlib.suppress(OSError, ValueError):
            if _TOKEN.search((directory / file).read_text(encoding="utf-8")):
                yield error(
                    "token",
                    f"{file} contains a token, and that file is usually shared",
                    "Create a new token (acpublish token create), set it in the environment "
                    "variable ACPUBLISH_TOKEN, and remove the old one from this file and from the "
                    "server's tokens.json.",
                )


def _destinations(settings: Iterable[Settings]) -> Iterator[Destination]:
    seen = set()
    for each in settings:
        try:
            destination = each.destination()
        except AcpublishError:
            # It is reported as a missing setting.
            continue
        if destination.to not in seen:
            seen.add(destination.to)
            yield destination


def _examine_destination(examination: Examination, destination: Destination) -> None:
    fine = f"{destination.to} is ready to publish to"
    if examination.record("destination", fine, _unusable(destination)) and destination.state:
        fine = f"the state folder is writable ({destination.state})"
        examination.record("state", fine, _no_state(destination.state))


def _unusable(destination: Destination) -> Iterator[Finding]:
    try:
        open_catalog(destination, publishing=True)
    except AuthenticationError as fault:
        # On many machines nobody publishes to a server, because a CI runner does.
        yield warning("destination", fault.problem, fault.hint)
    except AcpublishError as fault:
        yield _error("destination", fault)
    else:
        if not destination.is_server and not _writable(Path(destination.to)):
            yield error(
                "destination",
                f"the catalog {destination.to} is not writable",
                "Make its directory writable for the user who builds.",
            )


def _no_state(state: Path) -> Iterator[Finding]:
    why, there = "", state
    try:
        while not there.exists():
            there = there.parent
        if not there.is_dir() or not _writable(there):
            why = f"{there} is not writable"
    except OSError as fault:
        why = f"{there} cannot be used: {reason_of(fault)}"
    if why:
        yield warning(
            "state",
            f"{why}, so the private details of a build are not kept, and an unmounted "
            "catalog is not noticed",
            "Make it writable, or set XDG_STATE_HOME to a writable folder.",
        )


def _writable(directory: Path) -> bool:
    return os.access(directory, os.W_OK | os.X_OK)


def _server(url: str) -> list[Finding]:
    try:
        return check_server(url)
    except SettingsError as fault:
        hint = "Check the URL that the sketches use: acpublish doctor --to http://HOST:PORT."
        return [not_checked("server", f"{url}: {fault.problem}", hint)]


def _error(name: str, fault: AcpublishError) -> Finding:
    return error(name, fault.problem, fault.hint)
