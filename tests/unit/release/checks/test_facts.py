"""What a check may know, and what it reports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acpublish.image.reader import read
from acpublish.release.checks.facts import (
    Check,
    Facts,
    Finding,
    Result,
    Severity,
    error,
    warning,
)
from acpublish.release.secrets import SecretRules
from tests.unit.release.checks.checking import STAMPED, submission
from tests.unit.release.making import release

IMAGE = read(STAMPED)
CHECK = Check(
    name="smell", severity=Severity.ERROR, explanation="It smells well.", judge=lambda _: ()
)
BAD, ODD = error("smell", "it smells", "Air it."), warning("smell", "it smells odd", "Wait.")


def test_what_is_published_is_what_checks_know() -> None:
    wanted = replace(
        submission(chip="esp8266"), secrets=SecretRules(severity="error"), compress=True
    )
    facts = Facts.of(IMAGE, wanted, [release("0.9.0")])
    assert facts.as_arguments() == wanted.as_arguments()
    assert facts.wanted_stamp == IMAGE.stamp
    assert (facts.secrets_stop, facts.gzip, facts.trusted_keys) == (True, True, None)
    assert facts.stated is not None


@pytest.mark.parametrize("unknown", ["product", "version"])
def test_without_product_and_version_no_stamp_is_wanted(unknown: str) -> None:
    facts = replace(Facts.of(IMAGE, submission(), ()), **{unknown: None})
    assert facts.wanted_stamp is None


def test_earlier_images_are_the_boards_own_and_the_last_published_comes_first() -> None:
    releases = [
        release("1.0.0", channels={"stable": 5}),
        release("1.1.0", channels={"beta": 7}),
        release("1.2.0", channels={"stable": 9}, board="c3"),
        release("1.3.0", channels={"stable": 9}, kind="filesystem"),
        release("1.4.0", channels={}),
    ]
    facts = Facts.of(IMAGE, submission(), releases)
    assert [str(entry[0].version) for entry in facts.earlier()] == ["1.1.0", "1.0.0", "1.4.0"]
    assert Facts(image=IMAGE).earlier() == ()


@pytest.mark.parametrize(
    ("findings", "lacks", "reason", "outcome", "rows"),
    [
        ((), "", "", "ok", [""]),
        ((ODD,), "", "", "warning", ["it smells odd. Wait."]),
        ((ODD, BAD), "", "", "error", ["it smells odd. Wait.", "it smells. Air it."]),
        ((), "a nose", "", "not checked", ["lacks a nose"]),
        ((BAD,), "a nose", "", "error", ["it smells. Air it."]),
        ((), "", "no matter", "skipped", ["no matter"]),
    ],
)
def test_a_result_in_rows(
    findings: tuple[Finding, ...], lacks: str, reason: str, outcome: str, rows: list[str]
) -> None:
    result = Result(check=CHECK, findings=findings, lacks=lacks, reason=reason)
    assert result.outcome == outcome
    assert result.rows() == [(outcome, "smell", text) for text in rows]


def test_a_finding_is_one_line() -> None:
    assert str(BAD) == "smell: it smells. Air it."
