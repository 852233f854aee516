"""What a server counts for its metrics while it serves: plain numbers, and nothing of a device.

Each check waits for this, so an event costs a look-up and an addition. What can be counted when
somebody asks, such as devices and rollouts, is counted then (:mod:`acpublish.server.metrics`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sized

from acpublish.fleet.fleet_rules import FleetRule
from acpublish.release.decision import Rule
from acpublish.server.checkins import CheckIn, Delivered, Event

#: The upper bounds of the histogram of check-ins, in seconds. An up-to-date check from memory takes
#: about 20 µs, and one that waits for the disk milliseconds.
BUCKETS_S = (
    *(0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5),
    *(0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
#: What becomes of an offer: the device got the whole file, a part that it had asked for, or the
#: connection broke, or the server had nothing to send.
DOWNLOADS = ("whole", "part", "broken", "failed")
#: A name of the module is found much faster than a member of an Enum.
_WITHHELD = Rule.WITHHELD


class Measured:
    """A listener of check-ins that counts them.

    Attributes:
        check_ins: How many check-ins were decided by each rule, by its text.
        withheld: How many offers the fleet held back, by the text of its rule.
        downloads: How many offers ended in each way.
        download_bytes: How many bytes of files were sent.
        in_bucket: How many check-ins took up to each bound, and more than the last; each is
            counted once.
        took_s: How long all check-ins took together, in seconds.
        connections: The open connections.
        mqtt_connected: Returns whether there is a connection to the MQTT broker; None without one.
    """

    __slots__ = (
        *("check_ins", "connections", "download_bytes", "downloads", "in_bucket", "took_s"),
        *("mqtt_connected", "withheld"),
    )

    def __init__(self) -> None:
        """Starts to count."""
        self.check_ins: dict[str, int] = {rule.value: 0 for rule in Rule}
        self.withheld: dict[str, int] = {rule.value: 0 for rule in FleetRule}
        self.downloads: dict[str, int] = dict.fromkeys(DOWNLOADS, 0)
        self.download_bytes = 0
        self.in_bucket = [0] * (len(BUCKETS_S) + 1)
        self.took_s = 0.0
        self.connections: Sized = ()
        self.mqtt_connected: Callable[[], bool] | None = None

    def __call__(self, event: Event) -> None:
        """Counts a check-in, or what became of an offer."""
        if type(event) is CheckIn:
            rule = event.decision.rule
            # The property ``value`` of an Enum takes several times as long in Python 3.10.
            self.check_ins[rule._value_] += 1
            if rule is _WITHHELD and event.case is not None:
                self.withheld[event.case.decided.rule._value_] += 1
        elif isinstance(event, Delivered):
            self._delivered(event)

    def _delivered(self, event: Delivered) -> None:
        self.download_bytes += event.sent_bytes
        if event.status is None:
            self.downloads["failed"] += 1
        elif not event.drained:
            self.downloads["broken"] += 1
        elif event.sent_bytes:
            self.downloads["whole" if event.whole else "part"] += 1

    def took(self, seconds: float) -> None:
        """Counts how long a check-in took, from its whole head to its answer."""
        self.in_bucket[bisect_left(BUCKETS_S, seconds)] += 1
        self.took_s += seconds
