"""The command line: one module for each command, loaded only when it is used.

This is the only place that turns errors into a message and an exit status. With ``--json``, a
failure is also one JSON document on stdout.
"""

from __future__ import annotations

import importlib
import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from acpublish.cli import exit_status
from acpublish.cli.groups import CommandGroup, unknown
from acpublish.cli.ui import (
    LogWarnings,
    Unfinished,
    drop_output,
    open_missing_streams,
    print_error,
    print_json,
)
from acpublish.errors import AcpublishError, CheckError, SettingsError, reason_of
from acpublish.unexpected import describe_fault

#: Each command and its one line of help, kept here so that `--help` loads no command.
COMMANDS = {
    "backup": "Copy what the server knows of the fleet, while it runs.",
    "channels": "Show what each channel points at, and pointed at before.",
    "check": "Run the pre-flight checks, and explain them.",
    "config": "Show the settings, and where they come from.",
    "delete": "Remove the bytes of a release for ever.",
    "deploy": "Bring a version to one device, and wait until it runs it.",
    "device-credentials": "Let only devices with a user and a password get a product's images.",
    "device-path": "Handle secret paths, below which devices need no credentials.",
    "devices": "Show the devices that check in, and name, tag and group them.",
    "diff": "Show what changed between two images.",
    "doctor": "Find what prevents devices from updating.",
    "emulate": "Request an update as a real device does, and check the response.",
    "explain": "Show what a device would get, and why.",
    "history": "Show who changed what of a product, and when.",
    "import": "Publish a folder of old .bin files as releases.",
    "init": "Set up a project for publishing.",
    "inspect": "Show everything about an image file.",
    "key": "Create keys, and choose which ones to trust.",
    "login-link": "Print a link that signs in to the page of a server.",
    "list": "List what a catalog or a server offers.",
    "pin": "Offer a device only one version, or nothing.",
    "policy": "Handle how releases go to a channel in stages.",
    "promote": "Let a channel point at a release.",
    "publish": "Stamp an image and publish it to a directory or a server.",
    "restore": "Put a backup of the fleet in the place of what is there.",
    "retain": "Remove the bytes of old releases.",
    "rollback": "Let a channel point at an older release, and order its devices back.",
    "rollout": "Bring a release to a channel in stages.",
    "serve": "Serve a catalog to devices.",
    "sign": "Sign an ESP8266 image for the device's own verifier.",
    "simulate": "Rehearse a rollout with simulated devices.",
    "stamp": "Write product and version into an image.",
    "status": "Show the channels, the devices and what needs attention.",
    "token": "Create, list, revoke and rotate the tokens of a server.",
    "verify": "Check whether an ESP8266 image was signed with a key.",
    "webhook": "Tell other programs, or a phone, what happens.",
    "withdraw": "Stop offering a release.",
}
#: The module of each command whose module has a different name, and the command's name there.
_HOMES = {
    # `import` is a keyword, so it cannot be the name of a module.
    "import": ("import_", "command"),
    "device-credentials": ("device_credentials", "credentials"),
    "login-link": ("login_link", "command"),
    "device-path": ("device_credentials", "paths"),
    "sign": ("key", "sign"),
    "verify": ("key", "verify"),
    "deploy": ("pin", "deploy"),
    "restore": ("backup", "restore"),
    **{name: ("change", name) for name in ("promote", "rollback", "withdraw", "retain", "delete")},
    **{name: ("offered", name) for name in ("channels", "history", "status")},
}
#: Earlier names of commands, which scripts use.
ALIASES = {"device": "emulate"}


class _Commands(CommandGroup):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name not in COMMANDS:
            return None
        module, name = _HOMES.get(cmd_name, (cmd_name, "command"))
        command: click.Command = getattr(importlib.import_module(f"acpublish.cli.{module}"), name)
        return command

    def sentences(self, ctx: click.Context) -> list[tuple[str, str]]:
        return sorted(COMMANDS.items())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="acpublish", prog_name="acpublish")
def acpublish() -> None:
    """From `pio run` to every ESP8266 and ESP32 in the field.

    Stamps firmware images with a version, publishes them to a catalog directory or an update
    server, and serves them to devices.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    """Why a command failed, for a person and for a script."""

    problem: str
    hint: str
    code: str
    status: int
    check: str = ""
    published: Sequence[dict[str, Any]] = ()

    def __str__(self) -> str:
        """One line."""
        # A question that click asks, as in "Did you mean '--to'?", already ends its sentence.
        end = "" if self.problem.endswith("?") else "."
        return " ".join(f"{self.problem}{end} {self.hint}".split())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: The command-line arguments; by default those of the process.

    Returns:
        The exit status, from the table in :mod:`acpublish.cli.exit_status`.
    """
    # Not list(...), because the module of the command `list` hides the built-in in this package.
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    # Used unless a command sets up its own logging, as the server does.
    logging.lastResort = LogWarnings()
    open_missing_streams()
    streams = sys.stdout, sys.stderr
    try:
        _refuse_empty(words)
        result = acpublish.main(words, prog_name="acpublish", standalone_mode=False)
    except (BrokenPipeError, SystemExit) as error:
        # The reader has closed the pipe, as `| head` does, so nothing more can be printed. click
        # replaces both streams then, and would end the process with a status of its own.
        if isinstance(error, SystemExit) and sys.stdout is streams[0]:
            raise
        sys.stdout, sys.stderr = streams
        drop_output(sys.stdout)
        return exit_status.BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        failure = _failure(error)
        if failure.status == exit_status.OUTPUT:
            drop_output(sys.stdout)
        _report(failure, as_json=_wants_json(words) and failure.status != exit_status.OUTPUT)
        return failure.status
    return result if isinstance(result, int) else exit_status.OK


def _failure(error: Exception | KeyboardInterrupt) -> _Failure:
    """Returns what an error means, for a person and for a script."""
    if isinstance(error, Unfinished) and isinstance(
        error.__cause__, (Exception, KeyboardInterrupt)
    ):
        return replace(_failure(error.__cause__), published=error.published)
    if isinstance(error, AcpublishError):
        return _Failure(
            problem=error.problem,
            hint=error.hint,
            code=exit_status.code_of(error),
            status=exit_status.status_of(error),
            check=error.check if isinstance(error, CheckError) else "",
        )
    if isinstance(error, click.ClickException):
        command = (
            error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        )
        return _Failure(
            problem=_wrong_call(error),
            hint=f"See {command or 'acpublish'} --help.",
            code=exit_status.USAGE_CODE,
            status=exit_status.USAGE,
        )
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return _Failure(
            problem="interrupted",
            hint="The same command can be run again.",
            code=exit_status.INTERRUPTED_CODE,
            status=exit_status.INTERRUPTED,
        )
    if isinstance(error, OSError) and _is_of_output(error):
        return _Failure(
            problem=f"the output cannot be written: {reason_of(error)}",
            hint="Redirect it to a place with free space; what the command had already done is "
            "kept.",
            code=exit_status.INTERNAL_CODE,
            status=exit_status.OUTPUT,
        )
    problem, _, hint = describe_fault(error).partition(". ")
    return _Failure(
        problem=problem,
        hint=hint,
        code=exit_status.INTERNAL_CODE,
        status=exit_status.INTERNAL,
    )


def _wrong_call(error: click.ClickException) -> str:
    """Returns what click says, and for an unknown option the one that is most similar."""
    if isinstance(error, click.NoSuchOption) and error.ctx:
        options = (
            option
            for option in error.ctx.command.get_params(error.ctx)
            if isinstance(option, click.Option) and not option.hidden
        )
        known = [word for option in options for word in option.opts]
        return unknown("option", error.option_name, known)
    # click says "is not a valid integer range" of what is not a number at all.
    message = re.sub(r"(a valid) (?:integer|float) range", r"\1 number", error.format_message())
    return " ".join(message.split()).rstrip(".")


def _wants_json(words: Sequence[str]) -> bool:
    """Returns whether the command line asks for JSON; it may be one that click cannot read."""
    return "--json" in words[: words.index("--") if "--" in words else len(words)]


def _report(failure: _Failure, *, as_json: bool) -> None:
    """Prints a failure: one line on stderr and, for a script, one JSON document on stdout."""
    # An error may repeat a word of the command line, and that may be a secret passed by mistake.
    from acpublish.redact import redact

    print_error(redact(str(failure)))
    if not as_json:
        return
    document: dict[str, Any] = {
        "error": redact(" ".join(failure.problem.split())),
        "hint": redact(" ".join(failure.hint.split())),
        "code": failure.code,
        "status": failure.status,
    }
    if failure.check:
        document["check"] = failure.check
    if failure.published:
        document["published"] = failure.published
    # The line on stderr has the reason even if stdout cannot be written.
    try:
        print_json(document)
    except OSError:
        drop_output(sys.stdout)


def _refuse_empty(words: Sequence[str]) -> None:
    """Refuses an empty word: no option or argument may be one, so a variable was not set.

    Raises:
        AcpublishError: A word is empty.
    """
    for before, word in zip(("", *words), words, strict=False):
        option, _, value = word.partition("=")
        if word.startswith("--") and option != word and not value.strip():
            before = option
        elif word.strip():
            continue
        if before.startswith("-"):
            raise SettingsError(f"{before} is empty", hint="Pass a value, or omit the option.")
        raise SettingsError("an argument is empty", hint="Pass a value, or omit the argument.")


def _is_of_output(error: OSError) -> bool:
    """Returns whether an error is of stdout: those of files name the file."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    # Only click writes there, and flushes what it writes.
    module = last.tb_frame.f_globals.get("__name__", "") if last else ""
    return error.filename is None and module.partition(".")[0] == "click"
