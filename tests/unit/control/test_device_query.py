"""Which devices people mean: by any name, by conditions, and in pages that stay stable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acpublish.control.device_query import (
    MAX_ROWS,
    DeviceFilter,
    by_address,
    by_name,
    counted,
    is_stuck,
    page,
)
from acpublish.errors import AcpublishError, ConflictError, NotFoundError
from acpublish.fleet.known_device import Device, OfferNote
from acpublish.fleet.moments import Moment
from acpublish.fleet.penalty import Box
from acpublish.release.received import Received
from acpublish.wire import Report
from tests.unit.control.asking import Asking, mac

ALL = DeviceFilter()


@pytest.fixture
def fleet(tmp_path: Path) -> Asking:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0", "1.1.0")
    fleet.put("1.0.0", product="door")
    for number in (1, 2, 3):
        fleet.ask(number)
    fleet.ask(3, product="door").name = "porch"
    fleet.ask(1).name = "kitchen"
    fleet.ask(2).name = fleet.ask(3).name = "hall"
    return fleet


@pytest.mark.parametrize(
    "ref",
    [
        "lamp/24:0a:c4:00:00:01",
        "lamp/24-0A-C4-00-00-01",
        "24:0A:C4:00:00:01",
        "240ac4000001",
        "240a.c400.0001",
        "kitchen",
    ],
)
def test_every_name_of_a_device(fleet: Asking, ref: str) -> None:
    assert find_device(fleet, ref).id == "lamp/24:0a:c4:00:00:01"


@pytest.mark.parametrize(
    ("ref", "kind", "words"),
    [
        ("kitchn", NotFoundError, "Similar names are: kitchen"),
        ("", NotFoundError, "acpublish devices list"),
        ("\x1b" + "x" * 1000, NotFoundError, "there is no device '?x"),
        ("24:0a:c4:00:00:09", NotFoundError, "there is no device"),
        ("door/24:0a:c4:00:00:01", NotFoundError, "there is no device"),
        ("nothing/24:0a:c4:00:00:01", NotFoundError, "there is no device"),
        ("hall", ConflictError, f"lamp/{mac(2)}, lamp/{mac(3)}"),
        (mac(3), ConflictError, f"door/{mac(3)}, lamp/{mac(3)}"),
    ],
)
def test_a_name_that_is_nobodys_or_of_several(
    fleet: Asking, ref: str, kind: type[AcpublishError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        find_device(fleet, ref)
    assert words in str(caught.value)


def test_pages_stay_stable_while_devices_come_and_go(fleet: Asking) -> None:
    def ids(after: str, wanted: DeviceFilter = ALL) -> tuple[list[str], str | None]:
        devices, following = page(fleet.state.devices(), wanted, fleet.state.clock.now(), after, 2)
        return [device.id for device in devices], following

    first, cursor = ids("")
    assert (first, cursor) == ([f"door/{mac(3)}", f"lamp/{mac(1)}"], f"lamp/{mac(1)}")
    fleet.state.forget(f"lamp/{mac(1)}")
    fleet.ask(0)
    assert ids(f"lamp/{mac(1)}") == ([f"lamp/{mac(2)}", f"lamp/{mac(3)}"], None)
    assert ids("", DeviceFilter(product="door")) == ([f"door/{mac(3)}"], None)
    assert ids("zzz") == ([], None)


def find_device(fleet: Asking, ref: str) -> Device:
    return by_address(fleet.state, ref) or by_name(list(fleet.state.devices()), ref)


def device(**fields: Any) -> Device:
    values = {"mac": mac(1), "board": "d1", "last_seen": 1000.0, **fields}
    return Device("lamp/x", "lamp", **values)


@pytest.mark.parametrize(
    ("wanted", "own", "applies"),
    [
        ({"product": "lamp"}, {}, True),
        ({"product": "door"}, {}, False),
        ({"board": "d1"}, {}, True),
        ({"board": "c3"}, {}, False),
        ({"version": "1.0.0"}, {"runs": "1.0.0"}, True),
        ({"version": "1.0.0"}, {"runs": None, "report": Report(version="1.0.0")}, False),
        (
            {"version": "1.0.0"},
            {"unverified": True, "report": Report(version="1.0.0")},
            True,
        ),
        ({"tag": "a"}, {"tags": frozenset({"a", "b"})}, True),
        ({"tag": "c"}, {"tags": frozenset({"a", "b"})}, False),
        ({"group": "house"}, {"groups": frozenset({"house"})}, True),
        ({"not_seen_s": 60}, {"last_seen": 1940.0}, True),
        ({"not_seen_s": 61}, {"last_seen": 1940.0}, False),
        ({"flagged": True}, {}, False),
        ({"flagged": True}, {"hold": True}, True),
        ({"stuck": True}, {}, False),
        ({"stuck": True, "board": "d1"}, {"obstacle": "does-not-fit"}, True),
    ],
)
def test_conditions(wanted: dict[str, Any], own: dict[str, Any], applies: bool) -> None:
    assert DeviceFilter.of(**wanted).applies(device(**own), Moment(2000.0, 2000.0)) is applies


@pytest.mark.parametrize(
    "wanted",
    [
        {"product": "A b"},
        {"board": "x.fs"},
        {"version": "one"},
        {"not_seen_s": -1},
        {"not_seen_s": float("nan")},
        {"not_seen_s": float("inf")},
    ],
)
def test_a_condition_that_is_not_valid(wanted: dict[str, Any]) -> None:
    with pytest.raises(AcpublishError):
        DeviceFilter.of(**wanted)


def received(at: float) -> Received:
    return Received(
        at=at, kind="firmware", sha256="a", claim=None, sketch_md5=None, sketch_sha256=None
    )


@pytest.mark.parametrize(
    ("own", "stuck"),
    [
        ({"obstacle": "other-chip"}, True),
        ({"box": Box(whole=3)}, True),
        ({"box": Box(whole=2)}, False),
        ({"box": Box(broken=10)}, True),
        # It received the release whole, and had time to come back.
        ({"offer": "whole", "runs": "1.0.0"}, True),
        ({"offer": "silent"}, True),
        ({"offer": "runs the old one"}, True),
        ({"offer": "offered"}, False),
        ({"offer": "broken"}, False),
        ({"offer": "whole", "runs": "1.1.0"}, False),
        ({"offer": "whole", "report": Report(version="1.1.0")}, False),
        ({"offer": "whole", "at": 9000.0}, False),
        ({"offer": "whole", "gaps": [8000]}, False),
    ],
)
def test_what_keeps_a_device_from_its_update(own: dict[str, Any], stuck: bool) -> None:
    values = dict(own)
    offer, at = values.pop("offer", None), values.pop("at", 5000.0)
    if offer is not None:
        values["offers"] = (OfferNote(at, "1.1.0", "firmware", None, offer),)
        values["firmware"] = received(at)
    assert is_stuck(device(**values), 10_000.0) is stuck


def test_counts_by_product_board_and_version(fleet: Asking) -> None:
    fleet.ask(4, None, claims="7.7.7")
    rows = counted(fleet.state.devices())["devices"]
    assert rows == [
        {"product": "door", "board": "d1", "version": "1.0.0", "claims": None, "count": 1},
        {"product": "lamp", "board": "d1", "version": None, "claims": "7.7.7", "count": 1},
        {"product": "lamp", "board": "d1", "version": "1.0.0", "claims": None, "count": 3},
    ]


def test_claims_do_not_displace_what_most_devices_run() -> None:
    many = [device(report=Report(version=str(number))) for number in range(MAX_ROWS + 5)]
    document = counted([*many, device(runs="1.0.0"), device(runs="1.0.0")])
    assert len(document["devices"]) == MAX_ROWS
    assert document["omitted"] == 6
    assert document["devices"][-1]["count"] == 2
