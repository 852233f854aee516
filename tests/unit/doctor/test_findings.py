from __future__ import annotations

from acpublish.doctor.findings import Examination, State, error, ok, warning

SLOW = warning("speed", "it is slow", "Wait.")
BROKEN = error("speed", "it is broken", "Fix it.")


def test_checks_keep_their_order_and_a_problem_replaces_the_fine_text() -> None:
    examination = Examination()
    assert examination.record("one", "fine") is True
    assert examination.record("speed", "fast", [SLOW]) is False
    assert examination.record("two", "fine") is True
    assert examination.findings() == [ok("one", "fine"), SLOW, ok("two", "fine")]


def test_a_problem_that_is_found_twice_is_one_finding() -> None:
    examination = Examination()
    examination.record("speed", "fast", [SLOW])
    examination.record("speed", "fast", iter([BROKEN, SLOW]))
    assert examination.findings() == [SLOW, BROKEN]


def test_a_check_that_is_recorded_again_has_the_last_text() -> None:
    examination = Examination()
    examination.record("one", "0 files")
    examination.record("one", "2 files")
    assert examination.findings() == [ok("one", "2 files")]


def test_a_problem_without_a_check_comes_last() -> None:
    examination = Examination()
    assert examination.add([BROKEN]) is False
    assert examination.add([]) is True
    examination.record("one", "fine")
    assert [(each.name, each.state) for each in examination.findings()] == [
        ("one", State.OK),
        ("speed", State.ERROR),
    ]
