"""The metrics as Prometheus' own parser reads them."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from acpublish.notices.webhook_file import WebhooksError
from acpublish.release.version import Version
from acpublish.server.checkins import Versions
from acpublish.server.measured import Measured
from acpublish.server.metrics import MAX_SERIES, Metrics, bounded


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Returns each value by its name and the values of its labels."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_what_was_counted_is_written() -> None:
    measured = Measured()
    measured.check_ins["same digest"] = 7
    measured.downloads["whole"], measured.download_bytes = 3, 3000
    measured.took(0.000_02)
    measured.took(0.3)
    measured.connections = (1, 2)
    written = samples(Metrics(measured, Counter))
    assert written["acpublish_check_ins_total", ("same digest",)] == 7
    assert written["acpublish_check_ins_total", ("no target",)] == 0
    assert written["acpublish_downloads_total", ("whole",)] == 3
    assert written["acpublish_download_bytes_total", ()] == 3000
    assert written["acpublish_connections", ()] == 2
    assert written["acpublish_check_in_seconds_count", ()] == 2
    assert written["acpublish_check_in_seconds_sum", ()] == 0.300_02
    assert written["acpublish_check_in_seconds_bucket", ("1e-05",)] == 0
    assert written["acpublish_check_in_seconds_bucket", ("0.25",)] == 1
    assert written["acpublish_check_in_seconds_bucket", ("+Inf",)] == 2
    assert written["process_resident_memory_bytes", ()] > 0
    # Without a fleet there is nothing to say of it.
    assert not any(name.startswith("acpublish_rollouts") for name, _ in written)


def test_rollouts_by_state_and_the_store() -> None:
    rollouts = {
        str(n): SimpleNamespace(state=state) for n, state in enumerate(("halted", "paused"))
    }
    state = SimpleNamespace(rollouts=rollouts)
    fleet: Any = SimpleNamespace(state=state, store_trouble="")
    metrics = Metrics(Measured(), Counter, fleet)
    written = samples(metrics)
    assert written["acpublish_rollouts", ("halted",)] == 1
    assert written["acpublish_rollouts", ("running",)] == 0
    assert written["acpublish_store_away", ()] == 0
    rollouts["0"].state, fleet.store_trouble = "paused", "it is full"
    # Each time as it is now.
    written = samples(metrics)
    assert written["acpublish_rollouts", ("paused",)] == 2
    assert written["acpublish_store_away", ()] == 1


def test_strangers_cannot_add_series_without_bound() -> None:
    many: Versions = Counter({("lamp", f"1.0.{n}"): 1 for n in range(10_000)})
    many["lamp", None] = 5
    many["plug", "2.0.0"] = 9
    shown = bounded(many)
    assert len(shown) == MAX_SERIES
    assert shown["plug", "2.0.0"] == 9
    assert shown["lamp", "unknown"] == 5
    assert sum(shown.values()) == sum(many.values())
    assert shown["other", "other"] == 10_000 - (MAX_SERIES - 3)
    # The same ones each time, although they are equally frequent.
    assert bounded(Counter(dict(reversed(many.items())))) == shown
    assert Version.or_none("other") is None


def test_as_many_series_as_allowed_are_all_shown() -> None:
    few: Versions = Counter({("lamp", f"1.0.{n}"): 1 for n in range(5)})
    assert ("other", "other") not in bounded(few, 5)
    assert bounded(few, 4)["other", "other"] == 2


def test_whatever_a_label_contains_stays_one_line() -> None:
    strange = 'a"b\\c\nacpublish_store_away 1'
    written = samples(Metrics(Measured(), lambda: Counter({("lamp", strange): 1})))
    assert written["acpublish_devices", ("lamp", strange)] == 1
    assert ("acpublish_store_away", ()) not in written


def test_what_could_not_be_delivered() -> None:
    webhooks: list[dict[str, Any]] = [{"id": "ab12", "undelivered": 3}]
    metrics = Metrics(Measured(), Counter, None, lambda: webhooks)
    assert samples(metrics)["acpublish_webhook_undelivered", ("ab12",)] == 3

    def damaged() -> list[dict[str, Any]]:
        raise WebhooksError("it is damaged", hint="x")

    written = samples(Metrics(Measured(), Counter, None, damaged))
    assert written["acpublish_connections", ()] == 0


def test_the_connection_to_the_broker_is_shown_where_there_is_one() -> None:
    measured, name = Measured(), ("acpublish_mqtt_connected", ())
    metrics = Metrics(measured, Counter)
    assert name not in samples(metrics)
    for connected in (False, True):
        measured.mqtt_connected = lambda now=connected: now  # type: ignore[misc]
        assert samples(metrics)[name] == connected
