"""``acpublish webhook``: who is told what happens to releases, rollouts and devices."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acpublish.cli import exit_status
from acpublish.cli.common_options import secret_in, with_state_folder
from acpublish.cli.groups import CommandGroup
from acpublish.cli.times import age_text, time_text
from acpublish.cli.ui import json_option, print_json, printable, say, table, warn
from acpublish.errors import NotFoundError, SettingsError

if TYPE_CHECKING:
    from acpublish.notices.webhook_orders import WebhookOrders

#: More than any token, with a line break.
_MAX_FILE_BYTES = 4096
_FILE_HINT = "Use a file that contains only the token, or - for standard input."
_MAX_SHOWN = 60


@click.group("webhook", cls=CommandGroup)
def command() -> None:
    """Tell other programs, or a phone, what happens: a release, a rollout, a device.

    The commands change the state folder of the server on this machine; a running server follows
    within a second, and sends. Deliveries are signed by the Standard Webhooks rules, and are tried
    again for three days.
    """


def _with_orders(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say whose state folder, and passes the webhooks as first argument."""

    @wraps(function)
    def run(state: Path, **options: Any) -> Any:
        from acpublish.notices.webhook_orders import WebhookOrders

        return function(WebhookOrders(state), **options)

    return with_state_folder(run)


@command.command("add")
@click.argument("url")
@click.option(
    "--events",
    metavar="KIND,…",
    default="",
    help="What to tell: published, withdrawn, rolled-back, stage, halted, completed, flagged, "
    "new-device, updated, or all.  [all but updated]",
)
@click.option(
    "--format",
    "format_",
    metavar="FORMAT",
    default="standard",
    show_default=True,
    help="standard, or ntfy with the URL of a topic.",
)
@click.option(
    "--token-file",
    metavar="FILE",
    help="The file with the token that the receiver wants, such as ntfy's; - for standard input.",
)
@json_option
@_with_orders
def add(
    orders: WebhookOrders,
    url: str,
    events: str,
    format_: str,
    token_file: str | None,
    as_json: bool,
) -> None:
    """Add a webhook, and print the secret with which its receiver verifies deliveries.

    The secret is printed once. Messages for ntfy are not signed, so they have none to print.
    """
    from acpublish.notices.webhook_file import new_webhook

    kinds = [kind.strip() for kind in events.split(",") if kind.strip()]
    token = "" if token_file is None else _token_in(token_file)
    webhook = orders.add(new_webhook(url, format_=format_, events=kinds, token=token))
    if url.lower().startswith("http:") and (token or "***@" in webhook["url"]):
        warn("the receiver's token or password is sent over plain http, readable on the way")
    if as_json:
        print_json(webhook)
        return
    if webhook["format"] == "standard":
        click.echo(webhook["secret"])
    say(
        f"acpublish: webhook {webhook['id']} added; try it with: acpublish webhook test "
        f"{webhook['id']}"
    )


def _token_in(file: str) -> str:
    data = secret_in(file, "--token-file", _MAX_FILE_BYTES, hint=_FILE_HINT)
    token = data.decode("utf-8", "replace").strip()
    if not token:
        raise SettingsError("the token is empty", hint=_FILE_HINT)
    return token


@command.command("list")
@json_option
@_with_orders
def list_webhooks(orders: WebhookOrders, as_json: bool) -> None:
    """List the webhooks, without their secrets, and how deliveries to them go."""
    webhooks = orders.all()
    if as_json:
        print_json(webhooks)
        return
    if not webhooks:
        click.echo("no webhooks")
        return
    rows = [
        (
            webhook["id"],
            webhook["format"],
            webhook["url"],
            ",".join(webhook["events"]),
            _state_of(webhook),
        )
        for webhook in webhooks
    ]
    table([("ID", "FORMAT", "URL", "EVENTS", "STATE"), *rows])


def _state_of(webhook: dict[str, Any]) -> str:
    if webhook["disabled"]:
        return f"disabled: {webhook['disabled']}"
    parts = [f"{webhook['waiting']} waiting"] if webhook["waiting"] else []
    if webhook["undelivered"]:
        parts.append(f"{webhook['undelivered']} undelivered")
    if webhook["error"]:
        parts.append(webhook["error"])
    elif webhook["delivered_at"]:
        parts.append(f"delivered {age_text(webhook['delivered_at'])}")
    return ", ".join(parts) or "nothing yet"


@command.command("remove")
@click.argument("webhook_id", metavar="ID")
@json_option
@_with_orders
def remove(orders: WebhookOrders, webhook_id: str, as_json: bool) -> None:
    """Remove a webhook, and what waits for it."""
    webhook = orders.remove(webhook_id)
    if as_json:
        print_json(webhook)
        return
    click.echo(f"webhook {webhook['id']} removed: {printable(webhook['url'])}")


@command.command("test")
@click.argument("webhook_id", metavar="[ID]", required=False)
@json_option
@_with_orders
def test(orders: WebhookOrders, webhook_id: str | None, as_json: bool) -> int:
    """Send a test from this machine now, and say what the receiver answers.

    Without ID, to every webhook. If it is delivered, the server delivers again, also to a webhook
    that was disabled.
    """
    results = [orders.test(each) for each in _ids(orders, webhook_id)]
    if as_json:
        print_json(results)
    for result in [] if as_json else results:
        how = "delivered" if result["delivered"] else f"not delivered: {result['error']}"
        click.echo(f"webhook {result['id']}: {printable(how)}")
    everything = all(result["delivered"] for result in results)
    return exit_status.OK if everything else exit_status.NO


def _ids(orders: WebhookOrders, webhook_id: str | None) -> list[str]:
    ids = [webhook_id] if webhook_id else [own["id"] for own in orders.all()]
    if not ids:
        raise NotFoundError("there is no webhook", hint="Add one with: acpublish webhook add URL")
    return ids


@command.command("undelivered")
@click.argument("webhook_id", metavar="[ID]", required=False)
@click.option("--retry", is_flag=True, help="Have the server try all of it again.")
@json_option
@_with_orders
def undelivered(orders: WebhookOrders, webhook_id: str | None, retry: bool, as_json: bool) -> None:
    """List what could not be delivered, and why.

    With --retry, the server tries it again, also if the webhook was disabled.
    """
    lost = orders.undelivered(webhook_id or "")
    if retry:
        for each in _ids(orders, webhook_id):
            orders.try_again(each)
    if as_json:
        print_json(lost)
        return
    rows = [
        (
            own["webhook"],
            time_text(own["at"]),
            own["event"],
            own["product"],
            _subject_of(own["data"]),
            own["error"],
        )
        for own in lost
    ]
    if rows:
        table([("WEBHOOK", "TIME", "EVENT", "PRODUCT", "ABOUT", "WHY"), *rows])
    else:
        click.echo("nothing is undelivered")
    if retry:
        say("acpublish: the server tries again within a second, once it runs")


def _subject_of(data: dict[str, Any]) -> str:
    return str(data.get("device") or data.get("version") or "-")[:_MAX_SHOWN]
