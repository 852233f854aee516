"""What waits to be delivered to one webhook, and what could not be: a file for each webhook.

1. Each delivery has its own times to be tried again, by the rules of Standard Webhooks.
2. The queue is bounded. If it is full, the oldest news of single devices gives way first, because
   strangers can invent devices, and a rollout that has halted must not get lost among them.
3. A webhook is disabled if its receiver says that it is gone, or if a delivery has failed for the
   last time and none has succeeded since its first attempt. What is meant for it from then on is
   listed as not delivered.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from acpublish import atomic
from acpublish.errors import reason_of
from acpublish.fleet.fleet_events import FLAGGED, NEW_DEVICE, UPDATED, FleetEvent
from acpublish.notices.standard_webhooks import RETRY_AFTER_S, shortened
from acpublish.notices.webhook_file import WebhooksError

FOLDER = "webhooks"
FORMAT = 1
MAX_WAITING = 500
MAX_UNDELIVERED = 200
#: How many events one message may be about.
MAX_TOGETHER = 100
#: How long messages about devices are gathered after one was sent, in seconds.
GATHER_S = 60.0
#: How long a receiver that did not accept something is left alone, in seconds, and the longest
#: that it may ask for.
REST_S = 5.0
_MAX_REST_S = 86_400
_JITTER = 0.1
OF_DEVICES = frozenset({FLAGGED, NEW_DEVICE, UPDATED})
CROWDED = "too many were waiting"
_MAX_REASON = 300


@dataclass(slots=True)
class Delivery:
    """One event on its way to one webhook. Times are in seconds since 1970.

    Attributes:
        event: The event.
        id: What tells a receiver that it has the event already.
        due: When it is tried next.
        attempts: How often it was tried.
        began: When it was first tried; 0 if it was not.
        error: Why the last attempt failed.
    """

    event: FleetEvent
    id: str
    due: float = 0.0
    attempts: int = 0
    began: float = 0.0
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON types."""
        return {
            "id": self.id,
            "event": {**self.event._asdict(), "data": dict(self.event.data)},
            "due": self.due,
            "attempts": self.attempts,
            "began": self.began,
            "error": self.error,
        }


@dataclass(slots=True)
class WebhookQueue:
    """The deliveries of one webhook.

    Attributes:
        path: The file.
        waiting: What is to be delivered.
        undelivered: What could not be, the oldest first.
        forgotten: How much more could not be.
        disabled: Why nothing is delivered; empty if it is not so.
        delivered_at: When a delivery last succeeded, in seconds since 1970; 0 for never.
        error: Why the last attempt failed; empty if it did not.
        again: The last request to try again that was heard.
        changed: Whether it has to be written.
    """

    path: Path
    waiting: list[Delivery] = field(default_factory=list)
    undelivered: list[Delivery] = field(default_factory=list)
    forgotten: int = 0
    disabled: str = ""
    delivered_at: float = 0.0
    error: str = ""
    again: str = ""
    changed: bool = False
    _rest_until: float = 0.0
    _gather_until: float = 0.0

    def add(self, event: FleetEvent, now: float) -> None:
        """Adds an event, unless it waits already."""
        delivery = Delivery(shortened(event), event.id, now)
        # Only the catalog's news comes again, after a kill; of devices there may be a flood.
        if event.kind not in OF_DEVICES and any(each.id == delivery.id for each in self.waiting):
            return
        self.changed = True
        if self.disabled:
            self._give_up(delivery, self.disabled)
            return
        self.waiting.append(delivery)
        self._make_room()

    def _make_room(self) -> None:
        """Gives up the oldest of what waits until that is few enough, those of devices first."""
        while len(self.waiting) > MAX_WAITING:
            of_devices = (
                at for at, each in enumerate(self.waiting) if each.event.kind in OF_DEVICES
            )
            self._give_up(self.waiting.pop(next(of_devices, 0)), CROWDED)

    def _give_up(self, delivery: Delivery, error: str) -> None:
        delivery.error = error
        self.undelivered.append(delivery)
        self.forgotten += max(len(self.undelivered) - MAX_UNDELIVERED, 0)
        del self.undelivered[:-MAX_UNDELIVERED]

    def next_at(self, *, together: bool) -> float:
        """Returns when there is something to deliver, in seconds since 1970; infinity for never."""
        return min((self._due(each, together) for each in self.waiting), default=float("inf"))

    def _due(self, delivery: Delivery, together: bool) -> float:
        gathered = together and delivery.event.kind in OF_DEVICES
        return max(delivery.due, self._rest_until, self._gather_until if gathered else 0.0)

    def due(self, now: float, *, together: bool) -> list[Delivery]:
        """Returns what is to be delivered now, as one message.

        Args:
            now: The present, in seconds since 1970.
            together: Whether one message can be about several events of a kind.
        """
        ready = [each for each in self.waiting if self._due(each, together) <= now]
        if not ready:
            return []
        first = min(ready, key=lambda each: each.due)
        if not together or first.event.kind not in OF_DEVICES:
            return [first]
        same = [each for each in ready if each.event.kind == first.event.kind]
        return same[:MAX_TOGETHER]

    def delivered(self, deliveries: Sequence[Delivery], now: float) -> None:
        """Notes that deliveries have succeeded."""
        self._remove(deliveries)
        self.delivered_at, self.error, self.changed = now, "", True
        if deliveries[0].event.kind in OF_DEVICES:
            self._gather_until = now + GATHER_S

    def failed(
        self, deliveries: Sequence[Delivery], now: float, error: str, rest_s: float = 0.0
    ) -> None:
        """Notes that deliveries have failed.

        Args:
            deliveries: The deliveries.
            now: The present, in seconds since 1970.
            error: Why.
            rest_s: How long the receiver wants to be left alone, in seconds.
        """
        self.error, self.changed = error[:_MAX_REASON], True
        rest_s = min(max(rest_s, REST_S), _MAX_REST_S)
        self._rest_until = now + rest_s
        for delivery in deliveries:
            delivery.began = delivery.began or now
            delivery.attempts += 1
            delivery.error = self.error
            if delivery.attempts <= len(RETRY_AFTER_S):
                pause = RETRY_AFTER_S[delivery.attempts - 1] * (1 + _jitter())
                delivery.due = now + max(pause, rest_s)
                continue
            self._remove([delivery])
            self._give_up(delivery, self.error)
        last = [delivery for delivery in deliveries if delivery.attempts > len(RETRY_AFTER_S)]
        if any(self.delivered_at < delivery.began for delivery in last):
            self.disable(f"nothing could be delivered for days: {self.error}")

    def disable(self, why: str) -> None:
        """Delivers nothing any more, until somebody wants to try again."""
        self.disabled, self.changed = why[:_MAX_REASON], True
        waiting, self.waiting = self.waiting, []
        for delivery in waiting:
            self._give_up(delivery, delivery.error or self.disabled)

    def begin_again(self, again: str, now: float) -> None:
        """Delivers again, with what could not be delivered, if that request is not known.

        Args:
            again: The request to try again.
            now: The present, in seconds since 1970.
        """
        if again in ("", self.again):
            return
        self.again, self.disabled, self.changed = again, "", True
        self._rest_until = 0.0
        for delivery in self.waiting:
            delivery.due = now
        before = [Delivery(each.event, each.id, now) for each in self.undelivered]
        self.undelivered, self.forgotten = [], 0
        self.waiting = [*before, *self.waiting]
        self._make_room()

    def catch_up(self, now: float) -> None:
        """Lets nothing wait for longer than the rules say because a clock was set back."""
        longest = now + RETRY_AFTER_S[-1] * (1 + _JITTER)
        for delivery in self.waiting:
            delivery.due = min(delivery.due, longest)
        self._rest_until = min(self._rest_until, now + _MAX_REST_S)
        self._gather_until = min(self._gather_until, now + GATHER_S)

    def _remove(self, deliveries: Sequence[Delivery]) -> None:
        gone = {id(delivery) for delivery in deliveries}
        self.waiting = [each for each in self.waiting if id(each) not in gone]

    def write(self) -> None:
        """Writes the file.

        Raises:
            OSError: It cannot be written.
        """
        document = {
            "format": FORMAT,
            "disabled": self.disabled,
            "delivered_at": self.delivered_at,
            "error": self.error,
            "again": self.again,
            "forgotten": self.forgotten,
            "waiting": [delivery.to_dict() for delivery in self.waiting],
            "undelivered": [delivery.to_dict() for delivery in self.undelivered],
        }
        atomic.make_directory(self.path.parent, private=True)
        atomic.write(self.path, json.dumps(document).encode() + b"\n", mode=0o600)
        self.changed = False


def queue_path(state: Path, webhook_id: str) -> Path:
    """Returns the file of the deliveries of a webhook."""
    return state / FOLDER / f"{webhook_id}.json"


def read_queue(state: Path, webhook_id: str) -> WebhookQueue:
    """Returns the deliveries of a webhook; empty if none are stored.

    Raises:
        WebhooksError: The file cannot be read.
    """
    queue = WebhookQueue(queue_path(state, webhook_id))
    try:
        document: Any = json.loads(queue.path.read_bytes())
        queue.disabled, queue.error = str(document["disabled"]), str(document["error"])
        queue.delivered_at, queue.again = float(document["delivered_at"]), str(document["again"])
        queue.forgotten = int(document["forgotten"])
        queue.waiting = [_delivery(entry) for entry in document["waiting"]]
        queue.undelivered = [_delivery(entry) for entry in document["undelivered"]]
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = reason_of(error) if isinstance(error, OSError) else "it is damaged"
        raise WebhooksError(
            f"what waits for webhook {webhook_id} cannot be read: {why} ({queue.path})",
            hint="Do this as the user of the server; a damaged file can be removed.",
        ) from error
    return queue


def _delivery(entry: Any) -> Delivery:
    event = entry["event"]
    data = {str(key): value for key, value in event["data"].items()}
    return Delivery(
        FleetEvent(str(event["kind"]), float(event["at"]), str(event["product"]), data),
        str(entry["id"]),
        float(entry["due"]),
        int(entry["attempts"]),
        float(entry["began"]),
        str(entry["error"]),
    )


def _jitter() -> float:
    # It spreads retries, and keeps no secret.
    return random.uniform(0, _JITTER)  # noqa: S311
