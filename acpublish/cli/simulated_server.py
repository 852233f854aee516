"""``acpublish simulate --to URL``: what simulated devices experience with a running server."""

from __future__ import annotations

import time
from bisect import bisect_right
from dataclasses import dataclass
from urllib.parse import urlsplit

import click

from acpublish.cli.charts import plot
from acpublish.cli.common_options import ca_for
from acpublish.cli.ui import hours, print_json, printable, say, table
from acpublish.emulator.connection import parse_url
from acpublish.emulator.experienced import COLUMNS, Experienced
from acpublish.emulator.fleet_over_http import FleetOverHttp, Pace
from acpublish.emulator.known_images import KnownImages
from acpublish.errors import SettingsError
from acpublish.release import names
from acpublish.release.durations import duration
from acpublish.simulation.fleet_profile import Profile

_SPEED = 3600.0
_CONNECTIONS = 50
#: Each device has a request of its own, and a server remembers each.
_MAX_DEVICES = 100_000
#: From then on, the figures say more about this machine than about the fleet.
_LATE_S = 1.0
#: Points of the curve; it has fewer columns.
_POINTS = 640


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The options of a fleet in front of a server, as click passes them; None for the default."""

    product: str
    channel: str | None
    boards: tuple[str, ...]
    version: str | None
    speed: float | None
    connections: int | None
    lasts: str | None
    ca: str | None


def run(
    to: str, profile: Profile, devices: int, seed: int, options: ServerOptions, *, as_json: bool
) -> None:
    """Lets a fleet live with a server, and prints what has come of it.

    Args:
        to: The server's URL.
        profile: What the fleet is like.
        devices: How many devices there are.
        seed: Decides all that is left to chance to devices.
        options: The options.
        as_json: Whether to print one JSON document.

    Raises:
        AcpublishError: The server or an option cannot be used.
    """
    speed = options.speed or _SPEED
    fleet = _fleet(to, profile, devices, seed, options, speed)
    began = time.perf_counter()

    def started(new: str, second: int) -> None:
        say(f"the first device has received {printable(new)} after {hours(second)}")

    result = fleet.run(started)
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result, profile)
    took_s = time.perf_counter() - began
    say(
        f"{result.checks:,} requests in {took_s:.1f} s ({result.checks / took_s:,.0f} per second); "
        f"an hour of the fleet takes {3600 / speed:.3g} s"
    )
    if fleet.latest_s > _LATE_S:
        say(f"a request was {fleet.latest_s:.1f} s late: use a lower --speed, or fewer devices")


def _fleet(
    to: str, profile: Profile, devices: int, seed: int, options: ServerOptions, speed: float
) -> FleetOverHttp:
    if devices > _MAX_DEVICES:
        raise SettingsError(
            f"{devices:,} devices are too many for a server",
            hint=f"Use --devices {_MAX_DEVICES}, or leave out --to.",
        )
    trusted = ca_for(to, options.ca)
    server = parse_url(to, trusted)
    if b"?" in server.target:
        raise SettingsError(
            "a query cannot be a part of the server's URL",
            hint="Use its URL alone, with --channel for a channel.",
        )
    channel = names.channel(options.channel) if options.channel else None
    # What is published is not secret; a password in the URL is that of the devices.
    url = f"{urlsplit(to).scheme}://{server.authority}"
    images = KnownImages(url, names.product(options.product), trusted)
    boards = tuple(map(names.board, options.boards))
    if options.version:
        starts = images.start_with(options.version, boards)
    else:
        starts = images.settled(channel or names.STABLE, boards)
    pace = Pace(
        speed=speed,
        connections=options.connections or _CONNECTIONS,
        lasts=int(duration(options.lasts).total_seconds()) if options.lasts else profile.lasts,
    )
    fitted = images.fitted(profile, starts)
    return FleetOverHttp(server, images, fitted, pace, devices=devices, seed=seed, channel=channel)


def _print(result: Experienced, profile: Profile) -> None:
    described = f": {profile.description}" if profile.description else ""
    click.echo(printable(f"{result.profile}{described}"))
    click.echo()
    rows = [(row["board"], *(f"{row[column]:,}" for column in COLUMNS)) for row in result.boards]
    table([("board", *COLUMNS), *rows], right=frozenset(range(1, 1 + len(COLUMNS))))
    click.echo()
    if result.version:
        click.echo(
            printable(
                f"{result.product} {result.version}, {hours(result.lasted_s)} after its first offer"
            )
        )
    else:
        click.echo(printable(f"no device has received another release of {result.product}"))
    runs = ", ".join(f"{number:,} run {version}" for version, number in result.runs.items())
    click.echo(
        printable(
            f"{result.checks:,} check-ins, {result.offers:,} offers, {result.downloads:,} whole "
            f"downloads; of {result.devices:,} devices, {runs}"
        )
    )
    for reason, number in result.failures.most_common():
        click.echo(printable(f"{number:,} requests failed: {reason}"))
    if result.version:
        click.echo()
        plot(_over_time(result), result.devices, hours(result.lasted_s))


def _over_time(result: Experienced) -> list[int]:
    """Returns how many devices ran the new release, at equal distances."""
    times = [sample.after_s for sample in result.adoption]
    steps = (at * result.lasted_s / (_POINTS - 1) for at in range(_POINTS))
    return [result.adoption[max(bisect_right(times, step) - 1, 0)].running for step in steps]
