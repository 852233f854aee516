"""``acpublish rollout``: start, watch and stop a release on its way to a channel."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from acpublish.cli.charts import columns, gauge
from acpublish.cli.common_options import boards_option, by_option, chosen_destination, with_fleet
from acpublish.cli.groups import CommandGroup
from acpublish.cli.policy_options import policy_from, policy_options
from acpublish.cli.times import in_short
from acpublish.cli.ui import coloured, json_option, print_json, printable, say, table, warn
from acpublish.errors import AuthenticationError
from acpublish.fleet.policy import DEFAULT_STAGES, Policy
from acpublish.policies import read_with
from acpublish.release import names
from acpublish.release.durations import point_in_time
from acpublish.release.version import Version

if TYPE_CHECKING:
    from acpublish.control.fleet_access import Fleet

_WATCH_S = 2.0
_NUMBERS = ("devices", "offered", "delivered", "running", "failed", "unrecognised", "pending")
_HEADINGS = ("", "stage", "target", *_NUMBERS)
#: The longest bar, and the shortest that shows anything.
_BAR, _SHORTEST_BAR = 30, 8
_COLOURS = {"running": "green", "waiting": "yellow", "paused": "yellow", "halted": "red"}
#: Those that a person should look at.
_CURRENT = frozenset(_COLOURS)

channel_option = click.option("--channel", metavar="C", required=True, help="The channel.")
reason_option = click.option(
    "--reason", metavar="TEXT", default="", help="Why; rollout status shows it."
)
rollout_argument = click.argument("rollout", metavar="ID|PRODUCT")


@click.group("rollout", cls=CommandGroup)
def command() -> None:
    """Bring a release to a channel in stages, and see how devices take it.

    A rollout goes on by itself when devices have come back with the release, and halts by itself
    when they do not. A server makes it; the commands only give orders.
    """


@command.command("start")
@click.argument("product")
@click.argument("version")
@channel_option
@boards_option
@policy_options(required=False)
@click.option("--start-at", metavar="TIME", help="Offer nothing before: 2026-03-01T02:00.")
@by_option
@with_fleet
@json_option
def start(
    fleet: Fleet,
    product: str,
    version: str,
    channel: str,
    *,
    boards: tuple[str, ...],
    start_at: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Start to bring a release to a channel, in stages.

    Prints whom each stage would reach. The channel points at the release once all stages have
    ended. A rollout of another release to the same channel ends. Without any option for it, the
    policy of the channel counts, or else the stages 1,10%,50%,100%.
    """
    wanted = _wanted(product, version, channel)
    offers_from = None if start_at is None else point_in_time(start_at)
    only = tuple(map(names.board, boards))
    policy = _policy(wanted, options)
    try:
        plan = fleet.plan(*wanted, policy, boards=only)
    except AuthenticationError:
        # Whoever may not see the plan may not start it either, and hears what that needs.
        plan = []
    document = fleet.start(*wanted, policy, offers_from=offers_from, boards=only)
    plan = plan or [stage["devices"] for stage in document["stages"]]
    if as_json:
        print_json({**document, "plan": plan})
        return
    _print_plan(policy, plan)
    click.echo(printable(f"{_title(document)}: started"))
    if not fleet.served:
        say("acpublish: it goes on as soon as a server serves this directory (acpublish serve)")


@command.command("plan")
@click.argument("product")
@click.argument("version")
@channel_option
@boards_option
@policy_options(required=False)
@with_fleet
@json_option
def plan_(
    fleet: Fleet,
    product: str,
    version: str,
    channel: str,
    *,
    boards: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Show whom each stage of a rollout would reach; nothing is started.

    Without any option for it, the policy of the channel counts, or else the stages 1,10%,50%,100%.
    """
    wanted = _wanted(product, version, channel)
    policy = _policy(wanted, options)
    plan = fleet.plan(*wanted, policy, boards=tuple(map(names.board, boards)))
    if as_json:
        targets = [stage.text for stage in policy.stages]
        stages = [
            {"target": target, "devices": devices}
            for target, devices in zip(targets, plan, strict=True)
        ]
        print_json({"policy": policy.to_dict(), "stages": stages})
        return
    _print_plan(policy, plan)


def _policy(wanted: tuple[str, str, str], options: dict[str, Any]) -> Policy:
    """Returns the policy of the options, or of the channel, or else the usual one."""
    product, _, channel = wanted
    given = policy_from(options)
    return (
        given or read_with(product, channel, chosen_destination()) or Policy.parse(DEFAULT_STAGES)
    )


def _wanted(product: str, version: str, channel: str) -> tuple[str, str, str]:
    """Returns the coordinates of a rollout, after a check on their form."""
    return names.product(product), str(Version.parse(version)), names.channel(channel)


def _print_plan(policy: Policy, plan: Sequence[int]) -> None:
    rows = []
    for at, (stage, devices, soak) in enumerate(
        zip(policy.stages, plan, policy.soak_s, strict=True)
    ):
        new = devices - (plan[at - 1] if at else 0)
        rows.append((str(at + 1), stage.text, f"{devices:,}", f"{new:,}", in_short(soak)))
    table([("stage", "target", "devices", "new", "soak"), *rows], right=frozenset({0, 2, 3}))
    if not plan[-1]:
        warn("no device that has checked in is on this channel yet; check its name")


@command.command("status")
@click.argument("product", required=False)
@click.option("--watch", is_flag=True, help="Show it again every two seconds.")
@with_fleet
@json_option
def status(fleet: Fleet, product: str | None, *, watch: bool, as_json: bool) -> None:
    """Show how far rollouts are, and how their devices are.

    "devices" are those that a stage reaches now, with the stages before it; the other numbers are
    devices that were first offered the release in that stage. Ctrl-C ends --watch.
    """
    if watch and as_json:
        raise click.UsageError("--watch and --json cannot be combined")
    chosen = None if product is None else names.product(product)
    while True:
        rollouts = fleet.rollouts(chosen)
        if as_json:
            print_json({"rollouts": rollouts})
            return
        if watch:
            click.clear()
        if not rollouts and chosen is not None:
            click.echo(f"no rollouts of {chosen}")
        else:
            _print_rollouts(rollouts)
        if not watch:
            return
        time.sleep(_WATCH_S)


def _print_rollouts(rollouts: Sequence[Mapping[str, Any]]) -> None:
    if not rollouts:
        click.echo("no rollouts")
        return
    # Of those that have ended, only the last is worth more than a line.
    shown = [each for each in rollouts if each["state"] in _CURRENT] or [rollouts[-1]]
    for rollout in rollouts:
        if rollout not in shown:
            click.echo(printable(f"{_title(rollout)}: {rollout['state']}"))
    for rollout in shown:
        _print_rollout(rollout)


def _print_rollout(rollout: Mapping[str, Any]) -> None:
    """Draws a rollout: its state and reason, its stages, and how much of each runs the release."""
    state, stages, at = rollout["state"], rollout["stages"], rollout["stage"]
    line = f"{_title(rollout)}: {coloured(state, _COLOURS.get(state, 'white'))}"
    click.echo(f"{line}, stage {at + 1} of {len(stages)}")
    if rollout["reason"]:
        click.echo(printable(f"  {rollout['reason']}"))
    if state in _CURRENT and (nobody := _reaches_nobody(stages, at)):
        click.echo(printable(f"  {nobody}"))
    click.echo(f"  {_health(stages)}")
    rows = [
        (
            ">" if number == at and state in _CURRENT else "",
            str(number + 1),
            stage["target"],
            *(f"{stage[name]:,}" for name in _NUMBERS),
        )
        for number, stage in enumerate(stages)
    ]
    drawn = [_HEADINGS, *rows]
    width = columns() - sum(max(map(len, cells)) + 2 for cells in zip(*drawn, strict=True))
    if width >= _SHORTEST_BAR:
        bars = ["", *_gauges(stages, min(width, _BAR))]
        drawn = [(*row, bar) for row, bar in zip(drawn, bars, strict=True)]
    table(drawn, right=frozenset({1, *range(3, 3 + len(_NUMBERS))}))


def _reaches_nobody(stages: Sequence[Mapping[str, Any]], at: int) -> str:
    """Returns for whom a stage waits that is for a tag or group which nobody has; else nothing."""
    kind, colon, name = str(stages[at]["target"]).partition(":")
    if not colon or stages[at]["devices"] > (stages[at - 1]["devices"] if at else 0):
        return ""
    return f"no device has the {kind} {name}: give one the {kind}, or go on with rollout advance"


def _health(stages: Sequence[Mapping[str, Any]]) -> str:
    """Returns how the devices are that were offered the release, in all stages."""
    running, failed, offered = (
        sum(stage[name] for stage in stages) for name in ("running", "failed", "offered")
    )
    failures = f"{failed:,} failed"
    text = f"{running:,} of {offered:,} devices run it, "
    return text + (coloured(failures, "red") if failed else failures)


def _gauges(stages: Sequence[Mapping[str, Any]], width: int) -> list[str]:
    """Returns a bar for each stage: how many of the devices up to there run the release."""
    bars, running = [], 0
    for stage in stages:
        running += stage["running"]
        bars.append(gauge(running, stage["devices"], width) if stage["devices"] else "")
    return bars


def _title(rollout: Mapping[str, Any]) -> str:
    """Returns what a rollout is, for a person."""
    coordinates = "{product} {version} to {channel}".format_map(rollout)
    return printable(f"{rollout['id']}  {coordinates}")


@command.command("pause")
@rollout_argument
@reason_option
@by_option
@with_fleet
@json_option
def pause(fleet: Fleet, rollout: str, *, reason: str, as_json: bool) -> None:
    """Offer the release to nobody until the rollout is resumed."""
    _say(fleet.pause(rollout, reason), as_json=as_json)


@command.command("resume")
@rollout_argument
@by_option
@with_fleet
@json_option
def resume(fleet: Fleet, rollout: str, *, as_json: bool) -> None:
    """Go on with a paused rollout."""
    _say(fleet.resume(rollout), as_json=as_json)


@command.command("advance")
@rollout_argument
@by_option
@with_fleet
@json_option
def advance(fleet: Fleet, rollout: str, *, as_json: bool) -> None:
    """Go to the next stage now, without waiting for soak or evidence.

    After the last stage, the rollout is complete, and the channel points at the release.
    """
    _say(fleet.advance(rollout), as_json=as_json)


@command.command("abort")
@rollout_argument
@reason_option
@by_option
@with_fleet
@json_option
def abort(fleet: Fleet, rollout: str, *, reason: str, as_json: bool) -> None:
    """End a rollout: nobody else is offered the release.

    The channel stays at the release that it points at, and devices that run the new one keep it; to
    order them back, use rollback.
    """
    _say(fleet.abort(rollout, reason), as_json=as_json)


def _say(rollout: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(rollout)
        return
    state, stages, at = rollout["state"], rollout["stages"], rollout["stage"]
    line = f"{_title(rollout)}: {state}, stage {at + 1} of {len(stages)} ({stages[at]['target']})"
    click.echo(printable(line + (f": {rollout['reason']}" if rollout["reason"] else "")))
