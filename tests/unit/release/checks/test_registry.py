from __future__ import annotations

from dataclasses import replace

import pytest

from acpublish.errors import CheckError, SettingsError
from acpublish.image.model import Stamp
from acpublish.image.reader import read
from acpublish.image.stamper import stamp
from acpublish.release import names
from acpublish.release.checks.facts import Facts, Severity
from acpublish.release.checks.registry import (
    CHECKS,
    allowed_skips,
    find_check,
    parse_skips,
    raise_errors,
    run,
)
from acpublish.release.manifest import Release
from acpublish.release.names import ImageKind
from acpublish.release.submission import Submission
from acpublish.release.version import Version
from acpublish.wire import MAX_IMAGE_BYTES
from tests.support import images
from tests.unit.release.making import check, release

STAMPED = stamp(images.esp8266_image(), "lamp", "1.0.0")
C3 = stamp(images.esp32_image(), "lamp", "1.0.0")


def submission(
    *, kind: ImageKind = "firmware", chip: str | None = None, board: str = "d1"
) -> Submission:
    return Submission(
        product=names.product("lamp"),
        version=Version.parse("1.0.0"),
        board=names.board(board),
        channel=names.channel("stable"),
        kind=kind,
        chip=chip,
    )


def found(
    data: bytes, wanted: Submission | None = None, releases: tuple[Release, ...] = ()
) -> list[str]:
    return [finding.check for finding in check(read(data), wanted or submission(), releases)]


@pytest.mark.parametrize("data", [STAMPED, C3])
def test_a_stamped_image_passes(data: bytes) -> None:
    assert found(data) == []


def test_an_image_without_a_place_for_a_stamp_draws_a_warning_only() -> None:
    (finding,) = check(read(images.esp8266_image(record=False)), submission(), ())
    assert finding.severity is Severity.WARNING
    assert raise_errors([finding]) == (str(finding),)
    assert "digest" in str(finding)


def test_a_signed_image_without_a_place_for_a_stamp_is_taken_as_it_is() -> None:
    signed = images.signed_esp8266(images.esp8266_image(record=False))
    assert found(signed) == ["unstamped"]


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"", "empty", "the file is empty"),
        (b"hello\n" * 100, "wrong-kind", "not an ESP image"),
        (images.merged_image(), "wrong-kind", "merged factory image"),
        (images.bootloader(), "wrong-kind", "bootloader"),
        (images.gzipped(STAMPED), "wrong-kind", "gzip"),
        (images.littlefs(), "wrong-kind", "--kind filesystem"),
        (images.signed_esp32(images.esp32_image()), "wrong-kind", "signed"),
        (STAMPED[:-20], "damaged", "damaged"),
        (C3[:-100], "damaged", "damaged"),
        (C3[:-1] + bytes([C3[-1] ^ 1]), "damaged", "damaged"),
        (STAMPED[:9000] + bytes([STAMPED[9000] ^ 1]) + STAMPED[9001:], "damaged", "damaged"),
        (images.esp8266_image(), "stamp", "says nothing, not lamp 1.0.0"),
        (stamp(STAMPED, "lamp", "1.0.1"), "stamp", "says lamp 1.0.1, not lamp 1.0.0"),
    ],
)  # fmt: skip
def test_an_error_names_its_check_and_what_to_do(data: bytes, name: str, said: str) -> None:
    with pytest.raises(CheckError) as caught:
        raise_errors(check(read(data), submission(), ()))
    assert caught.value.problem.startswith(f"{name}: ")
    assert said in str(caught.value)
    assert caught.value.hint


def test_a_signed_image_that_was_stamped_before_is_fine() -> None:
    assert found(images.signed_esp32(C3)) == []


def test_a_filesystem() -> None:
    files = submission(kind="filesystem")
    assert found(images.littlefs(), files) == []
    assert found(STAMPED, files) == ["wrong-kind"]
    assert found(images.merged_image(), files) == ["wrong-kind"]
    assert found(b"", files) == ["empty"]


def test_an_image_for_another_chip_than_the_board_has() -> None:
    assert found(C3, submission(chip="esp32c3")) == []
    assert found(C3, submission(chip="esp32")) == ["chip"]
    assert found(STAMPED, submission(chip="esp32")) == ["chip"]


def test_an_image_for_another_chip_than_the_board_had_before() -> None:
    before = (release("0.9.0", chip="esp8266"),)
    assert found(STAMPED, releases=before) == []
    assert found(C3, releases=before) == ["chip"]
    assert found(C3, submission(board="c3"), before) == []


def test_an_unknown_chip_is_no_error() -> None:
    image = stamp(images.esp32_image(chip=99), "lamp", "1.0.0")
    assert read(image).chip == "chip-99"
    assert found(image) == []


def test_what_no_flash_chip_holds() -> None:
    huge = replace(read(STAMPED), size=MAX_IMAGE_BYTES + 1)
    assert huge.stamp == Stamp(product="lamp", version="1.0.0")
    assert [one.check for one in check(huge, submission(), ())] == ["size"]
    largest = replace(huge, size=MAX_IMAGE_BYTES)
    assert check(largest, submission(), ()) == ()


def test_every_check_has_a_name_of_its_own_and_an_explanation() -> None:
    assert len({one.name for one in CHECKS}) == len(CHECKS)
    for one in CHECKS:
        assert find_check(one.name) is one
        assert one.explanation.endswith(".")


def test_a_check_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"no check 'chps'.*empty, wrong-kind, damaged"):
        find_check("chps")


def test_a_check_without_its_facts_says_what_it_lacks() -> None:
    lacks = {one.check.name: one.lacks for one in run(Facts(image=read(STAMPED)))}
    assert lacks["stamp"] == "product and version"
    assert lacks["chip"] == "the board's chip, or an earlier release for the board"
    assert lacks["damaged"] == ""


def test_after_a_decisive_error_nothing_else_is_checked() -> None:
    first, second, *others = run(Facts(image=read(images.merged_image())))
    assert (first.findings, first.lacks) == ((), "")
    assert second.findings
    assert {one.lacks for one in others} == {"an image that passes wrong-kind"}


def test_a_check_that_is_switched_off_gives_the_reason_instead() -> None:
    facts = Facts(image=read(C3), chip="esp32", skipped={"chip": "a trial board"})
    (chip,) = [one for one in run(facts) if one.check.name == "chip"]
    assert (chip.findings, chip.reason) == ((), "a trial board")


def test_what_protects_devices_cannot_be_switched_off() -> None:
    facts = Facts(image=read(C3[:-100]), skipped={"damaged": "it will do"})
    (damaged,) = [one for one in run(facts) if one.check.name == "damaged"]
    assert damaged.findings
    assert {one.name for one in CHECKS if one.protected} == {
        *("empty", "wrong-kind", "damaged", "size", "signature"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "dirty=on the bench\nchip=a = b",
        "\n  dirty = on the bench \n\n chip=a = b",
        "dirty=on the bench; chip=a = b;",
    ],
)
def test_names_and_reasons(text: str) -> None:
    assert parse_skips(text) == {"dirty": "on the bench", "chip": "a = b"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dirt=x", "no check 'dirt'"),
        ("dirty", "without a reason"),
        ("dirty= ", "without a reason"),
        ("damaged=x", "damaged cannot be switched off"),
        ("dirty=" + "x" * 201, "at most 200"),
        ("dirty=a\x1b[2J", "not a single line"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_skips(text)


def test_a_newer_client_may_have_more_checks() -> None:
    assert allowed_skips({"smell": "it is fine"}) == {"smell": "it is fine"}
    for name in ("", "Smell", "a" * 41, "a\nb"):
        with pytest.raises(SettingsError, match="not the name of a check"):
            allowed_skips({name: "x"})
    with pytest.raises(SettingsError, match="more than 50"):
        allowed_skips({f"a{number}": "x" for number in range(51)})
