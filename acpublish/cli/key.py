"""``acpublish key``, ``sign`` and ``verify``: keys, trust in keys, and signed images."""

from __future__ import annotations

from pathlib import Path

import click

from acpublish import api
from acpublish.cli import exit_status
from acpublish.cli.common_options import ANY_PATH
from acpublish.cli.ui import json_option, print_json, warn
from acpublish.errors import SettingsError

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
    type=ANY_PATH,
    help="The file to write; one that exists is never overwritten.",
)
@click.option("--rsa", is_flag=True, help="An RSA key of 2048 bits, to sign ESP8266 images with.")
def create(output: Path, rsa: bool) -> None:
    """Make a private key that signs releases, readable for its owner only."""
    key = api.create_key(output, "rsa" if rsa else "ecdsa-p256")
    click.echo(f"{output}: {key.algorithm}, key {key.id}. Keep it secret, and keep a copy.")


@command.command("show")
@click.argument("file", type=ANY_PATH)
@json_option
def show(file: Path, as_json: bool) -> None:
    """Print the public half of the key in FILE: the PEM alone on stdout, its id on stderr."""
    key = api.show_key(file)
    if as_json:
        print_json({"key": key.id, "algorithm": key.algorithm, "public": key.pem})
        return
    click.echo(f"key {key.id} ({key.algorithm})", err=True)
    click.echo(key.pem, nl=False)


@command.command("trust")
@click.argument("directory", metavar="DIR", type=ANY_PATH)
@click.argument(
    "public",
    metavar="[PUBLIC.pem]",
    required=False,
    type=ANY_PATH,
)
@click.option("--product", required=True, metavar="P", help="The product.")
@click.option(
    "--remove", metavar="ID|PUBLIC.pem", help="Trust this key no longer; by its id or its file."
)
@click.option("--force", is_flag=True, help="Remove it also where that withholds releases.")
@json_option
def trust(
    directory: Path,
    public: Path | None,
    product: str,
    remove: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Let a product of the catalog DIR take only releases signed with the key in PUBLIC.pem.

    Two keys may be trusted at a time. Without PUBLIC.pem and --remove, nothing changes. What the
    product trusts is printed. A server that runs knows of it at once.
    """
    if public is not None and remove is not None:
        raise SettingsError(
            "a key is either trusted or removed", hint="Give PUBLIC.pem or --remove, not both."
        )
    keys, withheld = api.trust_keys(
        directory, product=product, add=public, remove=remove, force=force
    )
    for one in withheld:
        warn(f"withheld from now on: {one}")
    if as_json:
        shown = [{"key": key.id, "public": key.pem} for key in keys]
        print_json({"product": product, "keys": shown, "withheld": list(withheld)})
        return
    for key in keys:
        click.echo(f"{product} trusts key {key.id}")
    if not keys:
        click.echo(f"{product} trusts no key: it takes releases that are not signed")


@command.command("resign")
@click.argument("directory", metavar="DIR", type=ANY_PATH)
@click.option("--product", required=True, metavar="P", help="The product.")
@click.option(
    "--key",
    required=True,
    metavar="PEM",
    type=ANY_PATH,
    help="The private key to sign with.",
)
@json_option
def resign(directory: Path, product: str, key: Path, as_json: bool) -> None:
    """Sign every release of a product that is valid by the keys it trusts with another key, too.

    A release that is not validly signed is left out, with a warning.
    """
    done = api.resign(directory, product=product, key=key)
    for one in done.left_out:
        warn(f"left out: {one}")
    if as_json:
        document = {"product": product, "signed": list(done.signed), "already": done.already}
        print_json({**document, "left_out": list(done.left_out)})
        return
    click.echo(f"{product}: images signed {len(done.signed)}, signed before {done.already}")


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
def sign(file: Path, key: Path, output: Path, as_json: bool) -> None:
    """Write a signed copy of the ESP8266 image FILE, or of a gzip of one.

    The device verifies it when its sketch was built with the public key. Stamp before you sign. A
    release is signed with `acpublish publish --key`, which is something else.
    """
    image, key_id = api.sign(file, key=key, output=output)
    if as_json:
        document = {"file": str(output), "key": key_id, "size": image.size}
        print_json({**document, "md5": image.md5, "sha256": image.sha256})
        return
    click.echo(f"{output}: signed with key {key_id}, {image.size} bytes, sha256 {image.sha256}")


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
def verify(file: Path, key: Path, as_json: bool) -> int:
    """Tell whether the signed ESP8266 image FILE was signed with a key.

    The exit status is 1 when it was not.
    """
    valid, key_id = api.verify(file, key=key)
    if as_json:
        print_json({"file": str(file), "key": key_id, "valid": valid})
    else:
        said = "signed with" if valid else "not signed with, or changed after it was signed with,"
        click.echo(f"{file}: {said} key {key_id}")
    return exit_status.OK if valid else exit_status.NO
