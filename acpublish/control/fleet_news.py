"""What happens to rollouts and devices, told to whoever listens: each thing once.

1. Listeners are called in the event loop. One that raises is logged, and nobody else notices.
2. A device is compared with what it was before a request, and only if somebody listens.
3. A flag that a device gets, loses and gets again is told once a day.
4. Which stage of a rollout was told is remembered beyond a restart (:mod:`acpublish.control.told`),
   because a rollout starts anew where no store has it, and commands change rollouts as well.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from acpublish.bounded import BoundedDict
from acpublish.control.told import NEWS_S, Told
from acpublish.fleet import fleet_events
from acpublish.fleet.fleet_events import FleetEvent, Listener
from acpublish.fleet.known_device import Device, flags, troubles
from acpublish.fleet.moments import DAY_S
from acpublish.fleet.penalty import EMPTY_BOX, Box
from acpublish.fleet.rollout import Rollout

_log = logging.getLogger("acpublish.fleet")

_MAX_FLAGGED = 50_000


class Seen(NamedTuple):
    """A device as it was before.

    Attributes:
        is_new: Whether it was not known.
        runs: The release that it ran by its digest, None if that is not known.
        trouble: What its flags depend on (:func:`acpublish.fleet.known_device.troubles`), because
            the flags themselves take longer than the decision.
    """

    is_new: bool
    runs: str | None
    trouble: tuple[str, bool, Box]


_UNKNOWN = Seen(is_new=True, runs=None, trouble=("", False, EMPTY_BOX))


class FleetNews:
    """Tells listeners what happens.

    Attributes:
        listeners: Whom it tells, in this order.
        told: What was told before a restart.
        knows_devices: Whether the store of the fleet is open. Before that nobody knows which
            devices are new, and listeners are told once it is.
    """

    def __init__(self, told: Told | None = None) -> None:
        """Starts without listeners.

        Args:
            told: What was told before; nothing by default.
        """
        self.listeners: list[Listener] = []
        self.told = told or Told()
        self._found: list[FleetEvent] = []
        #: When a device got a flag that was told, by both.
        self._flagged: BoundedDict[tuple[str, str], float] = BoundedDict(_MAX_FLAGGED)
        self.knows_devices = False

    def tell(self, event: FleetEvent) -> None:
        """Calls every listener."""
        for listener in list(self.listeners):
            try:
                listener(event)
            except Exception:
                # A faulty listener must not keep a device from its update.
                _log.exception("a listener for events failed")

    def rollout_moved(self, before: Rollout | None, rollout: Rollout, at: float) -> None:
        """Tells how far a rollout is, and logs it, if that has changed.

        Args:
            before: The rollout before; None if it is new.
            rollout: The rollout.
            at: The present, in seconds since 1970.
        """
        if before is not None and (before.state, before.stage) == (rollout.state, rollout.stage):
            return
        reason = f": {rollout.reason}" if rollout.reason else ""
        stages, stage = len(rollout.policy.stages), rollout.stage + 1
        _log.info("%s is %s, at stage %d of %d%s", rollout, rollout.state, stage, stages, reason)
        event = self._how_far(rollout, at)
        if event is not None:
            self.tell(event)

    def rollouts_found(
        self, rollouts: Iterable[Rollout], ended: Mapping[str, float], at: float
    ) -> None:
        """Notes how far rollouts got while no server ran, because commands can change them.

        Args:
            rollouts: The rollouts that a store has.
            ended: Since when those are over that are, in seconds since 1970.
            at: The present, likewise.
        """
        for rollout in rollouts:
            when = ended.get(rollout.id, at)
            event = self._how_far(rollout, when) if at - when <= NEWS_S else None
            # Without a memory, what is found is where it begins.
            if event is not None and self.told.remembers:
                self._found.append(event)

    def tell_found(self) -> None:
        """Tells what was found in the store, once those who listen are there."""
        found, self._found = self._found, []
        for event in found:
            self.tell(event)

    def _how_far(self, rollout: Rollout, at: float) -> FleetEvent | None:
        """Returns how far a rollout is, and notes it as told; None if that is no news."""
        stages, stage = len(rollout.policy.stages), rollout.stage + 1
        about = {"rollout": rollout.id, "version": rollout.version, "channel": rollout.channel}
        if rollout.state in ("halted", "complete"):
            if self.told.ended(rollout.id):
                kind = fleet_events.HALTED if rollout.state == "halted" else fleet_events.COMPLETED
                return FleetEvent(kind, at, rollout.product, {**about, "reason": rollout.reason})
        elif rollout.is_open and self.told.reached(rollout.id, stage):
            how_far = {**about, "stage": stage, "stages": stages}
            return FleetEvent(fleet_events.STAGE, at, rollout.product, how_far)
        return None

    def before(self, device: Device | None) -> Seen | None:
        """Returns a device as it is now, or that it is not known; None to tell nothing of it."""
        if not (self.listeners and self.knows_devices):
            return None
        if device is None or not device.visits:
            return _UNKNOWN
        return Seen(False, device.runs, (device.obstacle, device.unverified, device.box))

    def device_changed(
        self, device: Device, before: Seen | None, at: float, reason: str = ""
    ) -> None:
        """Tells what has changed about a device.

        Args:
            device: The device.
            before: What it was before; None to tell nothing.
            at: The present, in seconds since 1970.
            reason: Why it gets what it gets now.
        """
        if before is None:
            return
        product, key = device.product, device.id
        if before.is_new:
            data = {"device": key, "board": device.board}
            self.tell(FleetEvent(fleet_events.NEW_DEVICE, at, product, data))
        elif device.runs is not None and device.runs != before.runs:
            changed = {"device": key, "version": device.runs, "before": before.runs}
            self.tell(FleetEvent(fleet_events.UPDATED, at, product, changed))
        trouble = (device.obstacle, device.unverified, device.box)
        if trouble == before.trouble:
            return
        gained = troubles(*trouble) - troubles(*before.trouble)
        gained = frozenset(flag for flag in gained if self._is_first(key, flag, at))
        if gained:
            why = _of_box(device, gained) or reason or ", ".join(sorted(gained))
            shown = list(flags(device))
            flagged = {"device": key, "name": device.name, "flags": shown, "reason": why}
            self.tell(FleetEvent(fleet_events.FLAGGED, at, product, flagged))

    def _is_first(self, device: str, flag: str, at: float) -> bool:
        """Returns whether a device has not got a flag within a day before, and notes that it has.

        A device that asks with two sketches in turn would be news all day.
        """
        before = self._flagged.get((device, flag))
        if before is not None and 0 <= at - before < DAY_S:
            return False
        self._flagged[device, flag] = at
        return True


def _of_box(device: Device, gained: frozenset[str]) -> str:
    """Returns why a device is boxed, if that is what is new."""
    if "boxed" in gained:
        return f"it received the image {device.box.whole} times and did not come back with it"
    if "no-whole-delivery" in gained:
        return f"its last {device.box.broken} downloads broke off"
    return ""
