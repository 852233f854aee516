"""The command line: one module for each command, loaded only when it is used.

The one place that turns errors into text and an exit status.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Sequence

import click

from acpublish.cli import exit_status
from acpublish.cli.ui import LogWarnings
from acpublish.errors import AcpublishError, reason_of
from acpublish.unexpected import describe_fault

__all__ = ["main"]

#: Each command and its one line of help, here so that `--help` loads none of them.
COMMANDS = {
    "check": "Make the pre-flight checks, and explain them.",
    "config": "Show the settings, and where they come from.",
    "device": "Ask for an update as a real device does, and check what comes.",
    "diff": "Tell what changed between two images.",
    "doctor": "Look for what keeps devices from their updates.",
    "import": "Make releases of a folder of old .bin files.",
    "init": "Set a project up for publishing.",
    "inspect": "Tell all about an image file.",
    "key": "Make keys, and say which ones to trust.",
    "list": "List what a catalog or a server has.",
    "publish": "Stamp an image and publish it to a directory or a server.",
    "serve": "Serve a catalog to devices.",
    "sign": "Sign an ESP8266 image for the device's own verifier.",
    "stamp": "Write product and version into an image.",
    "token": "Make the tokens that publishing to a server asks for.",
    "verify": "Tell whether an ESP8266 image was signed with a key.",
}
#: Where a command is that has no module of its own name: the module, and its name there.
_HOMES = {
    # No module can be called as one of Python's own words is.
    "import": ("import_", "command"),
    "sign": ("key", "sign"),
    "verify": ("key", "verify"),
}


class _Commands(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = _HOMES.get(cmd_name, (cmd_name, "command"))
        command: click.Command = getattr(importlib.import_module(f"acpublish.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="acpublish", prog_name="acpublish")
@click.pass_context
def acpublish(context: click.Context) -> None:
    """From `pio run` to every ESP8266 and ESP32 in the field.

    Stamps firmware images with a version, publishes them to a catalog directory or an update
    server, and serves them to devices.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: What follows the program's name; by default what the process was given.

    Returns:
        The exit status, by the table in :mod:`acpublish.cli.exit_status`.
    """
    # Not list(...): importing the command of that name hides it in this package.
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    # Used where no command set up logging of its own, as the server does.
    logging.lastResort = LogWarnings()
    try:
        result = acpublish.main(given, prog_name="acpublish", standalone_mode=False)
    except AcpublishError as error:
        return _fail(str(error), exit_status.status_of(error))
    except click.UsageError as error:
        return _fail(_usage(error), exit_status.USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), exit_status.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nacpublish: interrupted; the same command can be run again", err=True)
        return exit_status.INTERRUPTED
    except BrokenPipeError:
        # The reader has gone, as with `| head`; nothing more can be said to it.
        _drop_output()
        return exit_status.OK
    except Exception as error:
        # What concerns a file names it, and all that concerns a connection is turned into ours.
        if isinstance(error, OSError) and error.filename is None:
            return _no_output(error)
        return _internal(error)
    return result if isinstance(result, int) else exit_status.OK


def _fail(text: str, code: int) -> int:
    # Most errors hold no secret; a word that is no option or path may be one, given by mistake.
    from acpublish.redact import redact

    click.echo(f"acpublish: error: {redact(text)}", err=True)
    return code


def _no_output(error: OSError) -> int:
    _drop_output()
    why = reason_of(error)
    return _fail(
        f"the output cannot be written: {why}. Send it where there is room; what the command did "
        "before is done.",
        exit_status.USAGE,
    )


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.UsageError) -> str:
    where = error.ctx.command_path if error.ctx else "acpublish"
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{message}. See {where} --help."


def _internal(error: Exception) -> int:
    return _fail(describe_fault(error), exit_status.INTERNAL)
