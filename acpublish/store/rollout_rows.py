"""Rollouts as rows: what each is, and the part of each device in it; and back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Table, delete, select

from acpublish.fleet.advancing import Live
from acpublish.fleet.progress import Before, Outcome, Part, Progress
from acpublish.fleet.rollout import Rollout
from acpublish.store.schema import added, chosen, parts, rollouts

#: The tables that have rows for the devices of a rollout.
PROGRESS = (parts, chosen, added)
#: How many rows are removed in a transaction, so that what is urgent waits for about 10 ms.
REMOVED_ROWS = 500
#: States in which the progress of a rollout changes no more.
SETTLED = frozenset({"complete", "superseded"})


def is_over(rollout: Rollout) -> bool:
    """Returns whether nothing depends on a rollout any more, and it only has to be shown.

    One that halted keeps devices from its release until another one supersedes it, and one that
    was aborted may have to bring devices back.
    """
    if rollout.state == "aborted":
        return rollout.way_back is None
    return rollout.state in SETTLED


def rollout_row(rollout: Rollout, ended_at: float | None) -> dict[str, Any]:
    """Returns the row of a rollout.

    Args:
        rollout: The rollout.
        ended_at: Since when it is over, in seconds since 1970; None if it is not.
    """
    return {
        "id": rollout.id,
        "product": rollout.product,
        "channel": rollout.channel,
        "state": rollout.state,
        "started_at": rollout.started_at,
        "ended_at": ended_at,
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


def remove_some_of(connection: Connection, rollout_id: str) -> bool:
    """Removes some rows of a rollout, and the rollout itself once it has no others.

    Returns:
        Whether there was anything to remove.
    """
    for table in PROGRESS:
        of_it = table.c.rollout_id == rollout_id
        some = select(table.c.device_id).where(of_it).limit(REMOVED_ROWS)
        if connection.execute(delete(table).where(of_it, table.c.device_id.in_(some))).rowcount:
            return True
    return bool(connection.execute(delete(rollouts).where(rollouts.c.id == rollout_id)).rowcount)


def load_rollouts(connection: Connection) -> list[Rollout]:
    """Returns all rollouts, also those that have ended, the oldest first."""
    rows = connection.execute(
        select(rollouts.c.document).order_by(rollouts.c.started_at, rollouts.c.id)
    )
    return [Rollout.from_dict(json.loads(document)) for (document,) in rows]


def load_ended(connection: Connection) -> dict[str, float]:
    """Returns since when the rollouts are over that are, by id."""
    rows = select(rollouts.c.id, rollouts.c.ended_at).where(rollouts.c.ended_at.is_not(None))
    return {row[0]: row[1] for row in connection.execute(rows)}


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
