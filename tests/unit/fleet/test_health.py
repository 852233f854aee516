"""What a device runs after a delivery, and which failures count."""

from __future__ import annotations

import pytest

from acpublish.fleet.health import (
    enough_judged,
    halt_reason,
    is_lost,
    judged,
    known_before,
    outcome_of,
    silence,
)
from acpublish.fleet.known_device import Device
from acpublish.fleet.moments import HOUR_S
from acpublish.fleet.policy import Policy
from acpublish.fleet.progress import Before, Counts, Outcome, Part, Progress
from acpublish.wire import Report
from tests.unit.fleet.making import TWO, device, digest, mac, moment, report
from tests.unit.release.making import md5, sha256

RUNNING, OLD, UNRECOGNISED = Outcome.RUNNING, Outcome.OLD, Outcome.UNRECOGNISED
PLAIN = report("1.0.0")
NO_DIGEST = report("1.0.0", sketch_md5=None)
ENCRYPTED = report("1.0.0", sketch_md5=md5("encrypted"), family="esp32")
ONLY_SHA256 = report("1.0.0", sketch_md5=None, sketch_sha256=sha256("old"), family="esp32")
NEW_SHA256 = sha256("2.0.0 d1 firmware")


@pytest.mark.parametrize(
    ("before", "changes", "known", "expected"),
    [
        (PLAIN, {"sketch_md5": digest("2.0.0")}, True, (RUNNING, True)),
        (PLAIN, {"sketch_md5": digest("2.0.0"), "version": "1.0.0"}, True, (RUNNING, True)),
        (PLAIN, {}, True, (OLD, True)),
        (PLAIN, {"version": "2.0.0"}, True, (OLD, True)),
        (PLAIN, {"sketch_md5": digest("3.0.0"), "version": "3.0.0"}, True, (UNRECOGNISED, True)),
        (PLAIN, {"sketch_md5": digest("3.0.0"), "version": "2.0.0"}, True, (UNRECOGNISED, True)),
        (PLAIN, {"sketch_md5": md5("mine"), "version": "1.0.0"}, False, (UNRECOGNISED, True)),
        (ENCRYPTED, {"sketch_md5": md5("other"), "version": "2.0.0"}, False, (RUNNING, False)),
        (ENCRYPTED, {"sketch_md5": md5("other"), "version": "v2.0"}, False, (RUNNING, False)),
        (ENCRYPTED, {"version": "2.0.0"}, False, (OLD, True)),
        (ENCRYPTED, {}, False, (OLD, True)),
        (ENCRYPTED, {"sketch_md5": md5("other"), "version": None}, False, (UNRECOGNISED, True)),
        (NO_DIGEST, {"version": "2.0.0"}, False, (RUNNING, False)),
        (NO_DIGEST, {}, False, (OLD, False)),
        (NO_DIGEST, {"version": "1.5.0"}, False, (UNRECOGNISED, False)),
        (NO_DIGEST, {"version": None}, False, (UNRECOGNISED, False)),
        (NO_DIGEST._replace(version=None), {"version": None}, False, (UNRECOGNISED, False)),
        (ONLY_SHA256, {"sketch_sha256": NEW_SHA256}, True, (RUNNING, True)),
        (ONLY_SHA256, {}, True, (OLD, True)),
        (PLAIN, {"sketch_md5": None, "sketch_sha256": sha256("x")}, False, (UNRECOGNISED, True)),
    ],
)
def test_what_a_device_runs(
    before: Report, changes: dict[str, str], known: bool, expected: tuple[Outcome, bool]
) -> None:
    said = before._replace(**changes)
    assert outcome_of(said, Before.of(before), TWO.images[0], "2.0.0", known=known) == expected


def part(**fields: object) -> Part:
    made = Part("d1", 0, moment().heard, 1.0, 2.0, address="10.0.0.1", counts=True)
    return made._replace(**fields)


@pytest.mark.parametrize(
    ("made", "own", "counts"),
    [
        pytest.param(device(), part(), True, id="known, where it always was"),
        pytest.param(device(first_heard=moment(1).heard), part(), False, id="appeared later"),
        pytest.param(device(address_heard=moment(1).heard), part(), False, id="moved since"),
        pytest.param(device(address="10.0.0.9"), part(), False, id="now speaks from elsewhere"),
        pytest.param(device(), part(address="10.0.0.9"), False, id="delivered elsewhere"),
        pytest.param(device(said=report(number=None)), part(), False, id="no MAC address"),
    ],
)
def test_only_devices_known_before_at_their_address_count(
    made: Device, own: Part, counts: bool
) -> None:
    assert known_before(made, own) is counts
    after = judged(own, made, OLD)
    assert (after.outcome, after.counts, after.failed) == (OLD, counts, counts)


def test_silence_after_a_delivery_is_a_failure() -> None:
    made = device()
    assert not is_lost(made, part(), moment(4).heard, 0.0)
    assert is_lost(made, part(), moment(5).heard, 0.0)
    assert not is_lost(made, part(), moment(5).heard, moment(2).heard)
    assert not is_lost(made, part(delivered_at=None), moment(99).heard, 0.0)
    assert not is_lost(made, part(outcome=RUNNING), moment(99).heard, 0.0)
    assert not is_lost(device(gaps=(HOUR_S,)), part(), moment(99).heard, 0.0)


def test_silence_of_the_others_is_told_apart_from_that_of_the_network() -> None:
    here = [device(number, seen=9.5) for number in range(4)]
    gone = [device(number, seen=1) for number in range(10, 15)]
    assert silence([*here, *gone], 0.0, moment(10).heard) == (9, 5)
    assert silence(here, 0.0, moment(10).heard) == (4, 0)
    # They appeared later, had left before, or ask too seldom to say anything about these hours.
    later = [device(20, seen=9, first_heard=moment(2).heard)]
    left = [device(21, seen=-50)]
    seldom = [device(22, seen=0.5, gaps=(24 * HOUR_S,) * 3), device(23, gaps=(HOUR_S,))]
    assert silence([*here, *gone, *later, *left, *seldom], 0.0, moment(10).heard) == (9, 5)


@pytest.mark.parametrize(
    ("running", "failed", "halt", "words"),
    [
        (0, 0, "3,5%", ""),
        (0, 1, "3,5%", ""),
        (1, 1, "3,5%", ""),
        (2, 1, "3,5%", "1 of 3 judged devices failed"),
        (19, 1, "3,5%", "1 of 20 judged devices failed"),
        (20, 1, "3,5%", ""),
        (98, 2, "3,5%", ""),
        (997, 3, "3,5%", "3 devices failed"),
        (0, 1, "1", "1 device failed"),
        (2, 1, "3", ""),
        (2, 2, "3", ""),
        (0, 3, "3", "3 devices failed"),
        (0, 0, "1,100%", ""),
    ],
)
def test_a_rollout_halts_by_number_or_by_share(
    running: int, failed: int, halt: str, words: str
) -> None:
    progress = Progress(2)
    outcomes = [RUNNING] * running + [OLD] * failed
    for number, outcome in enumerate(outcomes):
        progress.put(mac(number), part(stage=1, outcome=outcome))
    reason = halt_reason(Policy.parse("1,100%", halt=halt), progress, 1)
    assert reason == (f"{words} in stage 2" if words else "")


def test_failures_of_all_stages_add_up() -> None:
    progress = Progress(3)
    for stage in range(3):
        progress.put(mac(stage), part(stage=stage, outcome=OLD))
    policy = Policy.parse("1,50%,100%", halt="3")
    assert halt_reason(policy, progress, 2) == "3 devices failed in all stages"


@pytest.mark.parametrize(
    ("proven", "failed", "awaited", "enough"),
    [(0, 0, 0, True), (9, 0, 1, True), (8, 1, 1, True), (8, 0, 1, False), (0, 0, 1, False)],
)
def test_nine_of_ten_have_to_be_judged(
    proven: int, failed: int, awaited: int, enough: bool
) -> None:
    assert enough_judged(Counts(proven=proven, failed=failed, awaited=awaited)) is enough
