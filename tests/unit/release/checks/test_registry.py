from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.image.reader import read
from acpublish.release.checks.facts import Facts
from acpublish.release.checks.registry import (
    CHECKS,
    allowed_skips,
    find_check,
    parse_skips,
    run,
)
from tests.support import images
from tests.unit.release.checks.checking import C3, STAMPED


def test_every_check_has_a_name_of_its_own_and_an_explanation() -> None:
    assert len({one.name for one in CHECKS}) == len(CHECKS)
    for one in CHECKS:
        assert find_check(one.name) is one
        assert one.explanation.endswith(".")


def test_a_check_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"no check 'chps'.*empty, wrong-kind, damaged"):
        find_check("chps")


def test_a_protected_check_is_not_offered_to_be_switched_off() -> None:
    with pytest.raises(SettingsError, match="no check 'chps'") as caught:
        find_check("chps", skipping=True)
    assert "chip" in caught.value.hint
    assert not any(f" {one.name}," in caught.value.hint for one in CHECKS if one.protected)


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
