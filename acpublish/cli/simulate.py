"""``acpublish simulate``: rehearse a rollout with simulated devices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from acpublish.cli.charts import curve
from acpublish.cli.ui import json_option, print_json, printable, say, table
from acpublish.errors import SettingsError
from acpublish.fleet.moments import DAY_S, HOUR_S
from acpublish.input_files import expanded, read_bounded
from acpublish.simulation.built_in_profiles import BUILT_IN, DEFAULT_PROFILE, built_in
from acpublish.simulation.fleet_profile import Profile
from acpublish.simulation.profile_file import MAX_PROFILE_BYTES, read_profile
from acpublish.simulation.rehearsed import Rehearsed
from acpublish.simulation.simulator import Simulation

_DEVICES = 1000
_MAX_DEVICES = 10_000_000
#: The size of the curve is the same on each terminal, as the same seed prints the same.
_CURVE_WIDTH, _CURVE_HEIGHT = 64, 8
_COLUMNS = ("devices", "offered", "delivered", "running", "failed", "unrecognised", "pending")


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
@click.option("--stages", metavar="LIST", help="The stages.  [1,10%,50%,100%]")
@click.option("--soak", metavar="TIME", help="The least time in each stage.  [24h]")
@click.option("--halt", metavar="N,SHARE", help="The failures that halt the rollout.  [3,5%]")
@click.option("--on-halt", metavar="WHAT", help="stop or order-back.  [stop]")
@click.option("--window", metavar="FROM-TO", help="The part of the day in which to offer it.")
@json_option
def command(profile: str, devices: int, seed: int, as_json: bool, **policy: str | None) -> None:
    """Rehearse a rollout: how a fleet would take a release, stage by stage.

    Simulated devices check in, download, reboot, fail, sleep and vanish as a profile describes, and
    the rules of the real server decide what each one gets. Nothing is sent to anybody. The same
    seed prints the same.
    """
    chosen = _profile(profile)
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
    began = {turn.stage: _time(turn.after_s) for turn in reversed(result.turns)}
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
    click.echo(printable(f"{rollout['state']} after {_time(last.after_s)}{reason}"))
    runs = ", ".join(f"{number:,} run {version}" for version, number in result.runs.items())
    click.echo(
        printable(
            f"{result.checks:,} check-ins, {result.offers:,} offers, {result.downloads:,} whole "
            f"downloads; of {result.devices:,} devices, {runs}"
        )
    )
    click.echo()
    _draw([sample.running for sample in result.adoption], result)


def _draw(values: Sequence[int], result: Rehearsed) -> None:
    """Draws how many devices run the new release, over time."""
    lines = curve(values, result.devices, _CURVE_WIDTH, _CURVE_HEIGHT)
    scale = {0: "100%", _CURVE_HEIGHT // 2: "50%"}
    for at, line in enumerate(lines):
        click.echo(f"{scale.get(at, ''):>4} |{line}")
    click.echo(f"  0% +{'-' * _CURVE_WIDTH}")
    end = _time(result.lasted_s)
    click.echo(f"      start{end:>{_CURVE_WIDTH - 5}}")


def _time(seconds: int) -> str:
    """Returns a time after the start as the options of a policy have it, such as 36h."""
    return f"{round(seconds / HOUR_S, 1):g}h"
