"""``acpublish verify``: tell whether an ESP8266 image was signed with a key."""

from __future__ import annotations

from pathlib import Path

import click

from acpublish import keyring
from acpublish.cli import status
from acpublish.cli.output import json_option, print_json
from acpublish.cli.paths import ANY_PATH


@click.command("verify", short_help="Tell whether an ESP8266 image was signed with a key.")
@click.argument("file", type=ANY_PATH)
@click.option(
    "--key",
    required=True,
    metavar="PEM",
    type=ANY_PATH,
    help="The RSA key's public half.",
)
@json_option
def command(file: Path, key: Path, as_json: bool) -> int:
    """Tell whether the signed ESP8266 image FILE was signed with a key.

    The exit status is 1 when it was not.
    """
    valid, key_id = keyring.verify(file, key=key)
    if as_json:
        print_json({"file": str(file), "key": key_id, "valid": valid})
    else:
        said = "signed with" if valid else "not signed with, or changed after it was signed with,"
        click.echo(f"{file}: {said} key {key_id}")
    return status.OK if valid else status.NO
