"""The rows of the overview: check-ins, what happened, rollouts under way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from acpublish.control.fleet_state import FleetState
from acpublish.control.following import lives
from acpublish.fleet import fleet_events
from acpublish.fleet.advancing import Live
from acpublish.fleet.fleet_events import FleetEvent
from acpublish.fleet.known_device import device_id, mac_address
from acpublish.fleet.progress import Counts
from acpublish.fleet.rollout import Rollout
from acpublish.release.decision import Rule, Verdict
from acpublish.server.checkins import Delivered, Event

#: How many rows each list has.
MAX_ROWS = 10


class CheckInRow(NamedTuple):
    """A check-in, or what became of an offer.

    Attributes:
        at: When, in seconds since 1970.
        product: The product.
        device: The id of the device if it is known, for its link.
        name: What people call it, or its address.
        runs: What it says that it runs.
        what: The key of the text of what it got.
        version: The release that it got.
        kind: Good, bad, or something in between, as a badge has it.
        reason: Why.
    """

    at: float
    product: str
    device: str
    name: str
    runs: str
    what: str
    version: str
    kind: str
    reason: str


def check_in_rows(events: Iterable[Event], state: FleetState | None) -> list[CheckInRow]:
    """Returns the last check-ins, the newest first; in the event loop.

    Args:
        events: What happened, the oldest first.
        state: The fleet.
    """
    rows = []
    for event in reversed([*events]):
        check_in = event.check_in if isinstance(event, Delivered) else event
        report, product = check_in.report, check_in.product
        if product is None:
            continue
        key = check_in.case.device.id if check_in.case else None
        key = key or device_id(product, report, check_in.address)
        device = state.device(key) if state is not None and key is not None else None
        what, kind = _became(event) if isinstance(event, Delivered) else _got(event)
        decision = check_in.decision
        rows.append(
            CheckInRow(
                at=check_in.at,
                product=product,
                device="" if device is None else device.id,
                name=(device and (device.name or device.mac))
                or mac_address(report.mac)
                or check_in.address
                or "",
                runs=(device and device.runs) or report.version or "",
                what=what,
                version=str(decision.release.version) if decision.release else "",
                kind=kind,
                reason="" if isinstance(event, Delivered) else decision.reason,
            )
        )
        if len(rows) == MAX_ROWS:
            break
    return rows


def _got(event: Event) -> tuple[str, str]:
    """Returns the key of what a check-in got, and its kind."""
    decision = event.decision  # type: ignore[union-attr]
    if decision.verdict is Verdict.OFFER:
        return "offered", "accent"
    if decision.verdict is Verdict.UP_TO_DATE:
        return ("held_back", "muted") if decision.rule is Rule.WITHHELD else ("up_to_date", "good")
    return ("refused", "bad") if decision.verdict is Verdict.REFUSE else ("nothing", "warn")


def _became(event: Delivered) -> tuple[str, str]:
    if event.whole:
        return "received", "good"
    return ("received_part", "muted") if event.drained else ("broke_off", "bad")


class NewsRow(NamedTuple):
    """Something that happened.

    Attributes:
        at: When, in seconds since 1970.
        kind: One of :data:`fleet_events.KINDS`.
        badge: The kind of its badge.
        product: The product.
        version: The release that it is about, if any.
        device: The id of the device that it is about, if any.
        rollout: The id of the rollout, if any.
        detail: What else there is to say.
        others: How many other devices in a row did the same.
    """

    at: float
    kind: str
    badge: str
    product: str
    version: str
    device: str
    rollout: str
    detail: str
    others: int = 0


_BADGES = {
    fleet_events.PUBLISHED: "accent",
    fleet_events.WITHDRAWN: "warn",
    fleet_events.ROLLED_BACK: "warn",
    fleet_events.STAGE: "accent",
    fleet_events.HALTED: "bad",
    fleet_events.COMPLETED: "good",
    fleet_events.FLAGGED: "warn",
    fleet_events.UPDATED: "good",
}


def news_rows(events: Iterable[FleetEvent]) -> list[NewsRow]:
    """Returns what happened, the newest first; what devices did one after the other is one row."""
    rows: list[NewsRow] = []
    for event in reversed([*events]):
        row = _news_row(event)
        last = rows[-1] if rows else None
        if last is not None and row.device and _same(last, row):
            rows[-1] = last._replace(others=last.others + 1)
        elif len(rows) == MAX_ROWS:
            break
        else:
            rows.append(row)
    return rows


def _news_row(event: FleetEvent) -> NewsRow:
    data = event.data
    return NewsRow(
        at=event.at,
        kind=event.kind,
        badge=_BADGES.get(event.kind, "muted"),
        product=event.product,
        version=str(data.get("version") or ""),
        device=str(data.get("device") or ""),
        rollout=str(data.get("rollout") or ""),
        detail=_detail(event),
    )


def _same(one: NewsRow, other: NewsRow) -> bool:
    return one._replace(at=0, device="", others=0) == other._replace(at=0, device="", others=0)


def _detail(event: FleetEvent) -> str:
    data = event.data
    if event.kind == fleet_events.STAGE:
        return f"{data['stage']}/{data['stages']}"
    if event.kind == fleet_events.PUBLISHED:
        return f"{data['channel']}: {', '.join(data['boards'])}"
    if event.kind == fleet_events.ROLLED_BACK:
        return ": ".join(filter(None, (str(data["channel"]), str(data["reason"]))))
    if event.kind == fleet_events.UPDATED:
        return f"{data['before'] or '?'} → {data['version']}"
    return str(data.get("reason") or data.get("board") or "")


class RolloutRow(NamedTuple):
    """A rollout that is under way, or has halted.

    Attributes:
        rollout: The rollout.
        counts: What became of all its devices.
        sizes: How many devices each stage adds.
        reached: How many the present stage reaches, with those before it.
    """

    rollout: Rollout
    counts: Counts
    sizes: Sequence[int]
    reached: int

    @property
    def total(self) -> int:
        """How many devices it would reach in all."""
        return sum(self.sizes)


def rollout_rows(state: FleetState) -> list[RolloutRow]:
    """Returns the rollouts under way and those that have halted, the newest first."""
    every = sorted(lives(state), key=lambda live: -live.rollout.started_at)
    return [rollout_row(live) for live in every if live.rollout.state != "aborted"]


def rollout_row(live: Live) -> RolloutRow:
    """Returns a rollout as the overview shows it, by its last survey."""
    seen = live.progress.survey
    holds = list(seen.holds) if seen else [0] * live.progress.stages
    sizes = [holds[0], *(after - before for before, after in pairwise(holds))]
    return RolloutRow(live.rollout, live.progress.in_all, sizes, holds[live.rollout.stage])
