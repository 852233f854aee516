"""What check-ins, offers and deliveries change, and what a stranger cannot change."""

from __future__ import annotations

from dataclasses import dataclass, field

from acpublish.fleet.advancing import Live, survey
from acpublish.fleet.deciding import FleetDecision, decide
from acpublish.fleet.evidence import (
    checked_in,
    concluded_for,
    delivered,
    offered,
    retried,
)
from acpublish.fleet.fleet_rules import FleetRule
from acpublish.fleet.known_device import Device, device_id, flags, new_device
from acpublish.fleet.moments import Moment
from acpublish.fleet.progress import Outcome, Part
from acpublish.fleet.targets import Targets
from acpublish.release.decision import Verdict
from acpublish.wire import Mode, Report
from tests.unit.fleet.making import ONE, TARGETS, TWO, device, live, mac, moment, report, version
from tests.unit.release.making import md5

OFFER, SAME = Verdict.OFFER, Verdict.UP_TO_DATE


@dataclass(slots=True)
class Server:
    """The order in which a server calls the rules."""

    rolling: Live
    devices: dict[str, Device]
    targets: Targets = TARGETS
    address: str = "10.0.0.1"
    parts: list[Part | None] = field(default_factory=list)

    def asked(
        self,
        said: Report,
        hours: float,
        *,
        address: str | None = None,
        whole: bool | None = True,
    ) -> FleetDecision:
        """Answers a request; ``whole`` is None if the response was lost in a crash."""
        now: Moment = moment(hours)
        address = address or self.address
        key = device_id("lamp", said, address, "agent")
        assert key is not None
        own = self.devices.setdefault(key, new_device(key, now))
        rollouts = [self.rolling]
        checked_in(own, said, address, "d1", "stable", self.targets, rollouts, self.devices, now)
        decided = decide(own, said, self.targets, "d1", "stable", rollouts, now)
        if decided.decision.verdict is OFFER and said.mode is not Mode.VERSION:
            self.parts.append(offered(decided, own, said, now))
            if whole is not None:
                delivered(decided, own, said, address, self.targets, now, whole=whole)
        return decided

    def part(self, number: int = 1) -> Part | None:
        return self.rolling.progress.get(f"lamp/{mac(number)}")

    def outcome(self, number: int = 1) -> Outcome | None:
        part = self.part(number)
        return None if part is None else part.outcome


def server(*numbers: int, stages: str = "100%", halt: str = "1") -> Server:
    made = [device(number) for number in numbers or (1,)]
    rolling = live(stages, at=moment(1), soak="0s", halt=halt)
    survey(rolling, made, moment(1))
    return Server(rolling, {own.id: own for own in made})


def test_an_offer_a_delivery_and_a_device_that_runs_it() -> None:
    fleet = server()
    decided = fleet.asked(report(), 2)
    assert (decided.decision.verdict, decided.rule) == (OFFER, FleetRule.NEWEST)
    [part] = fleet.parts
    assert part is not None
    assert (part.stage, part.offered_at, part.delivered_at) == (0, moment(2).at, None)
    assert fleet.part() is not None
    assert fleet.rolling.progress.awaited == (f"lamp/{mac(1)}",)
    assert fleet.asked(report("2.0.0"), 3).decision.verdict is SAME
    counts = fleet.rolling.progress.in_all
    assert (counts.offered, counts.delivered, counts.running, counts.proven) == (1, 1, 1, 1)
    own = fleet.devices[f"lamp/{mac(1)}"]
    assert (own.runs, own.offers[-1].became, own.unverified) == ("2.0.0", "running", False)


def test_the_check_in_that_crosses_the_threshold_gets_no_offer() -> None:
    fleet = server(1, 2)
    fleet.asked(report(), 2)
    decided = fleet.asked(report(), 3)
    assert (decided.decision.verdict, decided.rule) == (SAME, FleetRule.HALTED)
    assert fleet.rolling.rollout.state == "halted"
    assert fleet.rolling.rollout.reason == f"1 device failed in stage 1: lamp/{mac(1)}"
    assert fleet.asked(report(number=2), 4).decision.verdict is SAME
    # After a restart, the same check-in does not count twice.
    fleet.asked(report(), 5)
    assert fleet.rolling.progress.in_all.failed == 1


def test_one_that_failed_gets_it_again_only_after_a_retry() -> None:
    fleet = server(1, 2, 3, halt="3,100%")
    fleet.asked(report(), 2)
    decided = fleet.asked(report(), 3)
    assert (decided.decision.verdict, decided.rule) == (SAME, FleetRule.PENALTY_BOX)
    own = fleet.devices[f"lamp/{mac(1)}"]
    assert own.offers[-1].became == "runs the old one"
    assert fleet.rolling.progress.in_all.failed == 1
    retried(own, [fleet.rolling])
    assert fleet.rolling.progress.in_all.failed == 0
    assert fleet.asked(report(), 4).decision.verdict is OFFER
    fleet.asked(report("2.0.0"), 5)
    assert fleet.outcome() is Outcome.RUNNING
    counts = fleet.rolling.progress.in_all
    assert (counts.offered, counts.running, counts.failed) == (1, 1, 0)


def test_an_aborted_download_is_neither_and_is_offered_again() -> None:
    fleet = server()
    for hours in range(2, 20):
        assert fleet.asked(report(), hours, whole=False).decision.verdict is OFFER
    counts = fleet.rolling.progress.in_all
    assert (counts.offered, counts.delivered, counts.failed) == (1, 0, 0)


def test_a_delivery_that_was_lost_in_a_crash_is_completed() -> None:
    fleet = server()
    fleet.asked(report(), 2, whole=None)
    fleet.asked(report("2.0.0"), 3)
    part = fleet.part()
    assert part is not None
    assert (part.outcome, part.delivered_at) == (Outcome.RUNNING, moment(3).at)


def test_a_lost_delivery_to_an_encrypted_device_is_completed_as_well() -> None:
    fleet = server()
    fleet.asked(report("1.0.0", sketch_md5=md5("encrypted 1")), 2, whole=None)
    decided = fleet.asked(report("2.0.0", sketch_md5=md5("encrypted 2")), 3)
    assert (decided.decision.verdict, decided.rule) == (SAME, FleetRule.UNVERIFIED)
    assert fleet.outcome() is Outcome.RUNNING


def test_an_encrypted_device_is_served_once_and_shown_as_unverified() -> None:
    fleet = server()
    before = report("1.0.0", sketch_md5=md5("encrypted 1"))
    after = report("2.0.0", sketch_md5=md5("encrypted 2"))
    assert fleet.asked(before, 2).decision.verdict is OFFER
    for hours in range(3, 9):
        decided = fleet.asked(after, hours)
        assert (decided.decision.verdict, decided.rule) == (SAME, FleetRule.UNVERIFIED)
    own = fleet.devices[f"lamp/{mac(1)}"]
    assert (own.runs, own.unverified, flags(own)) == (None, True, ("unverified",))
    assert len(fleet.parts) == 1


def test_one_that_comes_back_with_something_else_is_left_alone() -> None:
    fleet = server()
    fleet.asked(report(), 2)
    decided = fleet.asked(report("1.5.0", sketch_md5=md5("mine")), 3)
    assert (decided.decision.verdict, decided.rule) == (SAME, FleetRule.UNVERIFIED)
    counts = fleet.rolling.progress.in_all
    assert (counts.unrecognised, counts.failed, fleet.rolling.rollout.state) == (1, 0, "running")


def test_one_that_falls_back_later_has_failed() -> None:
    fleet = server()
    fleet.asked(report(), 2)
    fleet.asked(report("2.0.0"), 3)
    fleet.asked(report(), 4)
    assert (fleet.outcome(), fleet.rolling.rollout.state) == (Outcome.OLD, "halted")


def test_a_stranger_who_knows_a_mac_address_halts_nothing() -> None:
    fleet = server(1, 2, 3)
    # It downloads in the name of the device, and then says that it runs the old one.
    fleet.asked(report(), 2, address="10.6.6.6")
    fleet.asked(report(), 3, address="10.6.6.6")
    fleet.asked(report(), 4)
    assert fleet.outcome() is Outcome.OLD
    # It says so after the device itself has downloaded.
    fleet.asked(report(number=2), 2)
    fleet.asked(report(number=2), 3, address="10.6.6.6")
    counts = fleet.rolling.progress.in_all
    assert (fleet.rolling.rollout.state, counts.failed, counts.awaited) == ("running", 0, 0)


def test_forged_devices_halt_nothing_and_are_not_waited_for() -> None:
    fleet = server()
    for number in range(100, 150):
        fleet.asked(report(number=number), 2, address=f"10.6.6.{number}")
        fleet.asked(report(number=number), 3, address=f"10.6.6.{number}")
    counts = fleet.rolling.progress.in_all
    assert (fleet.rolling.rollout.state, counts.failed, counts.awaited) == ("running", 0, 0)


def test_without_a_mac_address_it_is_offered_hourly_and_counts_nowhere() -> None:
    fleet = server()
    said = report(number=None)
    assert fleet.asked(said, 2).decision.verdict is OFFER
    decided = fleet.asked(said, 2.5)
    assert (decided.decision.verdict, decided.rule) == (SAME, FleetRule.PENALTY_BOX)
    assert fleet.asked(said, 3.1).decision.verdict is OFFER
    assert fleet.parts == [None, None]
    assert fleet.rolling.progress.in_all.offered == 0


def test_one_that_runs_it_already_is_evidence_for_its_board() -> None:
    fleet = server()
    fleet.asked(report("2.0.0"), 2)
    assert fleet.rolling.progress.runs_on("d1")
    assert fleet.rolling.progress.in_all.offered == 0
    fleet.asked(report("1.0.0", number=2), 2)
    assert fleet.rolling.progress.in_all.offered == 1
    # Somebody flashes the old one over the serial port: now it is like any other device.
    fleet.asked(report("1.0.0"), 3)
    assert not fleet.rolling.progress.runs_on("d1")
    assert fleet.rolling.progress.in_all.offered == 2


def test_the_box_is_for_offers_outside_rollouts() -> None:
    fleet = server(stages="tag:none,100%")
    said = report("0.5.0")
    for hours in range(2, 5):
        assert fleet.asked(said, hours).decision.verdict is OFFER
    decided = fleet.asked(said, 5)
    assert (decided.decision.verdict, decided.rule) == (SAME, FleetRule.PENALTY_BOX)
    own = fleet.devices[f"lamp/{mac(1)}"]
    assert flags(own) == ("boxed",)
    retried(own, [fleet.rolling])
    assert fleet.asked(said, 6).decision.verdict is OFFER
    assert all(part is None for part in fleet.parts)


def test_a_filesystem_is_sent_once_and_its_rollout_is_judged_by_the_firmware() -> None:
    files = version("2.0.0", kind="filesystem", channels={})
    both = Targets((ONE, TWO.with_image(files.images[0])))
    fleet = server()
    fleet.targets = both
    said = report(mode=Mode.FILESYSTEM)
    assert fleet.asked(said, 2).decision.verdict is OFFER
    decided = fleet.asked(said, 3)
    assert (decided.decision.verdict, decided.rule) == (SAME, FleetRule.UNVERIFIED)
    part = fleet.part()
    assert part is not None
    assert part.delivered_at is None
    assert fleet.asked(report(), 4).decision.verdict is OFFER
    assert fleet.asked(report("2.0.0"), 5).decision.verdict is SAME
    assert fleet.rolling.progress.in_all.running == 1


def test_a_filesystem_alone_is_judged_by_coming_back() -> None:
    files = version("2.0.0", kind="filesystem", channels={})
    fleet = server()
    fleet.targets = Targets((ONE, files))
    assert fleet.asked(report(mode=Mode.FILESYSTEM), 2).decision.verdict is OFFER
    assert fleet.outcome() is Outcome.PENDING
    fleet.asked(report(), 3)
    assert fleet.outcome() is Outcome.RUNNING


def test_an_obstacle_is_news_once() -> None:
    fleet = server(stages="tag:none,100%")
    said = report("0.5.0", free_space=10)
    decided = fleet.asked(said, 2)
    own = fleet.devices[f"lamp/{mac(1)}"]
    assert (decided.decision.verdict, decided.rule) == (Verdict.REFUSE, FleetRule.SPACE)
    assert concluded_for(own, decided)
    assert not concluded_for(own, decided)
    assert flags(own) == ("does-not-fit",)
    assert not concluded_for(own, fleet.asked(report(), 3))
    assert flags(own) == ()


def test_a_device_that_comes_back_with_the_release_is_boxed_no_more() -> None:
    settled = Targets((ONE, version("2.0.0", channels={"stable": 2})))
    fleet = server()
    fleet.targets, fleet.rolling = settled, live(to="3.0.0")
    for hours in (2, 3, 4):
        fleet.asked(report(), hours)
    (own,) = fleet.devices.values()
    assert "boxed" in flags(own)
    fleet.asked(report("2.0.0"), 5)
    assert "boxed" not in flags(own)
