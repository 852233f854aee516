"""The clock of listening runs only while the server listens."""

from __future__ import annotations

from acpublish.fleet.moments import DAY_S, Listening, Moment


def test_it_runs_while_the_server_listens() -> None:
    listening = Listening().started(100.0)
    assert listening.clock(130.0) == 30.0
    assert listening.started(120.0) == listening


def test_downtime_is_not_on_it() -> None:
    listening = Listening().started(100.0).stopped(150.0)
    assert listening.clock(10_000.0) == 50.0
    assert listening.started(10_000.0).clock(10_007.0) == 57.0
    assert Listening.of([(100.0, 150.0), (10_000.0, 10_007.0)]) == Listening(57.0)


def test_it_never_runs_backwards() -> None:
    assert Listening(5.0, 100.0).clock(50.0) == 5.0
    assert Listening.of([(100.0, 50.0)]).total_s == 0.0


def test_a_moment_has_both_clocks_and_the_local_time_of_day() -> None:
    now = Listening(5.0, 100.0).moment(DAY_S * 10 + 60.0, utc_offset_s=3600)
    assert now == Moment(DAY_S * 10 + 60.0, 5.0 + DAY_S * 10 - 40.0, 3600)
    assert now.second_of_day == 3660
    assert Moment(DAY_S * 10 + 60.0, 0.0, -120).second_of_day == DAY_S - 60
