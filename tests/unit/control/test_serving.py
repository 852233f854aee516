from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.control import serving as serving_module
from acpublish.fleet.fleet_rules import FleetRule
from acpublish.fleet.progress import Outcome, Part
from acpublish.release.decision import Rule, Verdict
from acpublish.wire import Mode
from tests.unit.control.making import PRODUCT, RELEASES, Fleet, document
from tests.unit.fleet.making import digest, mac, report
from tests.unit.store.making import opened

KEY = f"{PRODUCT}/{mac(1)}"
#: What a device that has never been updated reports.
OLD = "0.5.0"


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Fleet]:
    """A fleet that knows three devices, with a rollout to all of them and a store."""
    fleet = Fleet()
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        for number in (1, 2, 3):
            fleet.known(number)
        fleet.clocks.pass_(1)
        fleet.follow(document(5, "2.0.0", of_policy={"halt": "2"}))
        yield fleet


def test_only_devices_are_known() -> None:
    fleet = Fleet()
    assert fleet.ask(report(number=1, updater=False)) is None
    assert fleet.ask(report(number=None), address=None) is None
    assert len(fleet.state) == 0
    nameless = fleet.known(report(number=None))
    assert nameless.device.mac is None
    assert fleet.known(report(number=None)).device is nameless.device
    assert fleet.known(report(number=None), address="10.0.0.2").device is not nameless.device


def test_a_device_gets_the_rolling_release_once_it_is_stored(rolling: Fleet) -> None:
    fleet = rolling
    case = fleet.known(1)
    assert case.decision.verdict is Verdict.OFFER
    assert case.decided.choice.live is fleet.live
    future = fleet.serving.offered(case)
    assert future is not None
    future.result(5)
    assert fleet.serving.part(case) == fleet.live.progress.get(KEY)
    fleet.end(case)
    part = fleet.serving.part(case)
    assert part is not None
    assert part.counts
    assert fleet.known(1, "2.0.0").decision.verdict is Verdict.UP_TO_DATE
    assert fleet.live.progress.in_all.running == 1


def test_whatever_counts_offers_nothing_without_a_store_and_the_rest_does() -> None:
    fleet = Fleet()
    settled = fleet.known(1, OLD)
    assert settled.decision.verdict is Verdict.OFFER
    assert fleet.serving.offered(settled) is None
    fleet.end(settled)
    fleet.follow(document(5, "2.0.0"))
    for version in ("1.0.0", OLD):
        case = fleet.known(2, version)
        assert (case.decision.verdict, case.decided.rule) == (
            Verdict.UP_TO_DATE,
            FleetRule.STORE_AWAY,
        )


def test_the_check_in_that_crosses_the_threshold_gets_no_offer(rolling: Fleet) -> None:
    fleet = rolling
    for number in (1, 2):
        case = fleet.known(number)
        assert fleet.serving.offered(case) is not None
        fleet.end(case)
    assert fleet.known(1).decision.verdict is Verdict.UP_TO_DATE
    assert fleet.live.rollout.is_open
    case = fleet.known(2)
    assert fleet.live.rollout.state == "halted"
    assert case.decision.verdict is Verdict.UP_TO_DATE
    assert fleet.known(3).decided.rule is FleetRule.HALTED


def test_an_offer_that_cannot_be_stored_is_taken_back(rolling: Fleet) -> None:
    fleet = rolling
    live = fleet.live
    live.progress.chosen = {KEY: 0}
    case = fleet.known(1)
    before = fleet.serving.part(case)
    assert before is None
    fleet.serving.offered(case)
    fleet.serving.taken_back(case, before, fleet.serving.part(case))
    assert live.progress.in_all.offered == 0
    assert live.progress.get(KEY) is None
    assert live.progress.chosen == {KEY: 0}, "its stage still reaches it"
    assert [note.became for note in case.device.offers] == ["not sent"]
    assert fleet.known(1).decision.verdict is Verdict.OFFER


@pytest.mark.parametrize("drained", [True, False])
def test_the_way_back_keeps_the_part_of_a_device_in_the_store(
    drained: bool, tmp_path: Path
) -> None:
    fleet = Fleet()
    with opened(tmp_path) as store:
        fleet.state.use(store, store.load())
        for number in (1, 2):
            fleet.known(number)
        fleet.clocks.pass_(1)
        policy = {"halt": "1", "on_halt": "order-back", "at_once": True}
        fleet.follow(document(5, "2.0.0", of_policy=policy))
        for number in (1, 2):
            case = fleet.known(number)
            fleet.serving.offered(case)
            fleet.end(case)
        fleet.known(1, "2.0.0")
        assert fleet.known(2).decided.rule is FleetRule.HALTED
        back = fleet.known(1, "2.0.0")
        assert back.decided.choice.back
        fleet.serving.offered(back)
        fleet.end(back, drained=drained, sent_bytes=1000 if drained else 10)
        store.written().result(20)
        (stored,) = store.load().lives
        assert stored.progress.get(KEY) == fleet.live.progress.get(KEY) is not None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_offers_at_once_that_cannot_be_stored_leave_nothing(
    order: tuple[int, int], rolling: Fleet
) -> None:
    fleet = rolling
    made: list[tuple[Part | None, Part | None]] = []
    cases = []
    for _ in range(2):
        case = fleet.known(1)
        before = fleet.serving.part(case)
        fleet.serving.offered(case)
        made.append((before, fleet.serving.part(case)))
        cases.append(case)
    for at in order:
        fleet.serving.taken_back(cases[at], *made[at])
    assert fleet.live.progress.get(KEY) is None
    assert fleet.live.progress.in_all.offered == 0


def test_one_that_was_judged_meanwhile_stays_judged(rolling: Fleet) -> None:
    fleet = rolling
    case = fleet.known(1)
    fleet.serving.offered(case)
    offered = fleet.serving.part(case)
    fleet.known(1, "2.0.0")
    fleet.serving.taken_back(case, None, offered)
    part = fleet.live.progress.get(KEY)
    assert part is not None
    assert part.outcome is Outcome.RUNNING


def test_the_ranges_of_an_image_are_one_delivery(rolling: Fleet) -> None:
    fleet = rolling
    for number in range(4):
        case = fleet.known(1)
        assert fleet.serving.offered(case) is not None
        assert fleet.live.progress.in_all.delivered == 0
        fleet.end(case, 250, first_byte=250 * number)
    counts = fleet.live.progress.in_all
    assert (counts.offered, counts.delivered) == (1, 1)
    assert [note.became for note in case.device.offers] == ["whole"]
    assert case.device.box.whole == 0


def test_ranges_of_another_image_begin_anew() -> None:
    fleet = Fleet()
    for sha256, first, whole in (("a", 0, 0), ("b", 500, 0), ("a", 0, 0), ("a", 500, 1)):
        case = fleet.known(1, OLD)
        fleet.serving.offered(case)
        fleet.end(case, 500, file_sha256=sha256 * 64, first_byte=first)
        assert case.device.box.whole == whole


def test_a_download_by_ranges_that_begins_anew_is_not_whole(rolling: Fleet) -> None:
    fleet = rolling
    # Twice it got as far as 800 bytes of 1000; then it asks for what it has got once more.
    for first, size in ((0, 500), (500, 300), (0, 500), (500, 300), (100, 700), (900, 100)):
        case = fleet.known(1)
        fleet.serving.offered(case)
        fleet.end(case, size, first_byte=first)
    assert fleet.live.progress.in_all.delivered == 0
    # So it is no failure that it still runs the old release.
    assert fleet.known(1).decision.verdict is Verdict.OFFER
    assert fleet.live.progress.in_all.failed == 0
    fleet.serving.offered(case)
    fleet.end(case, 200, first_byte=800)
    assert fleet.live.progress.in_all.delivered == 1


def test_a_broken_download_is_neither_success_nor_failure(rolling: Fleet) -> None:
    fleet = rolling
    case = fleet.known(1)
    fleet.serving.offered(case)
    fleet.end(case, 400, drained=False)
    counts = fleet.live.progress.in_all
    assert (counts.offered, counts.delivered, counts.failed) == (1, 0, 0)
    assert fleet.known(1).decision.verdict is Verdict.OFFER


def test_a_response_without_the_file_counts_against_nobody() -> None:
    fleet = Fleet(max_offers=1)
    case = fleet.known(1, OLD)
    fleet.serving.offered(case)
    box = case.device.box
    fleet.end(case, 0, drained=False, answered=False)
    assert case.device.box == box
    assert fleet.known(2, OLD).decision.verdict is Verdict.OFFER


def test_head_and_the_version_alone_are_no_offers() -> None:
    fleet = Fleet(max_offers=0)
    case = fleet.known(1, OLD, installs=False)
    assert case.decision.verdict is Verdict.OFFER
    assert fleet.known(1, OLD).decision.rule is Rule.WITHHELD
    # Neither is among the turns that a device has to wait for.
    for _ in range(10):
        fleet.known(2, OLD, installs=False)
    assert fleet.known(2, OLD).decision.rule is Rule.WITHHELD


def test_too_many_offers_at_a_time_wait_for_their_turn_but_not_for_ever() -> None:
    fleet = Fleet(max_offers=2)
    cases = [fleet.known(number, OLD) for number in (1, 2)]
    for case in cases:
        fleet.serving.offered(case)
    turns = 0
    while (case := fleet.known(3, OLD)).decision.verdict is not Verdict.OFFER:
        assert "2 devices are being updated" in case.decision.reason
        turns += 1
    assert turns == 5
    fleet.serving.offered(case)
    fleet.end(case)
    # After an offer the waiting begins anew, and whoever has ended makes room.
    assert fleet.known(4, OLD).decision.verdict is not Verdict.OFFER
    for ended in cases:
        fleet.end(ended)
    assert fleet.known(5, OLD).decision.verdict is Verdict.OFFER


def test_who_has_got_a_real_part_by_ranges_goes_on_with_it() -> None:
    fleet = Fleet(max_offers=1)

    def gets(number: int, size: int) -> None:
        case = fleet.known(number, OLD)
        fleet.serving.offered(case)
        fleet.end(case, size)

    # One byte of 1000 does not count as a part of a download; an eighth does.
    gets(1, 1)
    gets(2, 125)
    fleet.serving.offered(fleet.known(3, OLD))
    assert fleet.known(1, OLD).decision.verdict is not Verdict.OFFER
    assert fleet.known(2, OLD).decision.verdict is Verdict.OFFER
    # So it is not for ever either.
    fleet.clocks.pass_(601)
    assert fleet.known(2, OLD).decision.verdict is not Verdict.OFFER


def test_one_address_leaves_room_for_others() -> None:
    fleet = Fleet(max_offers=8)
    cases = []
    while (case := fleet.known(len(cases), OLD)).decision.verdict is Verdict.OFFER:
        cases.append(case)
        fleet.serving.offered(case)
    assert len(cases) == 6
    assert fleet.known(50, OLD, address="10.0.0.2").decision.verdict is Verdict.OFFER
    # Behind a proxy there are many.
    fleet.state.newcomers.shared = lambda address: True
    assert fleet.known(51, OLD).decision.verdict is Verdict.OFFER
    fleet.state.newcomers.shared = lambda address: False
    for ended in cases:
        fleet.end(ended)
    assert fleet.known(52, OLD).decision.verdict is Verdict.OFFER
    assert not fleet.serving._of_address


def test_a_network_of_ipv6_is_one_address() -> None:
    fleet = Fleet(max_offers=4)
    verdicts = []
    for number in range(4):
        case = fleet.known(number, OLD, address=f"2001:db8::{number}")
        verdicts.append(case.decision.verdict)
        if verdicts[-1] is Verdict.OFFER:
            fleet.serving.offered(case)
    assert verdicts.count(Verdict.OFFER) == 3
    other = fleet.known(9, OLD, address="2001:db8:0:1::1")
    assert other.decision.verdict is Verdict.OFFER


def test_nobody_waits_for_ever_however_many_wait() -> None:
    fleet = Fleet(max_offers=0, capacity=300)
    fleet.state.newcomers.shared = lambda address: True
    verdicts = []
    for _ in range(6):
        verdicts.append([fleet.known(number, OLD).decision.verdict for number in range(300)])
    assert all(verdict is not Verdict.OFFER for verdict in verdicts[4])
    assert all(verdict is Verdict.OFFER for verdict in verdicts[5])


def test_whoever_has_a_part_of_the_image_goes_on() -> None:
    fleet = Fleet(max_offers=1)
    case = fleet.known(1, OLD)
    fleet.serving.offered(case)
    fleet.end(case, 400)
    fleet.serving.offered(fleet.known(2, OLD))
    assert fleet.known(3, OLD).decision.verdict is not Verdict.OFFER
    assert fleet.known(1, OLD).decision.verdict is Verdict.OFFER


def test_what_is_remembered_of_downloads_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "_MAX_RANGES", 10)
    fleet = Fleet()
    for number in range(100):
        case = fleet.known(number, OLD)
        fleet.serving.offered(case)
        fleet.end(case, 10)
    assert len(fleet.serving._ranges) <= 10


def test_an_offer_whose_delivery_was_lost_is_completed_when_the_device_runs_it(
    rolling: Fleet, tmp_path: Path
) -> None:
    fleet = rolling
    case = fleet.known(1)
    future = fleet.serving.offered(case)
    assert future is not None
    future.result(5)
    assert fleet.state.store is not None
    fleet.state.store.close()
    again = Fleet()
    with opened(tmp_path) as store:
        again.state.use(store, store.load())
        again.follow(document(5, "2.0.0"))
        again.known(1, "2.0.0")
        counts = again.live.progress.in_all
        assert (counts.offered, counts.delivered, counts.running) == (1, 1, 1)


def test_what_keeps_a_device_from_its_update_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fleet = Fleet()
    said = report("9.0.0", number=1, sketch_md5="e" * 32)
    for _ in range(3):
        fleet.known(said)
        # Sketches ask for the filesystem, too.
        fleet.known(said._replace(mode=Mode.FILESYSTEM))
    assert caplog.text.count(KEY) == 1


def test_a_file_by_its_name_makes_a_device_known_and_keeps_its_channel() -> None:
    fleet = Fleet()
    case = fleet.known(1, channel="beta")
    request = case.request._replace(channel="", report=report("2.0.0", number=1))
    fleet.serving.seen(request, PRODUCT, RELEASES)
    assert (case.device.channel, case.device.runs) == ("beta", "2.0.0")
    fleet.serving.seen(request._replace(report=report(number=2)), PRODUCT, RELEASES)
    assert fleet.state.device(f"{PRODUCT}/{mac(2)}") is not None
    fleet.serving.seen(request._replace(report=report(updater=False)), PRODUCT, RELEASES)
    assert len(fleet.state) == 2


def test_who_shares_a_decision() -> None:
    fleet = Fleet(max_offers=0)
    assert fleet.known(1).shared
    assert not fleet.known(2, OLD).shared
    case = fleet.known(3, OLD)
    assert case.decision.rule is Rule.WITHHELD
    assert not case.shared
    assert case.device.report.sketch_md5 == digest(OLD)
