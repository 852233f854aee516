from __future__ import annotations

from dataclasses import replace

import pytest

from acpublish.image.model import ReportedDigests
from acpublish.release.decision import (
    Decision,
    Rule,
    Verdict,
    choose,
    decide_file,
    decide_update,
    kind_wanted,
)
from acpublish.release.manifest import Release
from acpublish.wire import NO_REPORT, Family, Mode, Report, read_report
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


def decided(
    report: Report, *releases: Release, board: str = "d1", channel: str = "stable"
) -> Decision:
    target = choose(releases, board, channel, kind_wanted(report))
    return decide_update(report, releases, target, board=board, channel=channel)


def verdict(report: Report, *releases: Release, channel: str = "stable") -> Verdict:
    decision = decided(report, *releases, channel=channel)
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
        pytest.param(esp(Mode.FILESYSTEM, "kitchen"), OFFER, id="uncomparable is older"),
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
    assert decided(esp(), ONE, board="c3").verdict is NOTHING
    assert verdict(esp(), ONE, channel="beta") is NOTHING
    assert verdict(esp()) is NOTHING


def test_an_image_of_no_known_family_is_offered() -> None:
    assert verdict(esp(), release("1.0.0", family=None)) is OFFER


def test_the_last_published_is_the_newest_of_a_channel() -> None:
    higher, later = (
        release("2.0.0", channels={"stable": 1}),
        release("1.5.0", channels={"stable": 7}),
    )
    target = choose([later, higher], "d1", "stable")
    assert target is not None
    assert target.release is later
    assert verdict(esp(version="1.0.0"), higher, later) is OFFER
    assert verdict(esp(digest=md5("2.0.0 d1 firmware")), higher, later) is SAME


class TestRules:
    """Each reason has a rule of its own, which code can read instead of the sentence."""

    @pytest.mark.parametrize(
        ("report", "releases", "expected"),
        [
            (esp(), [], Rule.NO_TARGET),
            (Report(family="esp32", updater=True), [ONE], Rule.OTHER_FAMILY),
            (esp(version="2.0.0"), [ONE], Rule.LOWER_THAN_REPORTED),
            (esp(digest=md5("3.0.0-rc.1 d1 firmware")), [ONE, BETA], Rule.LOWER_THAN_RUNNING),
            (esp(version="9.0.0", digest=md5("x")), [ONE, TWO], Rule.NEVER_UPDATED),
            (esp(version="9.0.0", sha=sha256("x")), [ONE, TWO], Rule.NEVER_UPDATED),
            (esp(version="9.0.0", digest=RUNS_ONE), [ONE, TWO], Rule.LOWER_THAN_REPORTED),
            (esp(version="2.5.0", digest=md5("x")), [TWO, BETA], Rule.LOWER_THAN_REPORTED),
            (esp(Mode.FILESYSTEM, "9.0.0", md5("x")), [FILES_ONE], Rule.LOWER_THAN_REPORTED),
            (esp(digest=RUNS_ONE), [ONE], Rule.SAME_DIGEST),
            (esp(version="1.0.0"), [ONE], Rule.SAME_VERSION),
            (esp(Mode.FILESYSTEM), [FILES_ONE], Rule.FILESYSTEM_VERSION_MISSING),
            (esp(Mode.FILESYSTEM, "kitchen"), [FILES_ONE], Rule.NEWEST_ON_CHANNEL),
            (esp(Mode.FILESYSTEM, "1.0.0"), [FILES_ONE], Rule.SAME_FILESYSTEM),
            (esp(digest=RUNS_ONE), [ONE, TWO], Rule.NEWEST_ON_CHANNEL),
        ],
    )
    def test_of_an_update(self, report: Report, releases: list[Release], expected: Rule) -> None:
        assert decided(report, *releases).rule is expected

    @pytest.mark.parametrize(
        ("report", "flashable", "expected"),
        [
            (esp(), False, Rule.NOT_FLASHABLE),
            (Report(family="esp32", updater=True), True, Rule.OTHER_FAMILY),
            (esp(Mode.FILESYSTEM), True, Rule.OTHER_KIND),
            (esp(digest="a" * 32), True, Rule.SAME_DIGEST),
            (esp(version="1.0.0"), True, Rule.SAME_VERSION),
            (NO_REPORT, True, Rule.REQUESTED_BY_NAME),
        ],
    )
    def test_of_a_file(self, report: Report, flashable: bool, expected: Rule) -> None:
        decision = decide_file(
            report,
            family="esp8266",
            kind="firmware",
            running=ReportedDigests(md5s=("a" * 32,)),
            version="1.0.0",
            flashable=flashable,
        )
        assert decision.rule is expected

    def test_of_a_filesystem_file(self) -> None:
        decision = decide_file(
            esp(Mode.FILESYSTEM, "1.0.0"),
            family=None,
            kind="filesystem",
            running=ReportedDigests(),
            version="1.0.0",
        )
        assert decision.rule is Rule.SAME_FILESYSTEM


def test_a_target_is_chosen_by_kind_board_and_channel() -> None:
    releases = [ONE, TWO, BETA, FILES_ONE]
    for channel, kind, expected in (
        ("stable", "firmware", TWO),
        ("beta", "firmware", BETA),
        ("stable", "filesystem", FILES_ONE),
        ("beta", "filesystem", None),
    ):
        target = choose(releases, "d1", channel, kind)  # type: ignore[arg-type]
        assert (target.release if target else None) is expected
        assert target is None or target.image is target.release.images[0]
    assert choose(releases, "d2", "stable") is None


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

    def test_a_gateway_gets_the_image_of_the_other_family(self) -> None:
        gateway = read_report([(b"user-agent", b"ESP8266HTTPClient")])
        decision = decide_file(
            gateway, family="esp32", kind="firmware", running=ReportedDigests(), version="1.0.0"
        )
        assert decision.verdict is OFFER

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


class TestWhatADeviceWillRefuse:
    """It is offered all the same, so that the device reports the error; the reason says it."""

    @staticmethod
    def sized(flash_size: str | None, size: int = 1000, family: Family = "esp8266") -> Release:
        made = release("1.0.0", family=family)
        return replace(made, images=(replace(made.images[0], flash_size=flash_size, size=size),))

    @pytest.mark.parametrize("family", ["esp8266", "esp32"])
    def test_too_little_space(self, family: Family) -> None:
        report = esp()._replace(family=family, free_space=235_999)
        made = self.sized(None, 400_001, family)
        decision = decided(report, made)
        assert (decision.verdict, decision.rule) == (OFFER, Rule.DOES_NOT_FIT)
        assert decision.reason == (
            "1.0.0 does not fit: the device has 235 kB free, the image needs 401 kB"
        )
        exact = decided(report._replace(free_space=400_001), made)
        assert exact.rule is Rule.NEWEST_ON_CHANNEL

    @pytest.mark.parametrize(
        ("chip_size", "flash_size", "words"),
        [
            (1 << 20, "16MB", "1.0.0 is for 16MB of flash, but the device has 1MB, so"),
            (512 << 10, "1MB", "1.0.0 is for 1MB of flash, but the device has 512KB, so"),
            (1 << 20, "1MB", "newest on stable"),
            (4 << 20, "2MB-c1", "newest on stable"),
            (None, "16MB", "newest on stable"),
            (1 << 20, None, "newest on stable"),
        ],
    )
    def test_a_smaller_flash(
        self, chip_size: int | None, flash_size: str | None, words: str
    ) -> None:
        decision = decided(esp()._replace(chip_size=chip_size), self.sized(flash_size))
        assert decision.verdict is OFFER
        assert words in decision.reason
        assert (decision.rule is Rule.FLASH_TOO_SMALL) == words.endswith("so")

    def test_an_esp32_does_not_compare_the_header(self) -> None:
        report = Report(family="esp32", updater=True, chip_size=4 << 20)
        made = self.sized("16MB", family="esp32")
        assert decided(report, made).rule is Rule.NEWEST_ON_CHANNEL

    def test_space_counts_for_sketches_only(self) -> None:
        report = esp(Mode.FILESYSTEM, "0.9.0")._replace(free_space=1, chip_size=1)
        assert decided(report, FILES_ONE).rule is Rule.NEWEST_ON_CHANNEL

    @pytest.mark.parametrize(("compressed", "expected"), [(False, OFFER), (True, REFUSE)])
    def test_a_file_by_its_name(self, compressed: bool, expected: Verdict) -> None:
        decision = decide_file(
            esp()._replace(chip_size=1 << 20),
            family="esp8266",
            kind="firmware",
            running=ReportedDigests(),
            flash_size="4MB",
            compressed=compressed,
        )
        assert (decision.verdict, decision.rule) == (expected, Rule.FLASH_TOO_SMALL)
        assert "requested by name, but the image is for 4MB of flash" in decision.reason
