"""``acpublish simulate``: rehearse a rollout with simulated devices."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from acpublish.cli.charts import plot
from acpublish.cli.common_options import ca_option
from acpublish.cli.ui import hours, json_option, print_json, printable, say, table
from acpublish.errors import SettingsError
from acpublish.fleet.moments import DAY_S
from acpublish.input_files import expanded, read_bounded
from acpublish.simulation.built_in_profiles import BUILT_IN, DEFAULT_PROFILE, built_in
from acpublish.simulation.fleet_profile import Profile
from acpublish.simulation.profile_file import MAX_PROFILE_BYTES, read_profile
from acpublish.simulation.rehearsed import Rehearsed
from acpublish.simulation.simulator import Simulation

_DEVICES = 1000
_MAX_DEVICES = 10_000_000
#: The options of a policy: a server has its own.
_POLICY = ("stages", "soak", "halt", "on_halt", "window")
_COLUMNS = ("devices", "offered", "delivered", "running", "failed", "unrecognised", "pending")


def _server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that only a fleet in front of a server has."""
    for option in (
        ca_option,
        click.option(
            "--connections",
            metavar="N",
            type=click.IntRange(1, 1000),
            help="With --to: how many connections there are at once.  [50]",
        ),
        click.option(
            "--for", "lasts", metavar="TIME", help="With --to: how long it lasts at most."
        ),
        click.option(
            "--speed",
            metavar="N",
            type=click.FloatRange(0.1, 1_000_000),
            help="With --to: how many seconds of the fleet pass in one second.  [3600]",
        ),
        click.option(
            "--from", "version", metavar="V", help="With --to: what devices run at first."
        ),
        click.option(
            "--board",
            "boards",
            metavar="B",
            multiple=True,
            help="With --to: a board of the devices. May be repeated.  [all]",
        ),
        click.option("--channel", metavar="C", help="With --to: their channel.  [stable]"),
        click.option("--product", metavar="P", help="With --to: their product."),
    ):
        command = option(command)
    return command


@click.command("simulate")
@click.option(
    "--devices",
    metavar="N",
    type=click.IntRange(1, _MAX_DEVICES),
    default=_DEVICES,
    show_default=True,
    help="How many devices there are.",
)
@click.option(
    "--profile",
    metavar="NAME|FILE",
    default=DEFAULT_PROFILE,
    show_default=True,
    help=f"What the devices are like: {', '.join(sorted(BUILT_IN))}, or a TOML file.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, 2**63 - 1),
    default=1,
    show_default=True,
    help="Decides all that is left to chance.",
)
@click.option("--to", metavar="URL", help="Let the devices check in with this server.")
@_server_options
@click.option("--stages", metavar="LIST", help="The stages.  [1,10%,50%,100%]")
@click.option("--soak", metavar="TIME", help="The least time in each stage.  [24h]")
@click.option("--halt", metavar="N,SHARE", help="The failures that halt the rollout.  [3,5%]")
@click.option("--on-halt", metavar="WHAT", help="stop or order-back.  [stop]")
@click.option("--window", metavar="FROM-TO", help="The part of the day in which to offer it.")
@json_option
def command(
    profile: str, devices: int, seed: int, to: str | None, as_json: bool, **options: Any
) -> None:
    """Rehearse a rollout: how a fleet would take a release, stage by stage.

    Simulated devices check in, download, reboot, fail, sleep and vanish as a profile describes, and
    the rules of the real server decide what each one gets. Nothing is sent to anybody. The same
    seed prints the same.

    With --to, the devices check in with a running server over HTTP and download what it offers them
    of --product; --speed compresses their time, but not the server's. Its own policy decides.
    """
    chosen = _profile(profile)
    policy = {name: options.pop(name) for name in _POLICY}
    _need_fitting(to, policy, options)
    if to is not None:
        from acpublish.cli import simulated_server

        of_server = simulated_server.ServerOptions(**options)
        simulated_server.run(to, chosen, devices, seed, of_server, as_json=as_json)
        return
    began = time.perf_counter()
    result = Simulation(chosen, chosen.policy(**policy), devices=devices, seed=seed).run()
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result, chosen)
    days = result.lasted_s / DAY_S
    say(
        f"{days:.1f} days with {devices:,} devices and {result.checks:,} check-ins took "
        f"{time.perf_counter() - began:.1f} s"
    )


def _need_fitting(
    to: str | None, policy: Mapping[str, str | None], server: Mapping[str, Any]
) -> None:
    """Refuses options that would have no effect.

    Raises:
        click.UsageError: There are some.
    """
    useless = policy if to is not None else server
    for name, value in useless.items():
        if value:
            word = {"lasts": "for", "version": "from", "boards": "board"}.get(name, name)
            raise click.UsageError(
                f"--{word.replace('_', '-')} "
                + (
                    "cannot be combined with --to, because the server's own policy decides"
                    if to is not None
                    else "needs a server; add --to URL"
                )
            )
    if to is not None and not server["product"]:
        raise click.UsageError("--to needs --product, which the devices belong to")


def _profile(name: str) -> Profile:
    """Returns the profile of a name, or of a file.

    Raises:
        SettingsError: There is none, or it is not valid.
    """
    path = expanded(name)
    if name in BUILT_IN or not (path.suffix == ".toml" or len(path.parts) > 1 or path.exists()):
        return built_in(name)
    return read_profile(_text(path), name)


def _text(path: Path) -> str:
    hint = f"Use the path of a TOML file, or one of {', '.join(sorted(BUILT_IN))}."
    data = read_bounded(path, MAX_PROFILE_BYTES, SettingsError, hint=hint)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not a text in UTF-8", hint=hint) from error


def _print(result: Rehearsed, profile: Profile) -> None:
    described = f": {profile.description}" if profile.description else ""
    click.echo(printable(f"{result.profile}{described}"))
    click.echo()
    rollout = result.rollout
    began = {turn.stage: hours(turn.after_s) for turn in reversed(result.turns)}
    rows = [
        (
            str(at + 1),
            stage["target"],
            began.get(at, "-"),
            *(f"{stage[name]:,}" for name in _COLUMNS),
        )
        for at, stage in enumerate(rollout["stages"])
    ]
    table(
        [("stage", "target", "began", *_COLUMNS), *rows],
        right=frozenset({0, *range(2, 3 + len(_COLUMNS))}),
    )
    click.echo()
    last = result.turns[-1]
    reason = f": {rollout['reason']}" if rollout["reason"] else ""
    click.echo(printable(f"{rollout['state']} after {hours(last.after_s)}{reason}"))
    runs = ", ".join(f"{number:,} run {version}" for version, number in result.runs.items())
    click.echo(
        printable(
            f"{result.checks:,} check-ins, {result.offers:,} offers, {result.downloads:,} whole "
            f"downloads; of {result.devices:,} devices, {runs}"
        )
    )
    click.echo()
    plot([sample.running for sample in result.adoption], result.devices, hours(result.lasted_s))
