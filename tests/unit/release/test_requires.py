"""What a device must run before it is offered a release."""

from __future__ import annotations

import pytest

from acpublish.errors import VersionError
from acpublish.release.requires import Requirement
from acpublish.release.version import Version


def parsed(*texts: str) -> list[Version]:
    return [Version.parse(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        (">=1.4.0", ["1.4.0", "1.4.1", "2.0.0"], ["1.3.9", "1.4.0-rc.1"]),
        (">1.4", ["1.4.1"], ["1.4.0"]),
        (" >= 1.4.0 , < 2.0.0 ", ["1.4.0", "1.9.9", "2.0.0-rc.1"], ["1.3.0", "2.0.0"]),
        ("==1.4.0", ["1.4.0", "1.4.0+g123"], ["1.4.1"]),
        ("<=1.4.0", ["1.0.0", "1.4.0"], ["1.4.1"]),
        ("<1.0.0", ["0.9.0"], ["1.0.0"]),
        (">=v1.4", ["1.4.0"], ["1.3.0"]),
    ],
)
def test_all_comparisons_must_hold(text: str, yes: list[str], no: list[str]) -> None:
    requirement = Requirement.parse(text)
    assert all(map(requirement.satisfied_by, parsed(*yes)))
    assert not any(map(requirement.satisfied_by, parsed(*no)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.4.0",
        ">=",
        ">=x",
        "=>1.0.0",
        ">=1.4.0,",
        "~=1.0.0",
        ">=1.0.0 <2.0.0",
        "9" * 300,
        ">=1.\n4",
    ],
)
def test_anything_else_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(VersionError) as caught:
        Requirement.parse(text)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [">2.0.0,<1.0.0", "==1.0.0,==2.0.0", ">1.0.0,<1.0.0"])
def test_one_that_nothing_satisfies_is_refused(text: str) -> None:
    with pytest.raises(VersionError, match="no version satisfies"):
        Requirement.parse(text)


def test_of_a_manifest_the_unreadable_is_satisfied_by_nothing() -> None:
    assert Requirement.of(None) is None
    unreadable = Requirement.of("whenever")
    assert unreadable is not None
    assert not unreadable.satisfied_by(Version.parse("99.0.0"))
    assert "requires whenever" in unreadable.unmet(parsed("1.0.0"), None)


@pytest.mark.parametrize(
    ("running", "claim", "words"),
    [
        (["1.4.0"], "0.1.0", ""),
        (["1.0.0", "1.4.0"], None, ""),
        ([], "1.5", ""),
        (["1.3.0"], "9.9.9", "the device runs 1.3.0"),
        ([], "1.3.0", "the device claims 1.3.0"),
        ([], None, "is not known"),
        ([], "rubbish", "is not known"),
    ],
)
def test_the_digest_decides_and_the_claim_only_without_one(
    running: list[str], claim: str | None, words: str
) -> None:
    unmet = Requirement.parse(">=1.4.0").unmet(parsed(*running), claim)
    assert words in unmet
    assert bool(unmet) == bool(words)
