"""Which form a device gets: everything that it takes is known, or it is the plain image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acpublish.errors import VersionError
from acpublish.image.model import ReportedDigests
from acpublish.release import names
from acpublish.release.decision import Decision, Verdict, choose, decide_update, kind_wanted
from acpublish.release.gzip_choice import (
    choose_form,
    core,
    core_of_framework,
    inflates,
)
from acpublish.release.manifest import Compressed, Release
from acpublish.wire import NO_REPORT, Mode, Report
from tests.unit.release.making import md5, release, sha256

GZIP = Compressed(size=300_000, md5=md5("gzip"), sha256=sha256("gzip"))
#: 98 sectors of 4 KiB, and 74 for its gzip.
IMAGE_BYTES = 400_000
MODES = tuple(md5(f"1.0.0 as {mode}") for mode in ("dio", "qio", "qout", "dout"))


USUAL: dict[str, Any] = {"flash_mode": "dio", "flash_size": "4MB", "size": IMAGE_BYTES}


def made(version: str, **changes: Any) -> Release:
    one = release(version)
    image = replace(one.images[0], **{**USUAL, **changes})
    return replace(one, images=(image,))


RUNS = made("1.0.0", provenance={"core": "3.1.2"}, running=ReportedDigests(md5s=MODES))
OFFERED = made("2.0.0", compressed=GZIP, channels={"stable": 2})


def device(**changes: Any) -> Report:
    said = Report(
        family="esp8266",
        updater=True,
        sketch_md5=MODES[0],
        sketch_size=380_000,
        free_space=1_000_000,
        chip_size=4 * 1024 * 1024,
    )
    return said._replace(**changes)


def form(report: Report, runs: Release = RUNS, offered: Release = OFFERED) -> str:
    chosen = choose_form(report, [runs, offered], offered.images[0])
    assert (chosen.compressed is None) == chosen.reason.startswith("plain: ")
    assert chosen.compressed in (None, offered.images[0].compressed)
    return chosen.reason


def test_where_all_is_known_and_fits_it_is_the_gzip() -> None:
    assert form(device()) == (
        "compressed: it runs 1.0.0, built with core 3.1.2, and has enough free space"
    )


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (NO_REPORT, "the device is not an ESP8266"),
        (device(family="esp32"), "the device is not an ESP8266"),
        (device(family=None), "the device is not an ESP8266"),
        (device(sketch_md5=None), "the release that the device runs is not known"),
        (device(sketch_md5=md5("else")), "the release that the device runs is not known"),
        (device(sketch_md5=None, version="1.0.0"), "runs is not known"),
        (device(sketch_md5=MODES[1]), "flash modes of the device and the image may differ"),
        (device(chip_size=None), "does not report the size of its flash"),
        (device(chip_size=1024 * 1024), "is for 4MB of flash, more than the device has"),
        (device(sketch_size=None), "does not report how much space"),
        (device(free_space=None), "does not report how much space"),
        (device(free_space=250_000), "has 250000 bytes of free space"),
    ],
)
def test_in_doubt_it_is_the_plain_image(report: Report, words: str) -> None:
    assert words in form(report)


@pytest.mark.parametrize(
    ("core", "words"),
    [
        (None, "the core of 1.0.0, which it runs, is not known"),
        ("2.6.3", "it runs 1.0.0, built with core 2.6.3, older than 2.7"),
        ("new", "it runs 1.0.0, built with core new, older than 2.7"),
    ],
)
def test_the_core_of_the_running_release_counts(core: str | None, words: str) -> None:
    provenance = {} if core is None else {"core": core}
    runs = made("1.0.0", provenance=provenance, running=ReportedDigests(md5s=MODES))
    offered = made("2.0.0", compressed=GZIP, provenance={"core": "3.1.2"})
    assert words in form(device(), runs, offered)


@pytest.mark.parametrize("size", [None, "size-15", "8MB"])
def test_a_flash_size_that_is_larger_or_not_known_is_never_put_into_flash(size: str | None) -> None:
    assert "flash" in form(device(), RUNS, made("2.0.0", compressed=GZIP, flash_size=size))


@pytest.mark.parametrize("mode", [None, "qio"])
def test_another_flash_mode_is_never_put_into_flash(mode: str | None) -> None:
    other = replace(OFFERED, images=(replace(OFFERED.images[0], flash_mode=mode),))
    assert "flash mode" in form(device(), RUNS, other)


def test_the_running_image_must_be_of_the_same_board() -> None:
    runs = replace(RUNS, images=(replace(RUNS.images[0], board=names.board("d2")),))
    assert "not known" in form(device(), runs)


NEEDED = (98 + 74) * 4096


@pytest.mark.parametrize(
    ("free", "fits"),
    [
        (NEEDED - 380_000, True),
        (NEEDED - 380_000 - 1, False),
        (74 * 4096, False),
    ],
)
def test_image_and_gzip_take_whole_sectors(free: int, fits: bool) -> None:
    assert form(device(free_space=free)).startswith("compressed") is fits


@pytest.mark.parametrize(("free", "fits"), [(74 * 4096, True), (74 * 4096 - 1, False)])
def test_the_gzip_itself_must_fit_the_free_space(free: int, fits: bool) -> None:
    large = device(sketch_size=2_000_000, free_space=free)
    assert form(large).startswith("compressed") is fits


def test_without_a_gzip_it_is_the_plain_image() -> None:
    assert "there is no compressed form" in form(device(), RUNS, made("2.0.0"))


def decided(report: Report, *releases: Release, channel: str = "stable") -> Decision:
    target = choose(releases, "d1", channel, kind_wanted(report))
    return decide_update(report, releases, target, board="d1", channel=channel)


def test_a_decision_names_the_form() -> None:
    decision = decided(device(), RUNS, OFFERED)
    assert decision.verdict is Verdict.OFFER
    assert decision.compressed == GZIP
    assert decision.reason == (
        "2.0.0 is the newest on stable; compressed: it runs 1.0.0, built with core 3.1.2, and has "
        "enough free space"
    )
    plain = decided(device(free_space=IMAGE_BYTES, sketch_size=1), RUNS, OFFERED)
    assert (plain.verdict, plain.compressed) == (Verdict.OFFER, None)
    assert plain.reason.startswith("2.0.0 is the newest on stable; plain: ")


def test_only_a_sketch_is_offered_compressed() -> None:
    version = decided(device(mode=Mode.VERSION), RUNS, OFFERED)
    assert version.compressed is None
    same = decided(device(sketch_md5=md5("2.0.0 d1 firmware")), RUNS, OFFERED)
    assert same.verdict is Verdict.UP_TO_DATE
    alone = decided(device(), RUNS, channel="beta")
    assert alone.verdict is Verdict.NOTHING


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("3.30102.0", "3.1.2"),
        ("3.30002.0", "3.0.2"),
        ("3.20704.0", "2.7.4"),
        ("3.20701.0", "2.7.1"),
        ("2.20603.200130", "2.6.3"),
        ("2.20502.0", "2.5.2"),
        ("1.20401.1", "2.4.1"),
        ("3.30102.0+sha.b1a2c3d", "3.1.2"),
        ("3.100001.0", "10.0.1"),
        ("3.1.2", None),
        ("0.0.0-alpha", None),
        ("3.30102", None),
        ("3.30102.0.1", None),
        ("3.30102.01x.2", "3.1.2"),
        ("3.1230102.0", None),
        ("", None),
        ("None", None),
    ],
)
def test_the_core_in_a_framework_package(package: str, expected: str | None) -> None:
    assert core_of_framework(package) == expected


@given(st.text())
def test_any_text_gives_a_result(text: str) -> None:
    found = core_of_framework(text)
    assert found is None or core(found) == found
    inflates(text)


@pytest.mark.parametrize("text", ["2.7.0", "2.7.4", "3.0.0", "3.1.2", "10.0.0"])
def test_these_inflate(text: str) -> None:
    assert inflates(core(text))


@pytest.mark.parametrize("text", ["2.6.3", "2.4.2", "1.0.0", "0.7.0"])
def test_these_do_not(text: str) -> None:
    assert not inflates(core(text))


@pytest.mark.parametrize("text", [None, "", "3", "3.1", "3.1.2-dev", "v3.1.2", "٣.1.2", "3.1.2\n"])
def test_what_is_no_version_is_refused_and_inflates_nothing(text: str | None) -> None:
    assert not inflates(text)
    with pytest.raises(VersionError):
        core(text or "")
