from __future__ import annotations

import pytest

from acpublish.image.model import ReportedDigests
from acpublish.release.decision import Verdict, decide_file, decide_update, newest
from acpublish.release.manifest import Release
from acpublish.wire import NO_REPORT, Mode, Report
from tests.unit.release.making import md5, release, sha256

ONE = release("1.0.0", channels={"stable": 1})
TWO = release("2.0.0", channels={"stable": 2})
BETA = release("3.0.0-rc.1", channels={"beta": 3})
FILES_ONE = release("1.0.0", kind="filesystem")
RUNS_ONE, RUNS_TWO = md5("1.0.0 d1 firmware"), md5("2.0.0 d1 firmware")


def esp(
    mode: Mode = Mode.SKETCH,
    version: str | None = None,
    digest: str | None = None,
    sha: str | None = None,
) -> Report:
    return Report(
        family="esp8266",
        updater=True,
        mode=mode,
        version=version,
        sketch_md5=digest,
        sketch_sha256=sha,
    )


def verdict(report: Report, *releases: Release, channel: str = "stable") -> Verdict:
    decision = decide_update(report, releases, "d1", channel)
    assert decision.reason
    assert (decision.image is None) == (decision.verdict in (Verdict.NOTHING, Verdict.REFUSE))
    return decision.verdict


OFFER, SAME, NOTHING, REFUSE = (
    Verdict.OFFER,
    Verdict.UP_TO_DATE,
    Verdict.NOTHING,
    Verdict.REFUSE,
)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(NO_REPORT, OFFER, id="a browser gets it"),
        pytest.param(esp(), OFFER, id="wire 4: no header is demanded"),
        pytest.param(esp(digest=RUNS_TWO), SAME, id="wire 15: the digest decides"),
        pytest.param(esp(sha=sha256("2.0.0 d1 firmware")), SAME, id="wire 15: sha256, too"),
        pytest.param(esp(digest=RUNS_ONE), OFFER, id="it runs an older one"),
        pytest.param(esp(digest=md5("other")), OFFER, id="it runs something unknown"),
        pytest.param(esp(version="2.0.0", digest=md5("x")), OFFER, id="digest against claim"),
        pytest.param(esp(version="1.0.0", digest=RUNS_TWO), SAME, id="the digest, not the claim"),
        pytest.param(esp(version="2.0.0"), SAME, id="wire 15: a version without a digest"),
        pytest.param(esp(version="v2.0.0"), SAME, id="as git tags are written"),
        pytest.param(esp(version="2.0"), SAME, id="with two numbers"),
        pytest.param(esp(version="1.9.9"), OFFER, id="a lower claim"),
        pytest.param(esp(version="2.0.1"), SAME, id="never lower than claimed"),
        pytest.param(esp(version="V3"), OFFER, id="a claim that is no version"),
        pytest.param(esp(version="3.0.0-RC.1"), SAME, id="claimed in capitals"),
        pytest.param(esp(version="2.1.0-" + "a" * 50), SAME, id="claimed beyond a stamp"),
        pytest.param(esp(version="2.0.1", digest=RUNS_ONE), SAME, id="claimed higher than it runs"),
        pytest.param(
            esp(digest=md5("3.0.0-rc.1 d1 firmware")), SAME, id="runs a higher one of beta"
        ),
        pytest.param(Report(family="esp32", updater=True), REFUSE, id="issue 4: other family"),
        pytest.param(esp(Mode.VERSION), OFFER, id="wire 16: version mode"),
        pytest.param(esp(Mode.VERSION, "2.0.1"), SAME, id="version mode, never lower"),
        pytest.param(esp(Mode.VERSION, "2.0.0", RUNS_TWO), OFFER, id="the version is told"),
        pytest.param(esp(Mode.FILESYSTEM, "1.0.0"), NOTHING, id="no filesystem there"),
    ],
)
def test_firmware(report: Report, expected: Verdict) -> None:
    assert verdict(report, ONE, TWO, BETA) is expected


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(esp(Mode.FILESYSTEM, "0.9.0"), OFFER, id="lower"),
        pytest.param(
            esp(Mode.FILESYSTEM, "0.9.0", RUNS_ONE), OFFER, id="wire 15: digest is no say"
        ),
        pytest.param(esp(Mode.FILESYSTEM), SAME, id="only to a device that reports a version"),
        pytest.param(esp(Mode.FILESYSTEM, digest=RUNS_TWO), SAME, id="a digest is no version"),
        pytest.param(esp(Mode.FILESYSTEM, "1.0.0"), SAME, id="equal"),
        pytest.param(esp(Mode.FILESYSTEM, "1.0.1"), SAME, id="never lower"),
        pytest.param(esp(Mode.FILESYSTEM, "kitchen"), SAME, id="cannot be compared"),
    ],
)
def test_filesystem(report: Report, expected: Verdict) -> None:
    assert verdict(report, TWO, FILES_ONE) is expected


def test_development_filesystems_differ_in_their_build_alone() -> None:
    offered = release("1.2.4-dev.5+gabc.d2222", kind="filesystem")
    assert verdict(esp(Mode.FILESYSTEM, "1.2.4-dev.5+gabc.d1111"), offered) is OFFER
    assert verdict(esp(Mode.FILESYSTEM, "1.2.4-dev.5+gabc.d2222"), offered) is SAME
    assert verdict(esp(Mode.FILESYSTEM, "1.2.4-dev.5"), offered) is SAME


def test_nothing_for_another_board_channel_or_product() -> None:
    assert decide_update(esp(), [ONE], "c3", "stable").verdict is NOTHING
    assert verdict(esp(), ONE, channel="beta") is NOTHING
    assert verdict(esp()) is NOTHING


def test_an_image_of_no_known_family_is_offered() -> None:
    assert verdict(esp(), release("1.0.0", family=None)) is OFFER


def test_the_last_published_is_the_newest_of_a_channel() -> None:
    higher, later = (
        release("2.0.0", channels={"stable": 1}),
        release("1.5.0", channels={"stable": 7}),
    )
    found = newest([later, higher], "d1", "stable")
    assert found is not None
    assert found[0] is later
    assert verdict(esp(version="1.0.0"), higher, later) is OFFER
    assert verdict(esp(digest=md5("2.0.0 d1 firmware")), higher, later) is SAME


class TestFilesByName:
    RUNNING = ReportedDigests(md5s=("a" * 32, "b" * 32), sha256s=("c" * 64,))

    @pytest.mark.parametrize(
        ("report", "expected"),
        [
            (NO_REPORT, OFFER),
            (esp(digest="a" * 32), SAME),
            (esp(digest="b" * 32), SAME),
            (esp(sha="c" * 64), SAME),
            (esp(digest="d" * 32), OFFER),
            (esp(version="1.0.0"), SAME),
            (esp(version="v1.0.0"), SAME),
            (esp(version="1.0.0", digest="d" * 32), OFFER),
            (esp(version="9.0.0"), OFFER),
            (esp(Mode.FILESYSTEM, "1.0.0"), REFUSE),
            (esp(Mode.VERSION, "1.0.0"), OFFER),
            (Report(family="esp32", updater=True), REFUSE),
        ],
    )
    def test_firmware(self, report: Report, expected: Verdict) -> None:
        decision = decide_file(
            report, family="esp8266", kind="firmware", running=self.RUNNING, version="1.0.0"
        )
        assert decision.verdict is expected

    @pytest.mark.parametrize(
        ("report", "expected"),
        [
            (NO_REPORT, OFFER),
            (esp(), REFUSE),
            (esp(Mode.FILESYSTEM), OFFER),
            (esp(Mode.FILESYSTEM, digest="a" * 32), OFFER),
            (esp(Mode.FILESYSTEM, "1.0.0"), SAME),
            (esp(Mode.FILESYSTEM, "0.9.0"), OFFER),
            (esp(Mode.VERSION), OFFER),
        ],
    )
    def test_filesystem(self, report: Report, expected: Verdict) -> None:
        decision = decide_file(
            report, family=None, kind="filesystem", running=ReportedDigests(), version="1.0.0"
        )
        assert decision.verdict is expected

    def test_a_hand_copied_file_of_unknown_kind_is_offered_to_both(self) -> None:
        for report in (esp(), Report(family="esp32", updater=True), esp(Mode.FILESYSTEM, "1")):
            decision = decide_file(report, family=None, kind=None, running=ReportedDigests())
            assert decision.verdict is OFFER

    def test_two_texts_that_are_no_versions_are_not_the_same(self) -> None:
        report = esp(version="kitchen")
        decision = decide_file(
            report, family=None, kind=None, running=ReportedDigests(), version="cellar"
        )
        assert decision.verdict is OFFER

    def test_what_would_ruin_a_device_is_refused_to_devices_only(self) -> None:
        for report, expected in ((esp(), REFUSE), (NO_REPORT, OFFER)):
            decision = decide_file(
                report, family=None, kind=None, running=ReportedDigests(), flashable=False
            )
            assert decision.verdict is expected
