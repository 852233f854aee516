"""``acpublish backup`` and ``acpublish restore``: copies of what the server knows of the fleet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acpublish.catalog.state import BESIDE_STORE
from acpublish.cli.common_options import ANY_PATH, with_state_folder
from acpublish.cli.ui import json_option, print_json, printable

if TYPE_CHECKING:
    from acpublish.store.copies import Copied


@click.command("backup")
@click.argument("file", type=ANY_PATH)
@json_option
@with_state_folder
def command(folder: Path, file: Path, as_json: bool) -> None:
    """Copy what the server knows of devices and rollouts into FILE.

    The server may run meanwhile: FILE has everything as it was at one moment. It contains names
    and addresses, so only its owner can read it. An existing file is never
    overwritten. The catalog with its policies, tokens.json (the tokens), device-access.json
    (the credentials of devices) and webhooks.json (the webhooks) are not in it.
    """
    from acpublish.store.copies import back_up

    copied = back_up(folder, file)
    others = [str(path) for path in (folder / name for name in BESIDE_STORE) if path.exists()]
    line = (
        f"{printable(str(file))} has {_content(copied)}\n"
        f"not in it, so copy as well: {', '.join(map(printable, ['the catalog', *others]))}"
    )
    _say(copied, line, as_json=as_json, not_in_it=others)


@click.command("restore")
@click.argument("file", type=ANY_PATH)
@json_option
@with_state_folder
def restore(folder: Path, file: Path, as_json: bool) -> None:
    """Put the backup FILE in the place of what the server knows of the fleet.

    Stop the server first. What was there before is kept under another name, which is printed.
    """
    from acpublish.store.copies import restore as put_back

    copied = put_back(folder, file)
    line = f"restored {_content(copied)} to {printable(str(copied.path))}"
    if copied.aside is not None:
        line += f"; what was there before is {printable(str(copied.aside))}"
    _say(copied, line, as_json=as_json)


def _content(copied: Copied) -> str:
    devices, rollouts = (
        f"{number:,} {noun}{'' if number == 1 else 's'}"
        for number, noun in ((copied.devices, "device"), (copied.rollouts, "rollout"))
    )
    return f"{devices} and {rollouts}"


def _say(copied: Copied, line: str, *, as_json: bool, **more: Any) -> None:
    if not as_json:
        click.echo(line)
        return
    document: dict[str, Any] = {
        "file": str(copied.path),
        "devices": copied.devices,
        "rollouts": copied.rollouts,
        "aside": None if copied.aside is None else str(copied.aside),
        **more,
    }
    print_json(document)
