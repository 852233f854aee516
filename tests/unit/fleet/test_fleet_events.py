from __future__ import annotations

from acpublish.fleet.fleet_events import KINDS, PUBLISHED, FleetEvent


def test_an_event_has_the_same_id_again_and_another_event_has_another() -> None:
    event = FleetEvent(PUBLISHED, 5.0, "lamp", {"version": "1.0.0", "change": 1})
    again = FleetEvent(PUBLISHED, 5.0, "lamp", {"change": 1, "version": "1.0.0"})
    assert event.id == again.id
    assert event.id != event._replace(at=5.1).id
    assert "." not in event.id


def test_kinds_are_different() -> None:
    assert len(set(KINDS)) == len(KINDS)
