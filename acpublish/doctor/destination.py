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
from acpublish.errors import (
    AcpublishError,
    AuthenticationError,
    SettingsError,
    UnreachableError,
    reason_of,
)
from acpublish.platformio_ini.reader import BuiltinReader, read_project
from acpublish.publishing.destinations import open_catalog, try_token
from acpublish.publishing.options import Destination, PublishOptions
from acpublish.publishing.versions import resolve
from acpublish.settings.layers import arguments
from acpublish.settings.same_devices import SameDevices, rivals_among, same_devices
from acpublish.settings.values import Settings, command_settings, settings_of_environments

#: Files that are usually in a repository.
_SHARED = ("platformio.ini", "acpublish.toml", "pyproject.toml")
#: The output of acpublish token create.
_TOKEN = re.compile(r"\bacp_[A-Za-z0-9_-]{40,64}")


def check_destinations(
    directory: Path,
    environ: Mapping[str, str],
    project: BuiltinReader | None = None,
    environments: Sequence[str] = (),
) -> list[Finding]:
    """Examines settings, versions and destinations.

    Args:
        directory: The project's.
        environ: The environment variables.
        project: Its platformio.ini; None if there is no such file.
        environments: The environments that publish.
    """
    examination = Examination()
    settings: dict[str, Settings] = {}
    try:
        settings = dict(_settings(directory, environments, environ))
    except AcpublishError as fault:
        examination.record("settings", "", [_error("settings", fault)])
    if not environments and not any(each.text("to") for each in settings.values()):
        return examination.findings()
    options: dict[str, PublishOptions] = {}
    if project is not None:
        options = _examine_settings(examination, directory, settings)
        _examine_boards(examination, project, options)
    _examine_ignored(examination, directory, settings.values())
    destinations = _destinations(settings.values())
    for destination in destinations:
        products = {each.product for each in options.values() if each.destination == destination}
        _examine_destination(examination, destination, sorted(products))
    servers = dict.fromkeys(each.to for each in destinations if each.is_server)
    return [*examination.findings(), *(finding for url in servers for finding in _server(url))]


def _settings(
    directory: Path, environments: Sequence[str], environ: Mapping[str, str]
) -> Iterator[tuple[str, Settings]]:
    if not environments:
        # The hint for a missing setting proposes a line in a file, not an argument.
        first = replace(arguments({}), proposed=False)
        yield "", command_settings(first, environ, directory)
        return
    settings_of = settings_of_environments(read_project(directory, environ), environ, directory)
    for name in environments:
        yield name, settings_of(name)


def _examine_settings(
    examination: Examination, directory: Path, settings: Mapping[str, Settings]
) -> dict[str, PublishOptions]:
    """Returns what the environments publish whose settings are right."""
    faults, versions = dict[str, AcpublishError](), dict[str, AcpublishError]()
    options = dict[str, PublishOptions]()
    for name, of_environment in settings.items():
        try:
            of_environment.flag("on_build")
            options[name] = of_environment.publish_options()
        except AcpublishError as fault:
            faults[name] = fault
    sources = {each.version_source for each in options.values()}
    # Each source is read once, however many environments have it.
    broken = {source: _no_version(source, directory) for source in sources}
    for name, each in options.items():
        if (no_version := broken[each.version_source]) is not None:
            versions[name] = no_version
    fine = "everything that a publish needs is set"
    examination.record("settings", fine, _faults("settings", faults, len(settings)))
    if sources:
        fine = f"the version is set to {', '.join(sorted(sources))}"
        examination.record("version", fine, _faults("version", versions, len(settings)))
    return options


def _no_version(source: str, directory: Path) -> AcpublishError | None:
    try:
        resolve(source, directory)
    except AcpublishError as fault:
        return fault
    return None


def _examine_boards(
    examination: Examination,
    project: BuiltinReader,
    options: Mapping[str, PublishOptions],
) -> None:
    if not options:
        return
    rivals = rivals_among(project, options)
    problems = [
        error("boards", f"{each.problem}; {_refused(each)}", each.hint)
        for each in same_devices(options, rivals)
    ]
    examination.record("boards", "each environment publishes to its own devices", problems)


def _refused(environments: SameDevices) -> str:
    if environments.refused == environments.environments:
        return "each publish is refused"
    return f"a publish of {', '.join(environments.refused)} is refused"


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


def _destinations(settings: Iterable[Settings]) -> list[Destination]:
    destinations: dict[Destination, None] = {}
    for each in settings:
        # An error is reported as a missing setting.
        with contextlib.suppress(AcpublishError):
            destinations[each.destination()] = None
    return list(destinations)


def _examine_destination(
    examination: Examination, destination: Destination, products: Sequence[str]
) -> None:
    fine = f"{destination.to} is ready to publish to"
    problems = _unusable(destination, products)
    if examination.record("destination", fine, problems) and destination.state:
        fine = f"the state folder is writable ({destination.state})"
        examination.record("state", fine, _no_state(destination.state))


def _unusable(destination: Destination, products: Sequence[str]) -> Iterator[Finding]:
    try:
        open_catalog(destination, publishing=True)
    except AuthenticationError as fault:
        # On many machines nobody publishes to a server, because a CI runner does.
        yield warning("destination", fault.problem, fault.hint)
    except AcpublishError as fault:
        yield _error("destination", fault)
    else:
        yield from _refusals(destination, products)
        if not destination.is_server and not _writable(Path(destination.to)):
            yield error(
                "destination",
                f"the catalog {destination.to} is not writable",
                "Make its directory writable for the user who builds.",
            )


def _refusals(destination: Destination, products: Sequence[str]) -> Iterator[Finding]:
    """Tries the token of a server; nothing is published."""
    for product in products if destination.is_server else ():
        try:
            try_token(destination, product)
        except UnreachableError as fault:
            # It is the same for each product.
            yield _error("destination", fault)
            return
        except AcpublishError as fault:
            yield _error("destination", fault)


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
    hint = "Check the URL that the sketches use: acpublish doctor --to http://HOST:PORT"
    if url.lower().startswith("https:"):
        # Images are often published through a proxy that no device uses.
        what = f"{url}: devices may use another URL, without TLS"
        return [not_checked("server", what, f"{hint}, or --to {url} if they use that.")]
    try:
        return check_server(url)
    except SettingsError as fault:
        return [not_checked("server", f"{url}: {fault.problem}", f"{hint}.")]


def _error(name: str, fault: AcpublishError) -> Finding:
    return error(name, fault.problem, fault.hint)
