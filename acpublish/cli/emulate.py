"""``acpublish emulate``: request an update as a real device does, and check the response."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import click

from acpublish.cli import exit_status
from acpublish.cli.common_options import ca_for, ca_option, settings_for
from acpublish.cli.ui import json_option, print_error, print_json, printable
from acpublish.emulator.profile import DeviceOptions, UpdateOutcome, UpdateResult
from acpublish.emulator.updater import Device, run
from acpublish.errors import SettingsError
from acpublish.fleet.known_device import mac_address
from acpublish.image.reader import read
from acpublish.redact import redact_broken
from acpublish.release.secrets import masked_query
from acpublish.wire import UPDATE_PREFIX

_COMPARE = "Compare the URL with 'acpublish list --to {server}', and check the server's log."
#: What to do next, by the status of the response.
_HINTS = {
    401: "It needs the credentials of a device: write them in the URL, as in "
    "http://USER:PASSWORD@HOST:PORT, or see 'acpublish device-credentials list'.",
    403: "The server has no image for such a device: its log has the reason, and so has "
    "'acpublish explain' with the MAC address.",
}


@click.command("emulate")
@click.argument("words", metavar="[PATH]", nargs=-1)
@click.option("--to", metavar="URL", help="The server's URL.")
@click.option(
    "--chip",
    type=click.Choice(["esp8266", "esp32"]),
    default="esp8266",
    show_default=True,
    help="The updater to imitate.",
)
@click.option("--auto", metavar="PRODUCT/BOARD", help="Request the newest image of a channel.")
@click.option("--channel", metavar="C", help="The channel for --auto.  [stable]")
@click.option("--version", metavar="V", help="The version that the sketch reports.")
@click.option(
    "--mode",
    type=click.Choice(["sketch", "spiffs", "version"]),
    default="sketch",
    show_default=True,
    help="What to request: firmware, a filesystem, or only the version.",
)
@click.option(
    "--flash",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of the bytes the device runs: read at the start, written after an update.",
)
@click.option("--model", metavar="CHIP", help="The exact chip, such as esp32c3.")
@click.option("--mac", metavar="ADDRESS", help="The MAC address of its station.")
@click.option(
    "--free-space", type=click.IntRange(0), help="The space available for an update, in bytes."
)
@click.option(
    "--does-not-boot",
    is_flag=True,
    help="Receive the image whole, and then run what it ran before.",
)
@click.option("--list", "listing", is_flag=True, help="Print the list that AutoConnect shows.")
@click.option("--catalog", "old_listing", is_flag=True, hidden=True)
@ca_option
@json_option
def command(
    words: tuple[str, ...],
    to: str | None,
    auto: str | None,
    channel: str | None,
    listing: bool,
    old_listing: bool,
    ca: str | None,
    mac: str | None,
    does_not_boot: bool,
    as_json: bool,
    **device: Any,
) -> int:
    """Request an update from a server, as ESP8266HTTPUpdate or ESP32 HTTPUpdate would.

    PATH is a file's path on the server; --auto requests the newest image of a channel instead. The
    response is checked as a device checks it. The exit status is 1 if the update fails. With
    --does-not-boot, it is 0 if the image has come whole.
    """
    url, path = _server_and_path(to, words)
    # Updaters send it in upper case.
    station = None if mac is None else (mac_address(mac) or mac).upper()
    options = DeviceOptions(**device, mac=station, boots=not does_not_boot, ca=ca_for(url, ca))
    if listing or old_listing:
        return _list(options, url, path or ".", as_json)
    request_path = _request_path(path, auto, channel)
    outcome = run(options, url, request_path)
    if as_json:
        print_json(document(outcome))
    else:
        click.echo(printable(_line(outcome)))
    if outcome.result is not UpdateResult.FAILED:
        return exit_status.OK
    server = url.rstrip("/")
    where = _shown(f"{server}/{request_path.lstrip('/')}")
    if outcome.cause:
        print_error(f"no update from {where}: {outcome.cause}")
    else:
        hint = _HINTS.get(outcome.status or 0, _COMPARE).format(server=_shown(server))
        print_error(f"no update from {where}. {hint}")
    return exit_status.NO


def _shown(url: str) -> str:
    return redact_broken(masked_query(url))


def _server_and_path(to: str | None, words: tuple[str, ...]) -> tuple[str, str | None]:
    """Returns the server's URL and a file's path; the first word may be the URL.

    This was the only way to name it at first: ``emulate URL [PATH]``. A word alone that has a colon
    is a URL, or what is taken for one, such as HOST:PORT.
    """
    if to is None and words and (len(words) > 1 or ":" in words[0]):
        to, words = words[0], words[1:]
    if len(words) > 1:
        raise click.UsageError(f"Got unexpected extra argument ({words[1]})")
    # An option may contain a password, which the setting must not.
    url = to or settings_for({}).checked("to", str)
    return url, words[0] if words else None


def document(outcome: UpdateOutcome) -> dict[str, Any]:
    """Returns the outcome of an update as JSON types."""
    image = outcome.image
    stamp = read(image).stamp if image is not None else None
    return {
        "result": outcome.result.value,
        "reason": outcome.reason or None,
        "status": outcome.status,
        "available": outcome.available,
        "size": None if image is None else len(image),
        "sha256": None if image is None else hashlib.sha256(image).hexdigest(),
        "product": stamp.product if stamp else None,
        "version": stamp.version if stamp else None,
    }


def _request_path(path: str | None, auto: str | None, channel: str | None) -> str:
    if auto and not path:
        query = f"?channel={channel}" if channel else ""
        return f"{UPDATE_PREFIX}{auto.strip('/')}{query}"
    if path and not auto and not channel:
        return path
    raise SettingsError(
        "a device requests either a file's PATH or, with --auto, the newest image of a channel",
        hint="Use either PATH or --auto PRODUCT/BOARD; --channel can be used only with --auto.",
    )


def _line(outcome: UpdateOutcome) -> str:
    if outcome.result is UpdateResult.UPDATED:
        facts = document(outcome)
        runs = f"now runs {facts['product']} {facts['version']}, " if facts["version"] else ""
        return f"updated: {runs}{facts['size']} bytes, sha256 {facts['sha256']}"
    if outcome.result is UpdateResult.NOT_BOOTED:
        facts = document(outcome)
        name = f"{facts['product']} {facts['version']}, " if facts["version"] else ""
        received = f"{name}{facts['size']} bytes, sha256 {facts['sha256']}"
        return f"not booted: received {received}; still runs what it ran before"
    if outcome.result is UpdateResult.FAILED:
        return f"failed: {outcome.reason}"
    if outcome.result is UpdateResult.AVAILABLE:
        return f"available: {outcome.available}"
    return "no update: the server has nothing newer"


def _list(options: DeviceOptions, url: str, path: str, as_json: bool) -> int:
    page = Device(options).catalog(url, path)
    if page.cause:
        print_error(f"no list from {_shown(url)}: {page.cause}")
    if as_json:
        names = [firmware.name for firmware in page.firmwares]
        print_json({"caption": page.caption, "firmwares": names})
        return exit_status.OK if names else exit_status.NO
    click.echo(printable(page.caption))
    for entry in page.firmwares:
        click.echo(printable(f"{entry.date} {entry.time}  {entry.size:>9}  {entry.name}"))
    return exit_status.OK if page.firmwares else exit_status.NO
