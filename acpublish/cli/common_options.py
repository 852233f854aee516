"""Options that several commands share, and the settings used when one is missing.

Each option is defined once, so its name and help are the same in every command. This module also
defines the type of all path arguments and does what ``--verbose`` asks for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from acpublish.cli.ui import printable, say, warn
from acpublish.errors import SettingsError
from acpublish.input_files import ca_file, read_bounded
from acpublish.release.text import name_of_person
from acpublish.settings.layers import flags
from acpublish.settings.setting_names import LISTS
from acpublish.settings.values import Settings, command_settings

if TYPE_CHECKING:
    from acpublish.control.fleet_access import Fleet
    from acpublish.publishing.options import Destination

#: The value of an option as click passes it: None, False or empty if the option is missing.
OptionValue = str | bool | tuple[str, ...] | None
OptionValues = Mapping[str, OptionValue]
_Catalog = TypeVar("_Catalog", str, Path)
_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

#: Whoever opens a path reports what is wrong with it; click would call that incorrect usage.
ANY_PATH = click.Path(path_type=Path, readable=False)

to_option = click.option("--to", metavar="DIR|URL", help="A catalog directory or a server's URL.")
#: For commands that work on the directory itself (:func:`directory_for`).
directory_option = click.option(
    "--to",
    metavar="DIR",
    help="The catalog's directory.  [the setting 'to', or the current one]",
)
state_option = click.option(
    "--state",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The state folder of the server.  [the user's state folder]",
)
#: The spelling of AutoConnect's updateserver.py, which scripts use.
old_directory_option = click.option("--catalog", "-d", "old_to", type=ANY_PATH, hidden=True)
#: How list and doctor named the catalog at first.
old_to_argument = click.argument("old_to", metavar="", required=False)
kind_option = click.option("--kind", metavar="KIND", help="firmware or filesystem.  [firmware]")
signing_key_option = click.option(
    "--signing-key",
    "--key",
    metavar="PEM",
    help="The file of the private key to sign the release with.",
)
insecure_http_option = click.option(
    "--insecure-http",
    is_flag=True,
    help="Allow sending the token to another machine over plain http.",
)
ca_option = click.option(
    "--ca", metavar="FILE", help="The PEM file of the only CA to trust for the server's TLS."
)
#: There is no option for the token itself, because every user can see the list of processes.
token_option = click.option(
    "--token-file", metavar="FILE", help="The file that contains the token; - for standard input."
)
boards_option = click.option(
    "--board", "boards", metavar="B", multiple=True, help="Only this board. May be repeated."
)
by_option = click.option("--by", metavar="TEXT", help="Who does it; for a directory.")
environment_option = click.option(
    "--environment",
    "-e",
    "project_environment",
    metavar="ENV",
    help="The platformio.ini environment whose options to use.",
)


def release_options(*, default_channel: str | None = None) -> _Decorator:
    """Returns a decorator that adds the options which describe a release and its checks.

    Args:
        default_channel: The channel that the help names as the default.
    """
    default = f"  [{default_channel}]" if default_channel else ""
    return _together(
        click.option("--product", metavar="P", help="The product that the image belongs to."),
        click.option(
            "--version",
            metavar="V",
            help="SemVer 2.0.0, git, git:PREFIX, file:PATH or env:NAME.",
        ),
        click.option("--board", metavar="B", help="The board that the image is built for."),
        click.option("--channel", metavar="C", help=f"The channel to publish to.{default}"),
        kind_option,
        click.option("--chip", metavar="CHIP", help="The board's chip: esp8266, esp32c3, …"),
        click.option("--secret-scan", metavar="MODE", help="warning, error or off.  [warning]"),
        click.option(
            "--accept-secret",
            "accept_secrets",
            metavar="DIGEST",
            multiple=True,
            help="Accept a secret that was found in the image. May be repeated.",
        ),
        click.option(
            "--partitions", metavar="FILE", help="The board's partition table, CSV or binary."
        ),
        click.option(
            "--skip-check",
            "skip_checks",
            metavar="NAME=REASON",
            multiple=True,
            help="Skip a check; the manifest records the reason. May be repeated.",
        ),
        signing_key_option,
    )


def ca_for(url: str, ca: str | None) -> Path | None:
    """Returns the file of the CA for a server: that of the option, or of the setting.

    Args:
        url: The server's URL; without TLS, no CA is needed, and no setting is read.
        ca: The value of the option.

    Raises:
        SettingsError: It cannot be read, or does not contain a certificate.
    """
    secure = url.lower().startswith("https:")
    return settings_for({"ca": ca}).checked_file("ca", ca_file) if secure else None


def one_catalog(to: _Catalog | None, old_to: _Catalog | None) -> _Catalog | None:
    """Returns the catalog that the options or an earlier spelling name; None if none does.

    Raises:
        click.UsageError: Both do.
    """
    if to is not None and old_to is not None:
        raise click.UsageError("The catalog is named twice; use only --to")
    return old_to if to is None else to


def directory_for(to: str | Path | None) -> Path:
    """Returns the catalog's directory: that of the option or the setting, or else the current one.

    Args:
        to: The value of the option.

    Raises:
        SettingsError: It is the URL of a server.
    """
    from acpublish.publishing.options import Destination

    if to is not None and not Destination(to=str(to)).is_server:
        return Path(to)
    settings = settings_for({} if to is None else {"to": str(to)})
    if settings.text("to") is None:
        return Path()
    settings.checked("to", _need_directory)
    return Path(settings.destination().to)


def _need_directory(to: str) -> None:
    from acpublish.publishing.options import Destination

    if Destination(to=to).is_server:
        raise SettingsError(
            "it is the URL of a server, but this command needs the directory that it serves",
            hint="Run it on the server's machine with --to DIR; --to . is the current directory.",
        )


def state_of(catalog: Path | None, state: Path | None) -> Path:
    """Returns the state folder of the server that serves a catalog on this machine.

    Args:
        catalog: The catalog's directory; the current one if there is none.
        state: The state folder, if an option names it.

    Raises:
        CatalogError: The catalog is not there.
    """
    from acpublish.catalog.directory import DirectoryCatalog
    from acpublish.catalog.state import state_dir
    from acpublish.ownership import other_owner

    if state is not None:
        return state
    # The state folder depends on the catalog's path, so a mistyped path must be an error.
    root = DirectoryCatalog(catalog or Path()).root
    owner = other_owner(root)
    if owner is not None:
        warn(
            f"the catalog belongs to {owner}: if the server runs as that user, do this as that "
            "user as well, or name its state folder with --state"
        )
    return state_dir(root, os.environ)


def secret_in(file: str, option: str, max_bytes: int, *, hint: str) -> bytes:
    """Returns the bytes of a file with a secret; ``-`` is standard input.

    Args:
        file: The value of the option.
        option: Its name.
        max_bytes: The most bytes that the file may have.
        hint: What to do next, as a sentence.

    Raises:
        SettingsError: It cannot be read, or is larger.
    """
    if file != "-":
        # Somebody may give the secret itself, so no error shows the path.
        name = f"the file in {option}"
        return read_bounded(Path(file), max_bytes, SettingsError, hint=hint, name=name)
    data = sys.stdin.buffer.read(max_bytes + 1) if sys.stdin else b""
    if len(data) > max_bytes:
        raise SettingsError("standard input is too long for a secret", hint=hint)
    return data


def with_fleet(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say where a fleet is, and passes the fleet as the first argument."""

    @wraps(command)
    def run(to: str | None, state: Path | None, **options: Any) -> Any:
        where = {name: options.pop(name) for name in ("token_file", "insecure_http", "ca")}
        changing = "by" in options
        settings = settings_for({"to": to, "by": options.pop("by", None), **where})
        destination = settings.destination()
        click.get_current_context().obj = destination
        by = settings.checked("by", name_of_person, "") if changing else ""
        return command(fleet_of(destination, state, by), **options)

    return _together(to_option, state_option, token_option, insecure_http_option, ca_option)(run)


def chosen_destination() -> Destination:
    """Returns where the fleet of a command is that has one (:func:`with_fleet`)."""
    destination: Destination = click.get_current_context().obj
    return destination


def fleet_of(destination: Destination, state: Path | None, by: str = "") -> Fleet:
    """Opens the fleet of a server, or of a catalog on this machine.

    Args:
        destination: A server, or a directory.
        state: The state folder, if an option names it.
        by: Who changes something; for a directory.

    Raises:
        click.UsageError: A server has its own state folder.
        AcpublishError: It cannot be opened.
    """
    from acpublish.control.open_fleet import open_fleet

    destination = with_state(destination, state)
    if not destination.is_server:
        return open_fleet(destination, state_of(Path(destination.to), state), by=by)
    return open_fleet(destination)


def with_state(destination: Destination, state: Path | None) -> Destination:
    """Returns where something is, with the state folder that an option names.

    Raises:
        click.UsageError: A server has its own state folder.
    """
    if state is None:
        return destination
    if destination.is_server:
        raise click.UsageError("--state goes with a directory; a server has its own state folder")
    return replace(destination, state=state)


def with_state_folder(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say whose state folder, and passes that as the first argument.

    The catalog's directory is in the context; None where only the state folder is named, because
    that needs no catalog.
    """

    @wraps(command)
    def run(to: str | None, state: Path | None, **options: Any) -> Any:
        catalog = None if state is not None and to is None else directory_for(to)
        click.get_current_context().obj = catalog
        return command(state_of(catalog, state), **options)

    return _together(directory_option, state_option)(run)


def remote_server(to: str | None, state: Path | None, access: OptionValues) -> Destination | None:
    """Returns the server that the option or the setting names by its URL; None for this machine.

    Args:
        to: The value of the option.
        state: The state folder, if an option names it; it needs no catalog.
        access: The options of how to reach a server, by the names of the settings.

    Raises:
        click.UsageError: A server has its own state folder.
    """
    from acpublish.publishing.options import Destination

    where = to or (None if state else settings_for({}).text("to"))
    if where is None or not Destination(to=where).is_server:
        return None
    return with_state(settings_for({"to": to, **access}).destination(), state)


def volume_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options ``-q`` and ``-v`` to a command."""
    return _together(
        click.option("--quiet", "-q", is_flag=True, help="Print only the last line, and errors."),
        click.option(
            "--verbose", "-v", is_flag=True, help="Log each request to a server on stderr."
        ),
    )(command)


def _together(*options: _Decorator) -> _Decorator:
    """Returns a decorator that adds options in the order in which the help lists them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def set_volume(*, quiet: bool, verbose: bool) -> None:
    """Logs requests if the options ask for it, until the command ends.

    Raises:
        click.UsageError: Both options are set.
    """
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose cannot be combined")
    if verbose:
        from acpublish.publishing.destinations import trace_requests

        end = trace_requests(lambda line: say(f"acpublish: {printable(line)}"))
        click.get_current_context().call_on_close(end)


def settings_for(
    options: OptionValues,
    project_environment: str | None = None,
    *,
    defaults: bool = False,
    without: Collection[str] = (),
) -> Settings:
    """Returns the settings of a command, and warns about settings that are not used.

    Args:
        options: The command's options, by the names of the settings.
        project_environment: The environment of platformio.ini that the command selects.
        defaults: Whether product and board default to the folder and the board of a PlatformIO
            project.
        without: Settings that are not read from the files of the project and the user.
    """
    settings = command_settings(
        flags({name: _as_text(name, value) for name, value in options.items()}),
        os.environ,
        Path(),
        project_environment=project_environment,
        defaults=defaults,
        without=without,
    )
    for value in settings.ignored():
        warn(str(value))
    return settings


def _as_text(name: str, value: OptionValue) -> str | None:
    """Returns an option's value as the text of its setting; None if the option is missing."""
    if isinstance(value, tuple):
        return LISTS[name].join(value) or None
    if isinstance(value, bool):
        return "yes" if value else None
    return value
