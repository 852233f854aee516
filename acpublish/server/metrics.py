"""The metrics of a server, in the text format that Prometheus reads.

Specification: "Text-based format" of https://prometheus.io/docs/instrumenting/exposition_formats/.

What strangers can choose, such as a version that a device claims, makes no series without bound:
those of the products and versions with most devices are shown, and the rest as one.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import TYPE_CHECKING, get_args

from acpublish.control.fleet_state import FleetState
from acpublish.errors import AcpublishError
from acpublish.fleet.rollout import State
from acpublish.notices.webhook_orders import Document
from acpublish.server.checkins import Versions
from acpublish.server.fleet_updates import FleetUpdates
from acpublish.server.measured import BUCKETS_S, Measured

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
#: The most series of devices by product and version.
MAX_SERIES = 200
#: The product and the version of the devices beyond that. No version is spelled like this.
OTHER = "other"
#: The version of a device whose image is in no release.
UNKNOWN = "unknown"


class Metrics:
    """Writes the metrics; for a thread, because it may walk all devices."""

    def __init__(
        self,
        measured: Measured,
        versions: Callable[[], Versions],
        fleet: FleetUpdates | None = None,
        webhooks: Callable[[], list[Document]] = list,
    ) -> None:
        """Prepares to write.

        Args:
            measured: What was counted while serving.
            versions: Counts the devices.
            fleet: Knows the rollouts and the store; None for a server without them.
            webhooks: Returns all webhooks.
        """
        self._measured = measured
        self._versions = versions
        self._fleet = fleet
        self._webhooks = webhooks
        self._registry: CollectorRegistry | None = None

    def text(self) -> bytes:
        """Returns all metrics as they are now."""
        # It takes as long to load as the rest of a server, and most servers are never asked.
        from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
        from prometheus_client.exposition import generate_latest

        if self._registry is None:
            registry = CollectorRegistry(auto_describe=False)
            ProcessCollector(registry=registry)
            PlatformCollector(registry=registry)
            registry.register(self)
            self._registry = registry
        return generate_latest(self._registry)

    def describe(self) -> list[Metric]:
        """Returns nothing, so that registering collects nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yields all metrics but those of the process."""
        from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily

        build = {"version": metadata.version("acpublish")}
        yield InfoMetricFamily("acpublish_build", "The version of the server.", value=build)
        yield from self._served()
        yield GaugeMetricFamily(
            "acpublish_connections", "Open connections.", value=len(self._measured.connections)
        )
        if self._measured.mqtt_connected is not None:
            yield GaugeMetricFamily(
                "acpublish_mqtt_connected",
                "1 while there is a connection to the MQTT broker.",
                value=1 if self._measured.mqtt_connected() else 0,
            )
        devices = GaugeMetricFamily(
            "acpublish_devices",
            "Devices by the version that they run.",
            labels=("product", "version"),
        )
        for labels, count in bounded(self._versions()).items():
            devices.add_metric(labels, count)
        yield devices
        yield self._undelivered()
        if self._fleet is not None:
            yield from _of_fleet(self._fleet.state, self._fleet.store_trouble)

    def _undelivered(self) -> Metric:
        """Returns how much could not be delivered to each webhook."""
        from prometheus_client.metrics_core import GaugeMetricFamily

        undelivered = GaugeMetricFamily(
            "acpublish_webhook_undelivered",
            "Events that could not be delivered to a webhook.",
            labels=("webhook",),
        )
        # The other figures are there all the same if this file cannot be read.
        with contextlib.suppress(AcpublishError):
            for webhook in self._webhooks():
                undelivered.add_metric((webhook["id"],), webhook["undelivered"])
        return undelivered

    def _served(self) -> Iterator[Metric]:
        """Yields what was counted while serving."""
        from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily

        measured = self._measured
        for name, help_text, label, counts in (
            ("check_ins", "Requests of devices by the rule of the decision.", "rule", "check_ins"),
            ("withheld", "Offers that were held back, by the fleet's rule.", "rule", "withheld"),
            ("downloads", "Offers by what became of them.", "result", "downloads"),
        ):
            family = CounterMetricFamily(f"acpublish_{name}", help_text, labels=(label,))
            for value, count in dict(getattr(measured, counts)).items():
                family.add_metric((value,), count)
            yield family
        yield CounterMetricFamily(
            "acpublish_download_bytes",
            "Bytes of images and filesystems sent to devices.",
            value=measured.download_bytes,
        )
        took = HistogramMetricFamily(
            "acpublish_check_in_seconds",
            "Time from the whole request of a device to its answer, before that is sent.",
        )
        # The sum comes first: it may lack what is counted meanwhile, but is never too large.
        total_s, buckets, so_far = measured.took_s, [], 0
        bounds = (*map(str, BUCKETS_S), "+Inf")
        for bound, count in zip(bounds, list(measured.in_bucket), strict=True):
            so_far += count
            buckets.append((bound, so_far))
        took.add_metric((), buckets, total_s)
        yield took


def bounded(versions: Versions, most: int = MAX_SERIES) -> dict[tuple[str, str], int]:
    """Returns how many devices run which version, with one entry for all that are rare.

    Args:
        versions: How many devices run which version of which product.
        most: The most entries, with that one.
    """
    # The names decide between versions that are equally frequent, so that series do not alternate.
    rows = sorted(versions.items(), key=lambda row: (-row[1], row[0][0], row[0][1] or ""))
    kept = rows if len(rows) <= most else rows[: most - 1]
    shown = {(product, version or UNKNOWN): count for (product, version), count in kept}
    if len(kept) < len(rows):
        shown[OTHER, OTHER] = sum(count for _, count in rows[len(kept) :])
    return shown


def _of_fleet(state: FleetState, store_trouble: str) -> Iterator[Metric]:
    """Yields what is known of rollouts and of the store."""
    from prometheus_client.metrics_core import GaugeMetricFamily

    rollouts = GaugeMetricFamily(
        "acpublish_rollouts", "Rollouts of the last 90 days by their state.", labels=("state",)
    )
    counts = Counter(rollout.state for rollout in list(state.rollouts.values()))
    for name in get_args(State):
        rollouts.add_metric((name,), counts[name])
    yield rollouts
    yield GaugeMetricFamily(
        "acpublish_store_away",
        "1 while the store of the fleet cannot be read or written.",
        value=1 if store_trouble else 0,
    )
