"""``acpublish key``: keys that sign."""

from __future__ import annotations

from pathlib import Path

import click

from acpublish import api
from acpublish.cli.output import json_option, print_json

DEFAULT_FILE = Path("signing-key.pem")


@click.group("key", no_args_is_help=False, short_help="Make keys, and say which ones to trust.")
def command() -> None:
    """Make keys, and say which ones to trust."""


@command.command("create")
@click.option(
    "-o",
    "--output",
    default=DEFAULT_FILE,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The file to write; one that exists is never overwritten.",
)
@click.option("--rsa", is_flag=True, help="An RSA key of 2048 bits, to sign ESP8266 images with.")
def create(output: Path, rsa: bool) -> None:
    """Make a private key that signs releases, readable for its owner only."""
    key = api.create_key(output, "rsa" if rsa else "ecdsa-p256")
    click.echo(f"{output}: {key.algorithm}, key {key.id}. Keep it secret, and keep a copy.")


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def show(file: Path, as_json: bool) -> None:
    """Print the public half of the key in FILE: the PEM alone on stdout, its id on stderr."""
    key = api.show_key(file)
    if as_json:
        print_json({"key": key.id, "algorithm": key.algorithm, "public": key.pem})
        return
    click.echo(f"key {key.id} ({key.algorithm})", err=True)
    click.echo(key.pem, nl=False)
