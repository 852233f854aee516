"""``acpublish init``: set up a project for publishing, and revert that."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import click

from acpublish import atomic
from acpublish.cli import exit_status
from acpublish.cli.common_options import ANY_PATH
from acpublish.cli.ui import confirm
from acpublish.errors import SettingsError, reason_of
from acpublish.init.arduino_core import arduino_change, build_property
from acpublish.init.platformio import (
    DEFAULT_TO,
    FileChange,
    ProjectChange,
    project_change,
    undo_change,
)
from acpublish.output_files import write_file
from acpublish.redact import redact
from acpublish.release.secrets import masked_option
from acpublish.settings import validators
from acpublish.settings.layers import flags
from acpublish.settings.values import Settings


@click.command("init")
@click.option("--to", metavar="DIR|URL", help=f"Where to publish.  [{DEFAULT_TO}]")
@click.option("--version", metavar="V", help="The version's source.  [git, or file:VERSION]")
@click.option(
    "--project-dir",
    "-d",
    type=ANY_PATH,
    default=Path(),
    help="The folder that contains platformio.ini.",
)
@click.option(
    "--arduino", metavar="CORE_DIR", type=ANY_PATH, help="Set up an Arduino core instead."
)
@click.option(
    "--arduino-cli",
    is_flag=True,
    help="Print the build property for arduino-cli, and write nothing.",
)
@click.option("--undo", is_flag=True, help="Remove what init wrote.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
def command(
    to: str | None,
    version: str | None,
    project_dir: Path,
    arduino: Path | None,
    arduino_cli: bool,
    undo: bool,
    yes: bool,
) -> int:
    """Set up the PlatformIO project in this folder, so that pio run -t upload_ota publishes.

    The command shows the changes and asks for confirmation. It writes the extra script and adds at
    most three options to platformio.ini. Existing content is kept, and running it again changes
    nothing.
    """
    project = to is not None or version is not None
    if arduino_cli and (arduino or undo or project):
        raise click.UsageError("--arduino-cli cannot be combined with other options")
    if arduino and project:
        raise click.UsageError("--arduino can be combined only with --undo")
    if arduino_cli:
        click.echo(f"--build-property {_quoted(build_property())}")
        return exit_status.OK
    if arduino is not None:
        change = _arduino(arduino, undo=undo)
    elif undo:
        change = undo_change(project_dir)
    else:
        _check(to, version)
        change = project_change(project_dir, to, version, os.environ)
    if not _apply(change, yes=yes):
        return exit_status.NO
    if not undo and arduino is None:
        click.echo(f"{'Then' if change.notes else 'Now'}: pio run -t upload_ota")
    return exit_status.OK


def _check(to: str | None, version: str | None) -> None:
    """Refuses values that a PlatformIO run would refuse later."""
    options = flags({"to": to, "version": version})
    settings = Settings(options)
    for name, text in options.values.items():
        if any(mark in text for mark in ("\n", "\r", " ;", " #")):
            raise SettingsError(
                f"{options.origin(name)}: platformio.ini cannot contain this value",
                hint="Use a single line, without a ; or # after a space.",
            )
    if to:
        settings.checked("to", validators.address)
    if version and not version.startswith("env:"):
        settings.checked("version", validators.version_source)


def _arduino(core: Path, *, undo: bool) -> ProjectChange:
    change = arduino_change(core, undo=undo)
    file = FileChange(path=change.path, before=change.before, after=change.after)
    return ProjectChange(files=(file,) if change.before != change.after else ())


def _apply(change: ProjectChange, *, yes: bool) -> bool:
    """Shows what changes, asks, and writes it; returns whether the user agreed."""
    if change.environments:
        click.echo(f"environments: {', '.join(change.environments)}")
    for note in change.notes:
        click.echo(note)
    if not change.files and not change.directories:
        click.echo("nothing to do")
        return True
    for file in change.files:
        click.echo(_diff(file), nl=False)
    for directory in change.directories:
        click.echo(f"new directory {directory}")
    if not (yes or _agreed()):
        return False
    for directory in change.directories:
        _create(directory)
    # platformio.ini comes last, because it refers to the other files.
    for file in change.files:
        _write(file)
    return True


def _diff(file: FileChange) -> str:
    name = str(file.path)
    if file.after is None:
        return f"remove file {name}\n"
    if file.before is None:
        return f"new file {name}\n" + "".join(f"+{line}\n" for line in file.after.splitlines())
    before, after = (text.splitlines(keepends=True) for text in (file.before, file.after))
    lines = difflib.unified_diff(before, after, f"{name} (now)", name)
    # The lines around a change may contain secrets, which must not get into a log.
    return "".join(
        f"{line[:1]}{redact(masked_option(line[1:].rstrip()))}".rstrip() + "\n" for line in lines
    )


def _agreed() -> bool:
    return confirm(
        "Write these changes?", shown="the changes", otherwise="nothing was written", default=True
    )


def _create(directory: Path) -> None:
    try:
        atomic.make_directory(directory)
    except OSError as error:
        raise SettingsError(
            f"the directory {directory} cannot be created: {reason_of(error)}",
            hint="Choose another directory with --to DIR.",
        ) from error


def _write(file: FileChange) -> None:
    if file.after is not None:
        hint = f"Make it and its folder writable: chmod u+w {file.path} {file.path.parent}"
        write_file(file.path, file.after.encode(), hint=hint)
        return
    with atomic.as_settings_error(file.path, hint="Make its folder writable."):
        file.path.unlink(missing_ok=True)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
