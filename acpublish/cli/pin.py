"""``acpublish pin`` and ``acpublish deploy``: one device gets one version."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from acpublish.cli import exit_status
from acpublish.cli.common_options import with_fleet
from acpublish.cli.devices import device_argument, runs_text, shown_name
from acpublish.cli.times import age_text, in_short
from acpublish.cli.ui import json_option, print_json, printable, say, warn
from acpublish.errors import NotFoundError
from acpublish.release import names
from acpublish.release.durations import duration
from acpublish.release.version import Version

if TYPE_CHECKING:
    from acpublish.control.fleet_access import Document, Fleet

#: How often a device is looked at while somebody waits for it, in seconds.
_LOOK_S = 1.0
#: A device that is as slow as it ever was needs one gap to ask, and one to come back.
_GAPS = 3
_GO_BACK = "to go back, add --order-back"
#: Rules that keep a device from a release only for a while.
_PASSING = frozenset({"newest", "store-away", "window"})

order_back_option = click.option(
    "--order-back", is_flag=True, help="Offer it even if it is lower than what the device runs."
)


@click.command("pin")
@device_argument
@click.argument("version", required=False)
@click.option("--hold", is_flag=True, help="Offer the device nothing at all.")
@click.option("--clear", is_flag=True, help="End its pin, or its hold.")
@order_back_option
@with_fleet
@json_option
def command(
    fleet: Fleet,
    device: str,
    version: str | None,
    *,
    hold: bool,
    clear: bool,
    order_back: bool,
    as_json: bool,
) -> None:
    """Offer a device only one version, or nothing, whatever its channel has.

    Rollouts leave it out until --clear. DEVICE is its id, its MAC address, PRODUCT/MAC, or its
    name.
    """
    if (version is not None) + hold + clear != 1:
        raise click.UsageError("Pass either VERSION, --hold or --clear")
    if order_back and version is None:
        raise click.UsageError("--order-back needs a VERSION")
    if version is not None:
        pinned = str(Version.parse(version))
        document = fleet.pin(device, pinned, order_back=order_back)
        line = f"is pinned to {document['product']} {pinned}"
    elif hold:
        document, line = fleet.hold(device), "is on hold"
    else:
        document, line = fleet.clear(device), "gets what its channel has"
    if as_json:
        print_json(document)
        return
    click.echo(printable(f"{shown_name(document)} {line}"))
    _warn_of_higher(document)


@click.command("deploy")
@click.argument("product")
@click.argument("version")
@click.option("--device", required=True, metavar="DEVICE", help="The device.")
@click.option("--wait", is_flag=True, help="Wait until it runs the version.")
@click.option("--timeout", metavar="TIME", help="How long to wait.  [three times its longest gap]")
@order_back_option
@with_fleet
@json_option
def deploy(
    fleet: Fleet,
    product: str,
    version: str,
    device: str,
    *,
    wait: bool,
    timeout: str | None,
    order_back: bool,
    as_json: bool,
) -> int:
    """Bring a version to one device: pin it, and wait until it runs it.

    With --wait, the exit status is 1 if it does not, and the last line says why. The pin stays; to
    end it, use acpublish pin DEVICE --clear. DEVICE is its id, its MAC address, PRODUCT/MAC, or its
    name.
    """
    product, version = names.product(product), str(Version.parse(version))
    if timeout is not None and not wait:
        raise click.UsageError("--timeout needs --wait")
    patience_s = None if timeout is None else duration(timeout).total_seconds()
    known = fleet.device(device)
    if known["product"] != product:
        raise NotFoundError(
            f"{shown_name(known)} is a device of {known['product']}, not of {product}",
            hint=f"See 'acpublish devices list --product {product}' for what there is.",
        )
    known = fleet.pin(known["id"], version, order_back=order_back)
    what = f"{product} {version}"
    if not wait:
        line = f"{shown_name(known)} is pinned to {what}"
        if _runs(known, version):
            line = f"{shown_name(known)} runs {what}"
        _end(known, version, line, as_json=as_json)
        _warn_of_higher(known)
        return exit_status.OK
    if patience_s is None:
        patience_s = _GAPS * known["longest_gap_s"]
    if not _runs(known, version):
        if not fleet.served:
            warn("no server serves this directory now, so no device can ask; use acpublish serve")
        seen = f"seen {age_text(known['last_seen'])}"
        say(printable(f"waiting up to {in_short(int(patience_s))} for {shown_name(known)}, {seen}"))
    known, reason = _awaited(fleet, known, version, patience_s)
    if not reason:
        _end(known, version, f"{shown_name(known)} runs {what}", as_json=as_json)
        return exit_status.OK
    line = f"{shown_name(known)} does not run {what}: {reason}"
    _end(known, version, line, as_json=as_json)
    return exit_status.NO


def _warn_of_higher(device: Mapping[str, Any]) -> None:
    """Warns if a device keeps what it runs, because its pin is lower."""
    pin, runs = device["pin"], device["runs"]
    if not pin or pin["order_back"] or not runs:
        return
    if Version.parse(pin["version"]).precedence < Version.parse(runs).precedence:
        warn(f"{shown_name(device)} runs {runs}, which is higher, and keeps it; {_GO_BACK}")


def _runs(device: Mapping[str, Any], version: str) -> bool:
    """Returns whether a device runs a version, by its digest or as far as one can tell."""
    return bool(device["runs"] == version or (device["unverified"] and device["claims"] == version))


def _awaited(
    fleet: Fleet, device: Document, version: str, patience_s: float
) -> tuple[Document, str]:
    """Waits until a device runs a version.

    Returns:
        The device, and why it does not run it; empty if it does.
    """
    end = time.monotonic() + patience_s
    while not _runs(device, version):
        explained = fleet.explain(device["id"])
        hopeless = explained["verdict"] != "offer" and explained["rule"] not in _PASSING
        if hopeless or time.monotonic() >= end:
            return device, _why_not(device, explained)
        time.sleep(_LOOK_S)
        device = fleet.device(device["id"])
    return device, ""


def _why_not(device: Mapping[str, Any], explained: Mapping[str, Any]) -> str:
    if explained["verdict"] != "offer":
        hint = f"; {_GO_BACK}" if explained["rule"] == "downgrade" and device["pin"] else ""
        return f"{explained['reason']} (rule {explained['rule']}){hint}"
    seen = f"it runs {runs_text(device)} and was seen {age_text(device['last_seen'])}"
    offers = device["offers"]
    if offers and offers[-1]["version"] == explained["version"]:
        return f"{seen}; it was offered {explained['version']}: {offers[-1]['became']}"
    return f"{seen}; it is offered {explained['version']} as soon as it asks"


def _end(device: Mapping[str, Any], version: str, line: str, *, as_json: bool) -> None:
    if not as_json:
        click.echo(printable(line))
        return
    print_json(
        {
            "device": device["id"],
            "product": device["product"],
            "version": version,
            "runs": device["runs"],
            "done": _runs(device, version),
            "reason": line,
        }
    )
