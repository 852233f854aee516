"""What is known of a device: its id, its gaps, its story, and whether it is silent."""

from __future__ import annotations

import pytest

from acpublish.fleet.known_device import (
    MAX_GAPS,
    MAX_OFFERS,
    OfferNote,
    Pin,
    became,
    device_id,
    flags,
    heard,
    hindered,
    is_silent,
    lately_seen,
    mac_address,
    new_device,
    noted,
    shows_silence,
)
from acpublish.fleet.moments import HOUR_S
from acpublish.fleet.penalty import Box
from acpublish.wire import NO_MAC, NO_REPORT, Mode, Report
from tests.unit.fleet.making import device, mac, moment, report


@pytest.mark.parametrize(
    "text", ["A4:CF:12:00:AB:01", "a4-cf-12-00-ab-01", "a4cf1200ab01", "a4cf.1200.ab01"]
)
def test_a_mac_address_in_any_usual_spelling(text: str) -> None:
    assert mac_address(text) == "a4:cf:12:00:ab:01"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "a4:cf",
        "g4cf1200ab01",
        NO_MAC,
        "a4:cf:12:00:ab:0g",
        "::::::::::::",
        "a4:cf:12:00:ab:012",
        "a4cf1200ab01" * 9,
        "é",
    ],
)
def test_anything_else_is_none(text: str | None) -> None:
    assert mac_address(text) is None


def test_a_device_is_a_product_and_a_mac_address() -> None:
    assert device_id("lamp", report(number=1), "10.0.0.1") == f"lamp/{mac(1)}"
    shouted = report(number=1)._replace(mac=mac(1).upper().replace(":", "-"))
    assert device_id("lamp", shouted, "10.0.0.2") == f"lamp/{mac(1)}"
    assert device_id("door", report(number=1), "10.0.0.1") == f"door/{mac(1)}"


def test_without_one_it_is_an_address_and_a_user_agent() -> None:
    said = report(number=None)
    first = device_id("lamp", said, "10.0.0.1", "agent")
    assert first is not None
    assert first.startswith("lamp/~")
    assert first == device_id("lamp", said._replace(mac="rubbish"), "10.0.0.1", "agent")
    assert first != device_id("lamp", said, "10.0.0.2", "agent")
    assert first != device_id("lamp", said, "10.0.0.1", "another")
    assert new_device(first, moment()).mac is None


@pytest.mark.parametrize(
    ("said", "address"),
    [
        pytest.param(NO_REPORT, "10.0.0.1", id="not an updater"),
        pytest.param(report(number=None), None, id="without an address"),
        pytest.param(report()._replace(mac=NO_MAC), "10.0.0.1", id="a tool"),
    ],
)
def test_others_are_not_devices(said: Report, address: str | None) -> None:
    assert device_id("lamp", said, address) is None


def test_the_longest_gap_is_forgotten_with_the_last_ones() -> None:
    made, hours = new_device(f"lamp/{mac(1)}", moment()), 0
    for gap in (2, 30, 5, *[3] * (MAX_GAPS - 2), 2, 2, 2, 2):
        heard(made, report(), "10.0.0.1", "d1", "stable", moment(hours))
        hours += gap
        assert made.longest_gap_s == max((HOUR_S, *made.gaps))
    assert made.longest_gap_s == 3 * HOUR_S


def test_the_last_gaps_are_kept_in_seconds_of_listening() -> None:
    made = new_device(f"lamp/{mac(1)}", moment())
    for visit in range(30):
        heard(made, report(), "10.0.0.1", "d1", "stable", moment(visit * (visit + 1) / 2))
    assert made.visits == 30
    assert made.gaps == [hours * HOUR_S for hours in range(10, 30)]
    assert len(made.gaps) == MAX_GAPS
    assert made.longest_gap_s == 29 * HOUR_S
    assert (made.first_seen, made.last_seen) == (moment().at, moment(29 * 15).at)


def test_what_is_requested_within_a_minute_is_one_visit() -> None:
    made = new_device(f"lamp/{mac(1)}", moment())
    heard(made, report(), "10.0.0.1", "d1", "stable", moment())
    heard(made, report(), "10.0.0.1", "d1", "stable", moment(24))
    for number in range(100):
        heard(made, report(), "10.0.0.1", "d1", "stable", moment(24 + number * 0.5 / HOUR_S))
    assert made.gaps == [24 * HOUR_S]
    # A device that polls all the time has a visit each minute.
    for number in range(1, 50):
        heard(made, report(), "10.0.0.1", "d1", "stable", moment(24 + number * 10 / HOUR_S))
    assert made.visits == 2 + 490 // 60


def test_another_report_is_news_and_is_cleaned() -> None:
    made = new_device(f"lamp/{mac(1)}", moment())
    said = report("1.0\x1b[31m.0")
    assert heard(made, said, "10.0.0.1", "d1", "stable", moment())
    assert made.report.version == "1.0?[31m.0"
    assert not heard(made, said, "10.0.0.1", "d1", "stable", moment(1))
    assert heard(made, report("2.0.0"), "10.0.0.1", "d1", "beta", moment(2))
    assert (made.board, made.channel) == ("d1", "beta")


def test_a_filesystem_request_does_not_change_what_it_claims() -> None:
    made = device()
    files = report("0.1.0", mode=Mode.FILESYSTEM)
    assert not heard(made, files, "10.0.0.1", "d1", "beta", moment(5))
    assert made.report.version == "1.0.0"
    assert made.channel == "stable"
    assert made.last_heard == moment(5).heard


def test_a_new_address_is_remembered_with_its_time() -> None:
    made = device()
    heard(made, report(), "10.0.0.1", "d1", "stable", moment(2))
    assert made.address_heard == moment(-100).heard
    heard(made, report(), "10.0.0.9", "d1", "stable", moment(3))
    assert (made.address, made.address_heard) == ("10.0.0.9", moment(3).heard)


@pytest.mark.parametrize(
    ("gaps", "hours", "silent"),
    [
        ((HOUR_S,) * 3, 4.0, False),
        ((HOUR_S,) * 3, 4.1, True),
        ((60,) * 3, 4.0, False),
        ((60,) * 3, 4.1, True),
        ((60, 24 * HOUR_S, 60), 95.9, False),
        ((60, 24 * HOUR_S, 60), 96.1, True),
        ((HOUR_S,), 1000.0, False),
    ],
)
def test_silence_is_four_times_the_longest_gap_and_at_least_an_hour(
    gaps: tuple[int, ...], hours: float, silent: bool
) -> None:
    assert is_silent(device(gaps=gaps), moment(hours).heard) is silent


def test_silence_that_does_not_count_is_taken_out() -> None:
    assert not is_silent(device(), moment(10).heard, since=moment(7).heard)
    assert not is_silent(device(said=report(number=None)), moment(100).heard)
    assert not shows_silence(device(said=report(number=None)))


def test_a_device_with_one_check_in_counts_as_seen_for_a_while() -> None:
    assert lately_seen(device(gaps=()), moment(2).heard)
    assert not lately_seen(device(gaps=()), moment(2.1).heard)
    assert lately_seen(device(gaps=(24 * HOUR_S,)), moment(48).heard)


def test_the_story_has_the_last_offers() -> None:
    made = device()
    for number in range(15):
        noted(made, OfferNote(float(number), f"1.{number}.0", "firmware", None))
    assert len(made.offers) == MAX_OFFERS
    # The ranges of a download are one offer.
    noted(made, OfferNote(99.0, "1.14.0", "firmware", None))
    assert len(made.offers) == MAX_OFFERS
    assert made.offers[-1].at == 14.0
    became(made, "1.13.0", "whole")
    became(made, "0.0.1", "whole")
    assert [note.became for note in made.offers[-2:]] == ["whole", "offered"]


def test_an_obstacle_is_said_once() -> None:
    made = device()
    assert hindered(made, "does-not-fit")
    assert not hindered(made, "does-not-fit")
    assert flags(made) == ("does-not-fit",)
    assert not hindered(made, "")
    assert hindered(made, "does-not-fit")


def test_flags_say_what_people_should_know() -> None:
    made = device(
        said=report(number=None),
        pin=Pin("1.0.0"),
        hold=True,
        unverified=True,
        box=Box(whole=3, broken=10),
        name="kitchen",
    )
    assert flags(made) == ("boxed", "held", "no-mac", "no-whole-delivery", "pinned", "unverified")
    assert (made.shown_name, device().shown_name) == ("kitchen", f"lamp/{mac(1)}")
