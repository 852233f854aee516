"""Who is not sent again what it has received, and who is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from acpublish.release.decision import (
    Decision,
    Rule,
    Verdict,
    choose,
    decide_update,
    kind_wanted,
)
from acpublish.release.received import RETRY_AFTER_S, Received, after_receiving
from acpublish.wire import Mode, Report
from tests.unit.release.making import md5, release, sha256

ONE = release("1.0.0", channels={"stable": 1})
TWO = release("2.0.0", channels={"stable": 2})
FILES = release("2.0.0", kind="filesystem")
SKETCH = Report(family="esp32", updater=True, version="1.0.0", sketch_md5=md5("encrypted 1"))
FLASHED = SKETCH._replace(version="2.0.0", sketch_md5=md5("encrypted 2"))
FILESYSTEM = SKETCH._replace(mode=Mode.FILESYSTEM)
AT = 1000.0


def reconsidered(
    before: Report, after: Report, *, seconds: float = 60.0, sha: str | None = None
) -> Decision:
    releases = (
        *(replace(one, images=(replace(one.images[0], family=None),)) for one in (ONE, TWO)),
        FILES,
    )
    target = choose(releases, "d1", "stable", kind_wanted(before))
    assert target is not None
    received = Received.of(AT, before, sha or target.image.sha256)
    decision = decide_update(after, releases, target, board="d1", channel="stable")
    assert after_receiving(decision, after, releases, None, AT) is decision
    return after_receiving(decision, after, releases, received, AT + seconds)


def test_an_unknown_digest_with_exactly_the_claim_is_up_to_date_and_unverified() -> None:
    decision = reconsidered(SKETCH, FLASHED)
    assert (decision.verdict, decision.rule) == (Verdict.UP_TO_DATE, Rule.RECEIVED_UNVERIFIED)
    assert "unverified" in decision.reason
    assert reconsidered(SKETCH, FLASHED._replace(version="v2.0")).verdict is Verdict.UP_TO_DATE
    # However long ago that was.
    assert reconsidered(SKETCH, FLASHED, seconds=10**7).verdict is Verdict.UP_TO_DATE


def test_a_device_that_claimed_it_before_is_not_sent_it_in_a_circle() -> None:
    assert reconsidered(FLASHED, FLASHED).rule is Rule.RECEIVED_UNVERIFIED


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(SKETCH, id="it did not install it"),
        pytest.param(SKETCH._replace(version="2.0.0"), id="the same digest as before"),
        pytest.param(FLASHED._replace(version="1.0.0"), id="another claim"),
        pytest.param(FLASHED._replace(version=None), id="no claim"),
        pytest.param(FLASHED._replace(sketch_md5=md5("1.0.0 d1 firmware")), id="a known digest"),
        pytest.param(FLASHED._replace(mode=Mode.VERSION), id="it requests only the version"),
    ],
)
def test_anything_else_is_offered(after: Report) -> None:
    decision = reconsidered(SKETCH, after)
    assert (decision.verdict, decision.rule) == (Verdict.OFFER, Rule.NEWEST_ON_CHANNEL)


def test_what_it_received_must_be_what_is_offered() -> None:
    assert reconsidered(SKETCH, FLASHED, sha=sha256("else")).verdict is Verdict.OFFER


@pytest.mark.parametrize(
    ("claim", "seconds", "expected"),
    [
        ("1.0.0", 60.0, Verdict.UP_TO_DATE),
        ("1.0.0", RETRY_AFTER_S - 1, Verdict.UP_TO_DATE),
        ("1.0.0", RETRY_AFTER_S, Verdict.OFFER),
        ("1.1.0", 60.0, Verdict.OFFER),
        ("kitchen", 60.0, Verdict.OFFER),
    ],
)
def test_a_filesystem_is_sent_once_until_the_claim_changes(
    claim: str, seconds: float, expected: Verdict
) -> None:
    decision = reconsidered(FILESYSTEM, FILESYSTEM._replace(version=claim), seconds=seconds)
    assert decision.verdict is expected
    assert (decision.rule is Rule.FILESYSTEM_RECEIVED) == (expected is Verdict.UP_TO_DATE)


def test_a_claim_that_cannot_be_compared_gets_it_once_too() -> None:
    kitchen = FILESYSTEM._replace(version="kitchen" * 20)
    assert reconsidered(kitchen, kitchen).rule is Rule.FILESYSTEM_RECEIVED
