"""The rows of the overview."""

from __future__ import annotations

from pathlib import Path

from acpublish.control.operations import run_here
from acpublish.fleet import fleet_events
from acpublish.fleet.fleet_events import FleetEvent
from acpublish.release.decision import Decision, Rule, Verdict
from acpublish.server.checkins import CheckIn, Delivered
from acpublish.server.pages.overview_rows import (
    MAX_ROWS,
    check_in_rows,
    news_rows,
    rollout_rows,
)
from tests.unit.control.asking import Asking, mac
from tests.unit.fleet.making import report


def check_in(verdict: Verdict, number: int = 1, rule: Rule = Rule.NEWEST_ON_CHANNEL) -> CheckIn:
    said = report("1.0.0")._replace(mac=mac(number).upper())
    decision = Decision(verdict=verdict, rule=rule, reason="because")
    return CheckIn(5.0, "10.0.0.1", "GET", said, "lamp", "d1", "stable", decision)


def delivered(sent_bytes: int, *, drained: bool = True) -> Delivered:
    return Delivered(
        check_in=check_in(Verdict.OFFER),
        status=200,
        file_bytes=9,
        file_sha256="f" * 64,
        sent_bytes=sent_bytes,
        drained=drained,
    )


def test_what_devices_got_is_in_words() -> None:
    events = [
        check_in(Verdict.OFFER),
        check_in(Verdict.UP_TO_DATE),
        check_in(Verdict.UP_TO_DATE, rule=Rule.WITHHELD),
        check_in(Verdict.REFUSE),
        check_in(Verdict.NOTHING),
        delivered(9),
        delivered(5),
        delivered(5, drained=False),
    ]
    whats = [row.what for row in check_in_rows(events, None)]
    assert whats == [
        "broke_off",
        "received_part",
        "received",
        "nothing",
        "refused",
        "held_back",
        "up_to_date",
        "offered",
    ]
    assert len(check_in_rows(events * 10, None)) == MAX_ROWS
    named_file = check_in(Verdict.OFFER)._replace(product=None)
    assert check_in_rows([named_file], None) == []


def test_a_known_device_has_its_name_and_its_page(tmp_path: Path) -> None:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    device = fleet.ask(1)
    device.name = "kitchen"
    rows = check_in_rows(
        [check_in(Verdict.UP_TO_DATE, 2), check_in(Verdict.UP_TO_DATE)], fleet.state
    )
    # Devices send their addresses in upper case.
    assert [(row.name, row.device) for row in rows] == [("kitchen", device.id), (mac(2), "")]


def test_what_happened_is_the_newest_first() -> None:
    said = {"version": "1.1.0", "channel": "stable", "boards": ["c3", "d1"]}
    events = [
        FleetEvent(fleet_events.PUBLISHED, 1.0, "lamp", said),
        FleetEvent(
            fleet_events.ROLLED_BACK,
            1.5,
            "lamp",
            {"version": "1.0.0", "channel": "stable", "reason": "hot"},
        ),
        FleetEvent(
            fleet_events.STAGE, 2.0, "lamp", {**said, "rollout": "lamp-2", "stage": 1, "stages": 4}
        ),
        *(
            FleetEvent(
                fleet_events.UPDATED,
                3.0 + at,
                "lamp",
                {"device": f"lamp/{at}", "version": "1.1.0", "before": None},
            )
            for at in range(3)
        ),
        FleetEvent(
            fleet_events.FLAGGED,
            9.0,
            "lamp",
            {"device": "lamp/1", "name": "", "flags": ["boxed"], "reason": "it failed"},
        ),
    ]
    rows = news_rows(events)
    assert [(row.kind, row.detail, row.others) for row in rows] == [
        ("flagged", "it failed", 0),
        ("updated", "? → 1.1.0", 2),
        ("stage", "1/4", 0),
        ("rolled-back", "stable: hot", 0),
        ("published", "stable: c3, d1", 0),
    ]
    assert rows[1].device == "lamp/2"
    assert len(news_rows(events * 10)) == MAX_ROWS


def test_rollouts_have_what_each_stage_adds(tmp_path: Path) -> None:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0")
    with fleet.stored():
        for number in range(8):
            fleet.ask(number)
        fleet.now += 100
        fleet.policy("1,50%,100%")
        fleet.put("1.1.0")
        (row,) = rollout_rows(fleet.state)
        assert (row.total, row.reached) == (0, 0)
        # Details count the devices.
        run_here(fleet.rollouts.rollout(row.rollout.id))
        (row,) = rollout_rows(fleet.state)
    assert (row.total, row.reached, row.sizes[0]) == (8, 1, 1)
    assert sum(row.sizes) == 8
