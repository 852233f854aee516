"""Which release a device should run: what the table of decisions does not show."""

from __future__ import annotations

from acpublish.fleet.advancing import Live
from acpublish.fleet.choosing import Choice, choose, why_kept_back
from acpublish.fleet.fleet_rules import FleetRule
from acpublish.fleet.known_device import Device
from acpublish.fleet.policy import Policy
from acpublish.fleet.rollout import paused
from tests.unit.fleet.making import TARGETS, changed, device, live, moment


def chosen(own: Device, *rollouts: Live) -> Choice:
    return choose(own, own.report, TARGETS, "d1", "stable", rollouts, moment(1))


def test_devices_in_the_same_place_get_the_same_choice() -> None:
    """So what was decided on it can be remembered, and a check costs no more than without."""
    rolling = live("tag:a,100%")
    first, second = device(1), device(2)
    assert chosen(first, rolling) is chosen(second, rolling)
    tagged = device(3, tags=frozenset({"a"}))
    assert chosen(tagged, rolling) is not chosen(first, rolling)
    assert chosen(tagged, rolling) is chosen(device(4, tags=frozenset({"a"})), rolling)
    before = chosen(first, rolling)
    rolling.rollout = paused(rolling.rollout, "lunch")
    after = chosen(first, rolling)
    assert (before.rule, after.rule) == (FleetRule.RING, FleetRule.HALTED)
    assert after is chosen(second, rolling)


def test_a_device_is_counted_by_the_rollout_that_offers_the_release() -> None:
    rolling = live("100%")
    choice = chosen(device(), rolling)
    assert choice.target is TARGETS.of("2.0.0", "d1")
    assert (choice.live, choice.back, choice.ordered) == (rolling, False, "")
    settled = chosen(device())
    assert settled.target is TARGETS.of("1.0.0", "d1")
    assert settled.live is None


def test_the_words_name_the_window_or_the_start() -> None:
    rollout = live("100%").rollout
    assert "start time" in why_kept_back(rollout, FleetRule.WINDOW, "d1")
    windowed = changed(rollout, policy=Policy.parse("100%", window="02:00-05:00"))
    assert "its window is 02:00-05:00" in why_kept_back(windowed, FleetRule.WINDOW, "d1")
