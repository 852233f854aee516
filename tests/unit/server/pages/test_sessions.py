"""How long a session lasts, and how many there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acpublish.release.grants import Grant
from acpublish.server.pages.sessions import (
    BY_LINK,
    IDLE_S,
    LASTS_S,
    MAX_OF_TOKEN,
    MAX_SESSIONS,
    Sessions,
)
from acpublish.server.token_file import Token

TOKEN = Token(id="1", sha256="a", created="", grant=Grant(read=True))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(lambda token: token, clock)


def test_it_ends_after_a_time_without_a_request(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.begin(TOKEN)
    clock.now = IDLE_S - 1
    assert sessions.find(cookie) is not None
    clock.now += IDLE_S - 1
    found = sessions.find(cookie)
    assert found is not None
    clock.now += IDLE_S
    assert sessions.find(cookie) is None
    assert sessions.still(found[0]) is None
    assert len(sessions) == 0


def test_it_ends_after_a_week(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.begin(BY_LINK)
    while clock.now < LASTS_S - IDLE_S / 2:
        clock.now += IDLE_S / 2
        if clock.now < LASTS_S:
            assert sessions.find(cookie) is not None
    clock.now = LASTS_S
    assert sessions.find(cookie) is None


def test_those_used_least_give_way(sessions: Sessions) -> None:
    first, second = sessions.begin(TOKEN), sessions.begin(TOKEN)
    for number in range(MAX_SESSIONS - 2):
        sessions.begin(replace(TOKEN, id=f"other {number // MAX_OF_TOKEN}"))
    assert sessions.find(first) is not None
    sessions.begin(BY_LINK)
    assert len(sessions) == MAX_SESSIONS
    assert sessions.find(second) is None
    assert sessions.find(first) is not None


def test_whoever_has_a_token_ends_no_session_of_others(sessions: Sessions) -> None:
    others = sessions.begin(BY_LINK)
    first, second = sessions.begin(TOKEN), sessions.begin(TOKEN)
    assert sessions.find(first) is not None
    for _ in range(MAX_SESSIONS):
        sessions.begin(TOKEN)
    assert len(sessions) == MAX_OF_TOKEN + 1
    assert sessions.find(others) is not None
    assert sessions.find(first) is sessions.find(second) is None


def test_a_csrf_token_is_for_one_cookie(sessions: Sessions) -> None:
    one, other = sessions.fresh(), sessions.fresh()
    assert one != other
    assert sessions.is_csrf(one, sessions.csrf(one))
    assert not sessions.is_csrf(other, sessions.csrf(one))
    assert not sessions.is_csrf("", sessions.csrf(""))
    assert not Sessions(lambda token: token).is_csrf(one, sessions.csrf(one))


def test_notices_are_bounded(sessions: Sessions) -> None:
    found = sessions.find(sessions.begin(TOKEN))
    assert found is not None
    for number in range(100):
        found[0].note("good", str(number))
    assert [notice.text for notice in found[0].take_notices()] == ["95", "96", "97", "98", "99"]
    assert found[0].take_notices() == []


def test_all_of_them_and_the_end_of_one(sessions: Sessions, clock: Clock) -> None:
    first, second = sessions.begin(TOKEN, "192.0.2.1"), sessions.begin(BY_LINK)
    clock.now = 60
    sessions.find(first)
    rows = sessions.all()
    assert [(row.token, row.began_s, row.used_s) for row in rows] == [
        (TOKEN, 60, 0),
        (BY_LINK, 60, 60),
    ]
    assert rows[0].session.address == "192.0.2.1"
    ended = sessions.end_of(rows[1].session.id)
    assert ended is not None
    assert ended.ended
    assert sessions.find(second) is None
    assert sessions.end_of(rows[1].session.id) is None
    # The id is of no use in a cookie.
    assert sessions.find(rows[0].session.id) is None
    clock.now += IDLE_S
    assert sessions.all() == []
    assert len(sessions) == 0
