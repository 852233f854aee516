"""The command line: one module for each command, loaded only when it is used.

This is the only place that turns errors into a message and an exit status.
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

#: Each command and its one line of help, kept here so that `--help` loads no command.
COMMANDS = {
    "check": "Run the pre-flight checks, and explain them.",
    "config": "Show the settings, and where they come from.",
    "device": "Request an update as a real device does, and check the response.",
    "diff": "Show what changed between two images.",
    "doctor": "Find what prevents devices from updating.",
    "import": "Publish a folder of old .bin files as releases.",
    "init": "Set up a project for publishing.",
    "inspect": "Show everything about an image file.",
    "key": "Create keys, and choose which ones to trust.",
    "list": "List what a catalog or a server offers.",
    "publish": "Stamp an image and publish it to a directory or a server.",
    "serve": "Serve a catalog to devices.",
    "sign": "Sign an ESP8266 image for the device's own verifier.",
    "stamp": "Write product and version into an image.",
    "token": "Create the tokens needed to publish to a server.",
    "verify": "Check whether an ESP8266 image was signed with a key.",
}
#: The module of each command whose module has a different name, and the command's name there.
_HOMES = {
    # `import` is a keyword, so it cannot be the name of a module.
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
        arguments: The command-line arguments; by default those of the process.

    Returns:
        The exit status, from the table in :mod:`acpublish.cli.exit_status`.
    """
    # Not list(...), because the module of the command `list` hides the built-in in this package.
    words = [*(sys.argv[1:] if arguments is None else arguments)]
    # Used unless a command sets up its own logging, as the server does.
    logging.lastResort = LogWarnings()
    try:
        _refuse_empty(words)
        result = acpublish.main(words, prog_name="acpublish", standalone_mode=False)
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
        # The reader has closed the pipe, as `| head` does, so nothing more can be printed.
        _drop_output()
        return exit_status.OK
    except Exception as error:
        if isinstance(error, OSError) and _is_of_output(error):
            return _no_output(error)
        return _fail(describe_fault(error), exit_status.INTERNAL)
    return result if isinstance(result, int) else exit_status.OK


def _refuse_empty(words: Sequence[str]) -> None:
    """Refuses an empty word: no option or argument may be one, so a variable was not set.

    Raises:
        click.ClickException: A word is empty.
    """
    for before, word in zip(("", *words), words, strict=False):
        option, _, value = word.partition("=")
        if word.startswith("--") and option != word and not value.strip():
            before = option
        elif word.strip():
            continue
        if before.startswith("-"):
            raise click.ClickException(f"{before} is empty. Pass a value, or omit the option.")
        raise click.ClickException("an argument is empty. Pass a value, or omit the argument.")


def _fail(text: str, code: int) -> int:
    # An error may repeat a word of the command line, and that may be a secret passed by mistake.
    from acpublish.redact import redact

    click.echo(f"acpublish: error: {redact(text)}", err=True)
    return code


def _is_of_output(error: OSError) -> bool:
    """Returns whether an error is of stdout: those of files name the file."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    # Only click writes there, and flushes what it writes.
    module = last.tb_frame.f_globals.get("__name__", "") if last else ""
    return error.filename is None and module.partition(".")[0] == "click"


def _no_output(error: OSError) -> int:
    _drop_output()
    return _fail(
        f"the output cannot be written: {reason_of(error)}. Redirect it to a place with free "
        "space; what the command had already done is kept.",
        exit_status.USAGE,
    )


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _usage(error: click.UsageError) -> str:
    command = error.ctx.command_path if error.ctx else "acpublish"
    message = " ".join(error.format_message().split()).rstrip(".")
    # A question that click asks, as in "Did you mean '--to'?", already ends its sentence.
    end = "" if message.endswith("?") else "."
    return f"{message}{end} See {command} --help."
