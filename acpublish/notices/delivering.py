"""One attempt to deliver events to a webhook."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from acpublish.errors import AcpublishError
from acpublish.fleet.fleet_events import FleetEvent
from acpublish.notices import ntfy
from acpublish.notices.http_post import post
from acpublish.notices.standard_webhooks import payload, signed_headers
from acpublish.notices.webhook_file import Webhook, without_credentials

TEST = "webhook.test"


class Attempt(NamedTuple):
    """How an attempt ended.

    Attributes:
        error: Why it failed; empty if it succeeded.
        gone: Whether the receiver wants no more.
        rest_s: How long it wants to be left alone, in seconds; 0 if it does not say.
    """

    error: str = ""
    gone: bool = False
    rest_s: float = 0.0


async def attempt(
    webhook: Webhook, events: Sequence[FleetEvent], id_: str, page: str = ""
) -> Attempt:
    """Sends events to a webhook, as one message.

    Args:
        webhook: The webhook.
        events: One event, or several of a kind for ntfy.
        id_: What tells a receiver that it has the event already.
        page: The URL that a tap on a message opens; empty for none.
    """
    url = without_credentials(webhook.url)
    headers = _authorization(webhook)
    if webhook.format == "ntfy":
        body = ntfy.message(events, ntfy.topic_of(url), page)
        url = ntfy.root_of(url)
        headers["content-type"] = "application/json"
    else:
        body = payload(events[0])
        headers.update(signed_headers(webhook.secret, id_, int(time.time()), body))
    try:
        answer = await post(url, headers, body)
    except AcpublishError as error:
        return Attempt(str(error))
    if answer.accepted:
        return Attempt()
    gone = answer.status == HTTPStatus.GONE
    return Attempt(_named(answer.status), gone, rest_s=float(answer.retry_after_s))


def _named(status: int) -> str:
    if 300 <= status <= 399:
        return f"the receiver redirects (HTTP {status}), which is not followed"
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    return f"the receiver answers HTTP {status}{phrase}"


def _authorization(webhook: Webhook) -> dict[str, str]:
    if webhook.token:
        return {"authorization": f"Bearer {webhook.token}"}
    parts = urlsplit(webhook.url)
    if parts.username is None:
        return {}
    both = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}


async def send_test(webhook: Webhook) -> Attempt:
    """Sends a message that says that it is a test."""
    event = FleetEvent(TEST, time.time(), "", {"reason": "This is a test of acpublish."})
    return await attempt(webhook, [event], event.id)
