from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish.control.fleet_state import FleetState
from acpublish.control.following import follow_snapshot
from acpublish.control.serving import Case, FleetServing
from acpublish.errors import StoreError
from acpublish.fleet.evidence import NEVER_UPDATED
from acpublish.release.decision import Rule, Verdict
from acpublish.server.answer import Answer, Request, text
from acpublish.server.checkins import CheckIn, Delivered
from acpublish.server.fleet_updates import FleetCounts, FleetUpdates
from acpublish.wire import NO_REPORT, Mode
from tests.unit.control.making import ForgetfulStore
from tests.unit.fleet.making import mac
from tests.unit.server.fleet_catalog import TARGET, Catalog
from tests.unit.server.requests_made import request
from tests.unit.store.making import opened

KEY = f"lamp/{mac(1)}"


class DevicePath:
    """The device path of a lamp, without a socket."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.state = FleetState()
        self.needed = 0
        self.updates = FleetUpdates(FleetServing(self.state, 10), self._need)

    def _need(self) -> None:
        self.needed += 1

    def check_in(self, asked: Request) -> Case | None:
        snapshot = self.catalog.snapshot()
        return self.updates.check_in(asked, "lamp", "d1", "stable", snapshot)

    def offered(self, number: int) -> Case:
        case = self.check_in(self.catalog.device(number))
        assert case is not None
        assert case.decision.verdict is Verdict.OFFER
        return case


@pytest.fixture
def lamp(tmp_path: Path) -> DevicePath:
    return DevicePath(Catalog(tmp_path / "catalog"))


@pytest.fixture
def stored(lamp: DevicePath, tmp_path: Path) -> Iterator[DevicePath]:
    """The same with a store, and a release on its way."""
    with opened(tmp_path / "state") as store:
        lamp.state.use(store, store.load())
        lamp.catalog.publish("1.1.0")
        yield lamp


def test_only_devices_need_a_store(lamp: DevicePath) -> None:
    assert lamp.check_in(request(TARGET, report=NO_REPORT)) is None
    assert lamp.needed == 0
    assert lamp.check_in(lamp.catalog.device(1)) is not None
    assert lamp.needed == 1
    lamp.updates.seen(lamp.catalog.device(2), "lamp", "d1", lamp.catalog.snapshot().releases)
    assert lamp.needed == 2
    assert len(lamp.state) == 2


def test_what_another_process_publishes_goes_by_the_policy_at_once(stored: DevicePath) -> None:
    case = stored.offered(1)
    live = case.decided.choice.live
    assert live is not None
    assert live.rollout.version == "1.1.0"


def test_an_older_document_ends_nothing_unless_the_catalog_has_just_said_so(
    stored: DevicePath,
) -> None:
    older = stored.catalog.snapshot()
    stored.offered(1)
    stored.catalog.publish("1.2.0", seed=2)
    stored.offered(1)
    # The device path may look at what it read some milliseconds before.
    follow_snapshot(stored.state, "lamp", older)
    states = {own.version: own.state for own in stored.state.rollouts.values()}
    assert states == {"1.1.0": "superseded", "1.2.0": "running"}
    follow_snapshot(stored.state, "lamp", older, is_current=True)
    states = {own.version: own.state for own in stored.state.rollouts.values()}
    assert states["1.2.0"] == "superseded"


def test_an_offer_is_stored_before_its_first_byte(stored: DevicePath) -> None:
    case = stored.offered(1)
    answers: list[str] = []

    def now() -> Answer:
        assert stored.state.store is not None
        lives = stored.state.store.load().lives
        assert [live.progress.in_all.offered for live in lives] == [1]
        answers.append("sent")
        return text(200, "the image")

    later = stored.updates.offer(case, "1.0.0", now)
    assert not isinstance(later, Answer)
    assert answers == []
    assert asyncio.run(_awaited(later)).status == 200
    assert answers == ["sent"]


async def _awaited(later: object) -> Answer:
    answer = await later  # type: ignore[misc]
    assert isinstance(answer, Answer)
    return answer


def test_an_offer_that_cannot_be_stored_is_not_sent(stored: DevicePath) -> None:
    stored.state.store = ForgetfulStore(StoreError("full", hint="x"))  # type: ignore[assignment]
    case = stored.offered(1)
    later = stored.updates.offer(case, "1.0.0", lambda: text(200, "the image"))
    answer = asyncio.run(_awaited(later))
    assert answer.status == 304
    assert "could not be stored in time" in answer.note
    live = case.decided.choice.live
    assert live is not None
    assert live.progress.in_all.offered == 0


def test_an_offer_that_nobody_counts_waits_for_nothing(lamp: DevicePath) -> None:
    said = lamp.catalog.device(1).report._replace(version="0.5.0", sketch_md5="f" * 32)
    case = lamp.check_in(request(TARGET, report=said))
    assert case is not None
    assert case.decision.verdict is Verdict.OFFER
    assert isinstance(lamp.updates.offer(case, "", lambda: text(200, "x")), Answer)


def test_what_became_of_an_offer_is_noted_once(stored: DevicePath) -> None:
    case = stored.offered(1)
    later = stored.updates.offer(case, "1.0.0", lambda: text(200, "x"))
    asyncio.run(_awaited(later))
    image = case.decision.image
    assert image is not None
    check_in = CheckIn(
        0.0, "192.0.2.7", "GET", case.request.report, "lamp", "d1", "stable", case.decision, case
    )
    stored.updates(check_in)
    stored.updates(
        Delivered(
            check_in=check_in,
            status=200,
            file_bytes=image.size,
            file_sha256=image.sha256,
            sent_bytes=image.size,
            drained=True,
        )
    )
    live = case.decided.choice.live
    assert live is not None
    assert live.progress.in_all.delivered == 1


@pytest.mark.parametrize(
    ("method", "mode"), [("HEAD", Mode.SKETCH), ("GET", Mode.VERSION), ("HEAD", Mode.VERSION)]
)
def test_head_and_the_version_alone_install_nothing(
    method: str, mode: Mode, stored: DevicePath
) -> None:
    said = stored.catalog.device(1).report._replace(mode=mode)
    case = stored.check_in(request(TARGET, method=method, report=said))
    assert case is not None
    assert case.decision.verdict is Verdict.OFFER
    assert not case.request.installs


def test_devices_without_a_mac_address_are_told_apart_by_their_agent(lamp: DevicePath) -> None:
    said = lamp.catalog.device(1).report._replace(mac=None)
    for agent in (b"one", b"two", b"\xff"):
        lamp.check_in(request(TARGET, [(b"user-agent", agent)], report=said))
    assert len(lamp.state) == 3


def test_counts_go_by_what_is_known_of_the_fleet(lamp: DevicePath) -> None:
    counts = FleetCounts(lamp.state)
    assert counts.running("lamp") == []
    assert counts.since.timestamp() > 0
    for number in (1, 2):
        lamp.check_in(lamp.catalog.device(number))
    lamp.check_in(lamp.catalog.device(3, version="1.0.0"))
    device = lamp.state.device(KEY)
    assert device is not None
    device.first_seen = 1000.0
    device.obstacle = NEVER_UPDATED
    other = lamp.state.device(f"lamp/{mac(2)}")
    assert other is not None
    other.unverified = True
    marks = sorted(str(running[-1]) for running in counts.running("lamp"))
    assert marks == sorted(map(str, (None, Rule.NEVER_UPDATED, Rule.RECEIVED_UNVERIFIED)))
    # The digest decides; what a device claims counts only if it received that.
    assert counts.versions(lamp.catalog.catalog) == {("lamp", "1.0.0"): 3}
    other.runs = None
    assert counts.versions(lamp.catalog.catalog) == {("lamp", "1.0.0"): 3}
    other.unverified = False
    assert counts.versions(lamp.catalog.catalog) == {("lamp", "1.0.0"): 2, ("lamp", None): 1}
    assert counts.since.timestamp() == 1000
