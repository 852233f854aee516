"""``acpublish key``, ``sign`` and ``verify``: keys, the keys to trust, and signed images.

Releases are signed with ECDSA keys, and clients verify them. ``sign`` and ``verify`` are about the
RSA signature inside an ESP8266 image, which the device itself verifies.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from acpublish import api
from acpublish.cli import exit_status
from acpublish.cli.common_options import (
    ANY_PATH,
    old_to_argument,
    one_catalog,
    settings_for,
)
from acpublish.cli.groups import CommandGroup
from acpublish.cli.ui import json_option, print_json, say, warn
from acpublish.errors import SettingsError, UnconfirmedError

DEFAULT_FILE = Path("signing-key.pem")
#: Arguments of the Python API that a hint may name, and the options for them.
_OPTIONS = {"confirmed=True": "--yes", "force=True": "--force"}
#: A server's trusted keys and manifests are files on its own machine.
_directory_option = click.option(
    "--to", metavar="DIR", help="The catalog's directory.  [the setting to]"
)


@click.group("key", cls=CommandGroup)
def command() -> None:
    """Create the keys that sign releases, and choose the keys that a product trusts."""


@command.command("create")
@click.option(
    "-o",
    "--output",
    default=DEFAULT_FILE,
    show_default=True,
    type=ANY_PATH,
    help="The file to write; an existing file is never overwritten.",
)
@click.option("--rsa", is_flag=True, help="Create an RSA key of 2048 bits for ESP8266 images.")
def create(output: Path, rsa: bool) -> None:
    """Create a private key for signing releases.

    Only the owner of the file can read it.
    """
    key = api.create_key(output, "rsa" if rsa else "ecdsa-p256")
    click.echo(f"{output}: {key.algorithm}, key {key.id}. Keep it secret, and keep a backup.")


@command.command("show")
@click.argument("file", type=ANY_PATH)
@json_option
def show(file: Path, as_json: bool) -> None:
    """Print the public half of a key.

    FILE contains a private or a public key. The PEM goes to stdout, the key's id to stderr.
    """
    key = api.show_key(file)
    if as_json:
        print_json({"key": key.id, "algorithm": key.algorithm, "public": key.pem})
        return
    say(f"key {key.id} ({key.algorithm})")
    click.echo(key.pem, nl=False)


@command.command("trust")
@click.argument("words", metavar="[PUBLIC.pem]", nargs=-1)
@_directory_option
@click.option("--product", required=True, metavar="P", help="The product.")
@click.option(
    "--remove", metavar="ID|PUBLIC.pem", help="Stop trusting this key, given by its id or its file."
)
@click.option("--force", is_flag=True, help="Remove the key even if that withholds releases.")
@click.option(
    "--yes", "-y", is_flag=True, help="Withhold or admit releases without asking for confirmation."
)
@json_option
def trust(
    words: tuple[str, ...],
    to: str | None,
    product: str,
    remove: str | None,
    force: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Trust a key, or show which keys are trusted.

    The product then accepts only releases signed with the key in PUBLIC.pem. The catalog is a
    directory, from --to or the setting to. Up to two keys can be trusted at a time. The command
    prints the keys that the product trusts; without PUBLIC.pem and --remove, it changes nothing. A
    running server applies the change immediately. A first key that withholds releases, and the
    removal of the last key, have to be confirmed.
    """
    directory, public = _catalog_and_key(to, words)
    if public is not None and remove is not None:
        raise SettingsError(
            "PUBLIC.pem and --remove cannot be combined",
            hint="Run acpublish key trust once for each of them.",
        )
    change = partial(
        api.trust_keys, directory, product=product, add=public, remove=remove, force=force
    )
    try:
        keys, withheld = change(confirmed=yes)
    except SettingsError as error:
        # Scripts get the error, which names the option.
        if not isinstance(error, UnconfirmedError) or as_json or not sys.stdin.isatty():
            raise _with_options(error) from error
        warn(error.problem)
        if not click.confirm("Continue?", err=True):
            click.echo("nothing was changed")
            return exit_status.NO
        keys, withheld = change(confirmed=True)
    for release in withheld:
        warn(f"withheld from now on: {release}")
    if as_json:
        shown = [{"key": key.id, "public": key.pem} for key in keys]
        print_json({"product": product, "keys": shown, "withheld": list(withheld)})
        return exit_status.OK
    for key in keys:
        click.echo(f"{product} trusts key {key.id}")
    if not keys:
        click.echo(f"{product} trusts no keys: it accepts unsigned releases")
    return exit_status.OK


def _with_options(error: SettingsError) -> SettingsError:
    """Returns the error with options in its hint instead of the API's arguments."""
    hint = error.hint
    for argument, option in _OPTIONS.items():
        hint = hint.replace(argument, option)
    return type(error)(error.problem, hint=hint)


def _catalog_and_key(to: str | None, words: tuple[str, ...]) -> tuple[str, str | None]:
    """Returns the catalog and the file of a key; the first word may be the catalog.

    This was the only way to name it at first: ``key trust DIR [PUBLIC.pem]``.
    """
    settings = settings_for({"to": to})
    if (
        to is None
        and words
        # A word alone may also be a key, for the catalog that is set.
        and (len(words) > 1 or Path(words[0]).is_dir() or not settings.text("to"))
    ):
        settings, words = settings_for({"to": words[0]}), words[1:]
    if len(words) > 1:
        raise click.UsageError(f"Got unexpected extra argument ({words[1]})")
    return settings.destination().to, words[0] if words else None


@command.command("resign")
@old_to_argument
@_directory_option
@click.option("--product", required=True, metavar="P", help="The product.")
@click.option(
    "--key", required=True, metavar="PEM", type=ANY_PATH, help="The private key to sign with."
)
@json_option
def resign(old_to: str | None, to: str | None, product: str, key: Path, as_json: bool) -> None:
    """Sign releases with another key as well.

    This signs every release of the product that a trusted key has signed. All others are left out,
    with a warning. If the product trusts no key yet, this signs all its releases: trusting the key
    afterwards withholds none of them.
    """
    directory = settings_for({"to": one_catalog(to, old_to)}).destination().to
    result = api.resign(directory, product=product, key=key)
    if not (result.signed or result.already or result.left_out or result.verified):
        raise SettingsError(
            f"there is no product {product} in {directory}",
            hint=f"See what there is: acpublish list {directory}",
        )
    for release in result.left_out:
        warn(f"left out: {release}")
    if result.left_out:
        warn(
            f"no key that {product} trusts signed what was left out; if it is yours, publish the "
            "same files again with such a key (--key PEM)"
        )
    if result.signed and not result.verified:
        warn(
            f"{product} trusts no key yet, so nothing shows who made its releases, and all were "
            "signed: check them before you trust the key"
        )
    if as_json:
        document = {"product": product, "signed": list(result.signed), "already": result.already}
        print_json({**document, "left_out": list(result.left_out)})
        return
    count = len(result.signed)
    images = "1 image" if count == 1 else f"{count} images"
    click.echo(f"{product}: {images} signed, {result.already} already signed with this key")


@click.command("sign")
@click.argument("file", type=ANY_PATH)
@click.option("--key", required=True, metavar="PEM", type=ANY_PATH, help="An RSA private key.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=ANY_PATH,
    help="The file to write. FILE is not changed unless it is the same file.",
)
@json_option
def sign(file: Path, key: Path, output: Path, as_json: bool) -> None:
    """Write a signed copy of the ESP8266 image FILE, or of a gzip of one.

    A device verifies the signature if its sketch was built with the public key. Stamp the image
    before you sign it. Signing a release is different: use `acpublish publish --key`.
    """
    image, key_id = api.sign(file, key=key, output=output)
    if as_json:
        document = {"file": str(output), "key": key_id, "size": image.size}
        print_json({**document, "md5": image.md5, "sha256": image.sha256})
        return
    click.echo(f"{output}: signed with key {key_id}, {image.size} bytes, sha256 {image.sha256}")


@click.command("verify")
@click.argument("file", type=ANY_PATH)
@click.option("--key", required=True, metavar="PEM", type=ANY_PATH, help="The RSA public key.")
@json_option
def verify(file: Path, key: Path, as_json: bool) -> int:
    """Check whether the signed ESP8266 image FILE was signed with a key.

    The exit status is 1 if it was not.
    """
    valid, key_id = api.verify(file, key=key)
    if as_json:
        print_json({"file": str(file), "key": key_id, "valid": valid})
    else:
        result = f"signed with key {key_id}"
        click.echo(f"{file}: {result if valid else f'not {result}, or changed after signing'}")
    return exit_status.OK if valid else exit_status.NO
