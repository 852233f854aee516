"""``acpublish sign``: sign an ESP8266 image for the device's own verifier."""

from __future__ import annotations

from pathlib import Path

import click

from acpublish import keyring
from acpublish.cli.output import json_option, print_json
from acpublish.cli.paths import ANY_PATH


@click.command("sign", short_help="Sign an ESP8266 image for the device's own verifier.")
@click.argument("file", type=ANY_PATH)
@click.option(
    "--key",
    required=True,
    metavar="PEM",
    type=ANY_PATH,
    help="An RSA key.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=ANY_PATH,
    help="The file to write; FILE itself is never changed unless it is the same.",
)
@json_option
def command(file: Path, key: Path, output: Path, as_json: bool) -> None:
    """Write a signed copy of the ESP8266 image FILE, or of a gzip of one.

    The device verifies it when its sketch was built with the public key. Stamp before you sign. A
    release is signed with `acpublish publish --key`, which is something else.
    """
    image, key_id = keyring.sign(file, key=key, output=output)
    if as_json:
        document = {"file": str(output), "key": key_id, "size": image.size}
        print_json({**document, "md5": image.md5, "sha256": image.sha256})
        return
    click.echo(f"{output}: signed with key {key_id}, {image.size} bytes, sha256 {image.sha256}")
