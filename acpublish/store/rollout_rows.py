"""Rollouts as rows: what each is, the part of each device in it, and policies; and back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Table, select

from acpublish.fleet.advancing import Live
from acpublish.fleet.policy import Policy
from acpublish.fleet.progress import Before, Outcome, Part, Progress
from acpublish.fleet.rollout import Rollout
from acpublish.store.schema import added, chosen, parts, policies, rollouts


def rollout_row(rollout: Rollout) -> dict[str, Any]:
    """Returns the row of a rollout."""
    return {
        "id": rollout.id,
        "product": rollout.product,
        "channel": rollout.channel,
        "state": rollout.state,
        "started_at": rollout.started_at,
        "document": json.dumps(rollout.to_dict(), ensure_ascii=False),
    }


def part_row(rollout_id: str, device_id: str, part: Part) -> dict[str, Any]:
    """Returns the row of a device's part in a rollout."""
    values = part._asdict()
    before: Before = values.pop("before")
    return {
        **values,
        "rollout_id": rollout_id,
        "device_id": device_id,
        "before_md5": before.md5,
        "before_sha256": before.sha256,
        "before_claim": before.claim,
        "outcome": part.outcome.value,
    }


def policy_row(product: str, channel: str, policy: Policy) -> dict[str, Any]:
    """Returns the row of a channel's policy."""
    document = json.dumps(policy.to_dict(), ensure_ascii=False)
    return {"product": product, "channel": channel, "document": document}


def load_rollouts(connection: Connection) -> list[Rollout]:
    """Returns all rollouts, also those that have ended, the oldest first."""
    rows = connection.execute(
        select(rollouts.c.document).order_by(rollouts.c.started_at, rollouts.c.id)
    )
    return [Rollout.from_dict(json.loads(document)) for (document,) in rows]


def load_progress(connection: Connection, rollout: Rollout) -> Progress:
    """Returns how far a rollout has come."""
    rows = connection.execute(select(*_PART).where(parts.c.rollout_id == rollout.id))
    of_devices = (_part(row) for row in rows)
    numbered = _members(connection, chosen, rollout, "device_id", "stage")
    members = _members(connection, added, rollout, "device_id")
    return Progress.of(
        len(rollout.policy.stages),
        of_devices,
        ((key, stage) for key, stage in numbered),
        (key for (key,) in members),
    )


def load_live(connection: Connection, rollout: Rollout) -> Live:
    """Returns a rollout with its progress."""
    return Live(rollout, load_progress(connection, rollout))


def load_policies(connection: Connection) -> dict[tuple[str, str], Policy]:
    """Returns the policies by product and channel."""
    return {
        (product, channel): Policy.from_dict(json.loads(document))
        for product, channel, document in connection.execute(select(policies))
    }


def _members(connection: Connection, table: Table, rollout: Rollout, *names: str) -> Any:
    columns = [table.c[name] for name in names]
    return connection.execute(select(*columns).where(table.c.rollout_id == rollout.id))


#: The columns in the order in which :func:`_part` unpacks them.
_PART = [
    parts.c[name]
    for name in (
        *("device_id", "board", "stage", "stage_heard", "offered_at", "delivered_at", "address"),
        *("before_md5", "before_sha256", "before_claim", "firmware", "outcome", "counts"),
        *("verified", "back_at", "returned"),
    )
]


def _part(row: Any) -> tuple[str, Part]:
    key, board, stage, stage_heard, offered_at, delivered_at, address, *rest = row
    md5, sha256, claim, firmware, outcome, counts, verified, back_at, returned = rest
    return key, Part(
        board,
        stage,
        stage_heard,
        offered_at,
        delivered_at,
        address,
        Before(md5, sha256, claim),
        firmware,
        Outcome(outcome),
        counts,
        verified,
        back_at,
        returned,
    )
