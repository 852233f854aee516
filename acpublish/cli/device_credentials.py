"""``acpublish device-credentials`` and ``device-path``: who may have a product's images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acpublish.cli.common_options import secret_in, with_state_folder
from acpublish.cli.groups import CommandGroup
from acpublish.cli.ui import json_option, print_json, say, table, warn
from acpublish.errors import SettingsError
from acpublish.release import names
from acpublish.release.grants import EVERY_PRODUCT

if TYPE_CHECKING:
    from acpublish.server.device_access_file import DeviceAccessStore

#: More than any password, with a line break.
_MAX_FILE_BYTES = 1024
_FILE_HINT = "Use a file that contains only the password, or - for standard input."


@click.group("device-credentials", cls=CommandGroup)
def credentials() -> None:
    """Handle the credentials that devices need for the images of a product.

    A sketch sends them with setAuthorization(user, password). Lists are open to everyone, because
    AutoConnect cannot send credentials for them. The commands change the state folder of the
    server on this machine; a running server follows within a second.
    """


@click.group("device-path", cls=CommandGroup)
def paths() -> None:
    """Handle secret paths: below one, a device gets the images of its products without credentials.

    They are for sketches that cannot send credentials. A secret path closes nothing: also set
    credentials for the product (acpublish device-credentials set).
    """


def _with_store(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say whose state folder, and passes the store as the first argument."""

    @wraps(function)
    def run(state: Path, **options: Any) -> Any:
        from acpublish.server.device_access_file import DeviceAccessStore

        return function(DeviceAccessStore(state), **options)

    return with_state_folder(run)


def _warn_of_unknown(products: Iterable[str]) -> None:
    """Warns of products that the catalog, where one is named, does not have."""
    from acpublish.catalog.directory import DirectoryCatalog

    directory: Path | None = click.get_current_context().obj
    if directory is None:
        return
    catalog = DirectoryCatalog(directory)
    for product in products:
        if not catalog.owns(product) and not (catalog.root / product).is_dir():
            warn(f"there is no product {product} in this catalog yet; check its name")


def _product(_context: click.Context, _option: click.Parameter, value: Any) -> Any:
    """Checks one or several names of products, so that a mistyped one closes nothing else."""
    return tuple(map(names.product, value)) if isinstance(value, tuple) else names.product(value)


@credentials.command("set")
@click.argument("product", callback=_product)
@click.option("--user", required=True, metavar="NAME", help="The name of the user.")
@click.option(
    "--password-file",
    metavar="FILE",
    help="A file that contains only the password; - for standard input.  [a new random password]",
)
@json_option
@_with_store
def set_credentials(
    store: DeviceAccessStore, product: str, user: str, password_file: str | None, as_json: bool
) -> None:
    """Set the password of a user for PRODUCT; its images then need credentials.

    A new password is printed once, and only a hash is stored. The same user's earlier password is
    no longer accepted. Users are independent of each other, so a second one lets you change the
    password of devices in the field without locking any out.
    """
    from acpublish.server.device_secrets import new_password

    given = None if password_file is None else _password_from(password_file)
    password = given or new_password()
    made = store.set_credentials(product, user, password)
    _warn_of_unknown([product])
    if as_json:
        print_json({**made.info(), "password": None if given else password})
        return
    if not given:
        click.echo(password)
    say(f"acpublish: the images of {product} need credentials; {user!a} has a password")


@credentials.command("list")
@json_option
@_with_store
def list_credentials(store: DeviceAccessStore, as_json: bool) -> None:
    """List the products that need credentials, and their users."""
    entries = sorted(store.all().credentials, key=lambda entry: (entry.product, entry.user))
    if as_json:
        print_json([entry.info() for entry in entries])
        return
    rows = [(entry.product, entry.user, entry.created) for entry in entries]
    table([("PRODUCT", "USER", "CREATED"), *rows])


@credentials.command("revoke")
@click.argument("product")
@click.option("--user", metavar="NAME", help="Revoke those of this user only.")
@click.option(
    "--open", "opens", is_flag=True, help="Allow that everyone gets the product's images again."
)
@json_option
@_with_store
def revoke_credentials(
    store: DeviceAccessStore, product: str, user: str | None, opens: bool, as_json: bool
) -> None:
    """Revoke the credentials of a user for PRODUCT, or of all users.

    Without any, everyone can get the images of the product, so the last ones are revoked only with
    --open.
    """
    revoked = store.revoke_credentials(product, user, opens=opens)
    if as_json:
        print_json([entry.info() for entry in revoked])
        return
    users = ", ".join(ascii(entry.user)[1:-1] for entry in revoked)
    click.echo(f"credentials for {product} revoked: {users}")


@paths.command("create")
@click.argument("products", metavar="[PRODUCT]...", nargs=-1, callback=_product)
@click.option("--all", "every", is_flag=True, help="For every product.")
@click.option("--name", default="", metavar="N", help="What you call the path.")
@json_option
@_with_store
def create_path(
    store: DeviceAccessStore, products: tuple[str, ...], every: bool, name: str, as_json: bool
) -> None:
    """Create a secret path for some products, print it once, and store only its SHA-256.

    Put it in front of the address in a sketch: "/u/…" ACPUBLISH_UPDATE_PATH.
    """
    if bool(products) == every:
        raise click.UsageError("Name the products, or use --all")
    _warn_of_unknown(products)
    path, made = store.create_path((EVERY_PRODUCT,) if every else products, name)
    if as_json:
        print_json({**made.info(), "path": path})
        return
    click.echo(path)
    say(f"acpublish: secret path {made.id} created for {_whose(made.products)}")


@paths.command("list")
@json_option
@_with_store
def list_paths(store: DeviceAccessStore, as_json: bool) -> None:
    """List the secret paths by their first six digits, which the log shows too."""
    stored = store.all().paths
    if as_json:
        print_json([path.info() for path in stored])
        return
    rows = [(path.id, path.name or "-", _whose(path.products), path.created) for path in stored]
    table([("ID", "NAME", "PRODUCTS", "CREATED"), *rows])


@paths.command("revoke")
@click.argument("path_id", metavar="ID")
@json_option
@_with_store
def revoke_path(store: DeviceAccessStore, path_id: str, as_json: bool) -> None:
    """Revoke a secret path, given by its first six digits or its name."""
    path = store.revoke_path(path_id)
    if as_json:
        print_json(path.info())
        return
    click.echo(f"secret path {path.id} revoked: {_whose(path.products)}")


def _whose(products: tuple[str, ...]) -> str:
    return "every product" if EVERY_PRODUCT in products else ", ".join(products)


def _password_from(file: str) -> str:
    """Returns the password that is the only line of a file; no error shows anything of it."""
    data = secret_in(file, "--password-file", _MAX_FILE_BYTES, hint=_FILE_HINT)
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise SettingsError("the password is not UTF-8", hint=_FILE_HINT) from error
    if not text:
        raise SettingsError("the password is empty", hint=_FILE_HINT)
    return text
