from __future__ import annotations

import time

import pytest

from acpublish.control.fleet_clock import FleetClock
from acpublish.fleet.moments import DAY_S, Listening
from tests.unit.control.making import Clocks
from tests.unit.fleet.making import START


def test_a_clock_that_is_set_changes_only_the_wall_clock() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.pass_(10)
    for set_to in (START - 365 * DAY_S, START + 365 * DAY_S, 0.0):
        before = clock.now().heard
        clocks.wall = set_to
        clocks.pass_(5)
        assert clock.now()[:2] == (set_to + 5, before + 5)


def test_the_clock_of_listening_stands_still_while_nothing_can_be_stored() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.pass_(10)
    for listens in (False, False, True, True):
        clock.listen(listens)
        clocks.pass_(100)
    assert clock.now().heard == 210
    assert clock.listening() == Listening(210)


def test_it_goes_on_from_the_clock_of_an_earlier_server() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    clocks.pass_(3)
    assert clock.go_on_from(Listening(1000.0), START) == 1000
    assert clock.now().heard == 1003


def test_after_a_crash_it_is_never_behind_what_was_stored() -> None:
    clocks = Clocks()
    clock = clocks.clock()
    assert clock.go_on_from(Listening(1000.0), START, latest=1000.7) == 1000.7
    assert clock.now().heard == 1000.7
    # A server that was killed had not stopped its clock.
    other = clocks.clock()
    assert other.go_on_from(Listening(10.0, START - 50), START) == 60


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_local_time_follows_the_zone_and_its_summer(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        clocks = Clocks()
        clock = clocks.clock()
        for clocks.wall in (START, START + 180 * DAY_S, START, START + 0.5, START - 90 * DAY_S):
            assert clock.now().utc_offset_s == time.localtime(clocks.wall).tm_gmtoff
    finally:
        monkeypatch.undo()
        time.tzset()


def test_by_default_it_is_the_clock_of_the_machine() -> None:
    clock = FleetClock()
    now = clock.now()
    assert abs(now.at - time.time()) < 60
    assert 0 <= now.heard < 60
