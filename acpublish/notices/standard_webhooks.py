"""The Standard Webhooks rules, version 1.0.0: what is sent, how it is signed, and when again.

The specification is at https://github.com/standard-webhooks/standard-webhooks, in
``spec/standard-webhooks.md``; the sections that are named below are its.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from acpublish.fleet import fleet_events
from acpublish.fleet.fleet_events import FleetEvent

#: "Signature scheme": the prefix of a secret, and at least 24 bytes at random, at most 64.
PREFIX = "whsec_"
_SECRET_BYTES = 32
#: "Deliverability and reliability": how long to wait after each attempt, in seconds.
RETRY_AFTER_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: "Event types": hierarchical, with full stops between parts of ``[a-zA-Z0-9_]``.
TYPES: Mapping[str, str] = {
    fleet_events.PUBLISHED: "release.published",
    fleet_events.WITHDRAWN: "release.withdrawn",
    fleet_events.ROLLED_BACK: "channel.rolled_back",
    fleet_events.STAGE: "rollout.stage",
    fleet_events.HALTED: "rollout.halted",
    fleet_events.COMPLETED: "rollout.completed",
    fleet_events.FLAGGED: "device.flagged",
    fleet_events.NEW_DEVICE: "device.new",
    fleet_events.UPDATED: "device.updated",
}
#: "Payload size": small, usually below 20 kB.
_MAX_CHARACTERS = 1_000
_MAX_ENTRIES, _MAX_ENTRY = 100, 100


def new_secret() -> str:
    """Returns a secret for one destination."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(secret: str, id_: str, at: int, body: bytes) -> str:
    """Returns what the header ``webhook-signature`` has.

    Args:
        secret: The secret of the destination.
        id_: The id of the event; without a full stop.
        at: When the attempt is made, in seconds since 1970.
        body: What is sent.

    Raises:
        ValueError: It is not a secret.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is base64 after its prefix") from error
    digest = hmac.digest(key, f"{id_}.{at}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def signed_headers(secret: str, id_: str, at: int, body: bytes) -> dict[str, str]:
    """Returns the headers of an attempt ("Webhook headers"); as for :func:`signature`."""
    return {
        "content-type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret, id_, at, body),
    }


def payload(event: FleetEvent) -> bytes:
    """Returns what is sent of an event ("Payload structure")."""
    at = datetime.fromtimestamp(event.at, timezone.utc)
    document = {
        "type": TYPES.get(event.kind, event.kind),
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {"product": event.product, **shortened(event).data},
    }
    return json.dumps(document, separators=(",", ":")).encode()


def shortened(event: FleetEvent) -> FleetEvent:
    """Returns an event that is small, whatever devices report."""
    return event._replace(data={key: _shortened(value) for key, value in event.data.items()})


def _shortened(value: Any, limit: int = _MAX_CHARACTERS) -> Any:
    if isinstance(value, str) and len(value) > limit:
        return f"{value[: limit - 1]}…"
    if isinstance(value, list):
        return [_shortened(entry, _MAX_ENTRY) for entry in value[:_MAX_ENTRIES]]
    return value
