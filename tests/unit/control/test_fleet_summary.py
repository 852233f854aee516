"""The figures of a fleet, and which devices need somebody."""

from __future__ import annotations

from acpublish.control.device_query import trouble_of
from acpublish.control.fleet_summary import MAX_NAMED, running, summed_up
from acpublish.fleet.known_device import Device
from tests.unit.fleet.making import device, moment

NOW = moment(hours=1000)


def seen(number: int, ago_h: float = 0.0, **fields: object) -> Device:
    """Returns a device that has often checked in, the last time so many hours ago."""
    known = device(number, **fields)
    known.visits = 10
    known.last_seen, known.last_heard = NOW.at - ago_h * 3600, NOW.heard - ago_h * 3600
    return known


def test_what_a_device_needs() -> None:
    assert trouble_of(seen(1), NOW) is None
    assert trouble_of(seen(1, obstacle="does-not-fit"), NOW) == "unfit"
    assert trouble_of(seen(1, obstacle="failed"), NOW) == "stuck"
    assert trouble_of(seen(1, ago_h=3), NOW) is None
    assert trouble_of(seen(1, ago_h=5), NOW) == "silent"
    assert trouble_of(seen(1, unverified=True), NOW) == "flagged"
    # People have decided these themselves.
    assert trouble_of(seen(1, hold=True), NOW) is None


def test_the_figures_of_a_fleet() -> None:
    devices = [seen(number, runs="1.0.0") for number in range(10)]
    devices += [seen(number, 30 + number, runs="1.1.0") for number in range(10, 20)]
    summary = summed_up(devices, NOW)
    assert (summary.devices, summary.today) == (20, 10)
    assert {(count.version, count.devices) for count in summary.versions} == {
        ("1.0.0", 10),
        ("1.1.0", 10),
    }
    silent = summary.troubles["silent"]
    assert silent.count == 10
    # Those that were seen last come first.
    assert silent.devices == devices[10 : 10 + MAX_NAMED]
    assert summary.troubles["stuck"].count == 0
    assert summed_up([], NOW).versions == ()


def test_what_a_device_is_believed_to_run() -> None:
    known = seen(1, runs=None, unverified=True)
    known.report = known.report._replace(version="3.0.0")
    assert list(running([known, seen(2, runs="1.0.0"), seen(3, runs=None)])) == [
        (known.product, "3.0.0"),
        (known.product, "1.0.0"),
        (known.product, None),
    ]
