from __future__ import annotations

import pytest

from acpublish.control import newcomers
from acpublish.control.newcomers import Newcomers
from acpublish.fleet.moments import DAY_S, HOUR_S, Moment
from tests.unit.fleet.making import START, device


def admitted(limited: Newcomers, address: str | None, count: int, at: float = START) -> int:
    return sum(limited.admits(address, at) for _ in range(count))


@pytest.mark.parametrize(("capacity", "limit"), [(10, 1000), (10_000, 1000), (100_000, 10_000)])
def test_an_address_may_add_a_tenth_of_the_capacity_in_an_hour(capacity: int, limit: int) -> None:
    limited = Newcomers(capacity)
    for address in ("10.0.0.1", "10.0.0.2", None):
        assert admitted(limited, address, limit + 5) == limit
        assert admitted(limited, address, 5, START + HOUR_S - 1) == 0
    assert admitted(limited, "10.0.0.1", limit + 5, START + HOUR_S) == limit


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    limited = Newcomers(0)
    assert admitted(limited, "10.0.0.1", 2000) == 1000
    assert admitted(limited, "10.0.0.1", 2000, START - DAY_S) == 1000
    assert admitted(limited, "10.0.0.1", 2000, -5.0) == 1000


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8:0:0:ffff::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("not:an:address", "not:another", False),
        ("10.0.0.1", "10.0.0.2", False),
    ],
)
def test_a_network_of_a_single_host_counts_as_one_address(one: str, other: str, same: bool) -> None:
    limited = Newcomers(0)
    assert admitted(limited, one, 1000) == 1000
    assert admitted(limited, other, 1) == (0 if same else 1)


def test_the_address_of_a_proxy_has_no_limit() -> None:
    limited = Newcomers(0)
    limited.shared = {"10.0.0.9"}.__contains__
    assert admitted(limited, "10.0.0.9", 5000) == 5000
    assert admitted(limited, None, 5000) == 1000


def test_what_is_remembered_of_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newcomers, "_MAX_ADDRESSES", 50)
    limited = Newcomers(0)
    for number in range(500):
        limited.admits(f"10.0.{number >> 8}.{number & 255}", START)
    assert len(limited._added) <= 50


def test_who_may_be_forgotten() -> None:
    now = Moment(START + 40 * DAY_S, 0.0)
    often, seldom = device(seen=39 * 24), device(seen=9 * 24)
    assert not Newcomers.may_forget(often, now)
    assert Newcomers.may_forget(seldom, now)
    often.visits = 1
    assert Newcomers.may_forget(often, now)
    # A clock that was set back makes nobody idle.
    assert not Newcomers.may_forget(seldom, Moment(START - 400 * DAY_S, 0.0))
