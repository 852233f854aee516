from __future__ import annotations

from acpublish.store.waiting import Waiting


def test_the_last_state_of_a_row_waits() -> None:
    waiting = Waiting(100)
    for value in range(3):
        assert waiting.put("t", ("a",), value)
    assert len(waiting) == 1
    waiting.begin()
    assert waiting.take(10) == {"t": {("a",): 2}}
    assert len(waiting) == 0


def test_an_urgent_row_is_not_followed_by_an_older_state() -> None:
    waiting = Waiting(100)
    waiting.put("t", ("a",), "old")
    waiting.put("t", ("b",), "old")
    waiting.begin()
    waiting.put("t", ("a",), "new", urgent=True)
    assert waiting.take_urgent() == {"t": {("a",): "new"}}
    assert waiting.take_urgent() == {}
    assert waiting.take(10) == {"t": {("b",): "old"}}
    waiting.put("t", ("b",), "old")
    waiting.put("t", ("b",), "new", urgent=True)
    waiting.begin()
    assert waiting.take(10) == {}


def test_rows_leave_little_by_little() -> None:
    waiting = Waiting(100)
    for number in range(5):
        waiting.put("t" if number < 3 else "u", (number,), number)
    waiting.begin()
    taken: dict[object, object] = {}
    sizes = []
    while batch := waiting.take(2):
        sizes.append(sum(map(len, batch.values())))
        for rows in batch.values():
            taken |= rows
    assert taken == {(number,): number for number in range(5)}
    assert sizes == [2, 2, 1]


def test_what_could_not_be_written_comes_back_unless_a_newer_state_waits() -> None:
    waiting = Waiting(100)
    for name in "abcd":
        waiting.put("t", (name,), "old")
    waiting.begin()
    batch = waiting.take(3)
    taken = sorted(key for key in batch["t"])
    waiting.put("t", taken[0], "new")
    waiting.put("t", taken[1], "new", urgent=True)
    waiting.give_back(batch, urgent=False)
    waiting.recall()
    assert len(waiting) == 4
    assert waiting.take_urgent() == {"t": {taken[1]: "new"}}
    waiting.begin()
    rows = waiting.take(10)["t"]
    assert rows.pop(taken[0]) == "new"
    assert set(rows.values()) == {"old"}
    assert len(rows) == 2


def test_an_urgent_row_that_could_not_be_written_stays_urgent() -> None:
    waiting = Waiting(100)
    waiting.put("t", ("a",), None, urgent=True)
    waiting.put("t", ("b",), 1, urgent=True)
    batch = waiting.take_urgent()
    waiting.put("t", ("b",), 2)
    waiting.give_back(batch, urgent=True)
    # The newer state of b need not hurry, but follows in any case.
    assert waiting.take_urgent() == {"t": {("a",): None}}
    waiting.begin()
    assert waiting.take(9) == {"t": {("b",): 2}}


def test_what_waits_is_bounded() -> None:
    waiting = Waiting(limit=2)
    assert [waiting.put("t", (number,), 1) for number in range(4)] == [True, True, False, False]
    assert waiting.put("t", (0,), 2), "a row that waits is replaced all the same"
    assert waiting.put("u", (0,), 1), "each table has its limit"
    assert len(waiting) == 3
    assert (waiting.dropped(), waiting.dropped()) == (2, 0)


def test_what_waits_of_a_removed_device_is_not_written() -> None:
    waiting = Waiting(100)
    waiting.put("t", ("r1", "a"), "leaves")
    waiting.begin()
    taken = waiting.take(10)
    waiting.put("t", ("r2", "a"), "waits")
    waiting.put("t", ("r2", "b"), "waits")
    waiting.put("t", ("r3", "a"), "urgent", urgent=True)
    waiting.remove("t", {"a", "c"})
    # What could not be written before does not come back after the removal either.
    waiting.give_back(taken, urgent=False)
    waiting.put("t", ("r4", "a"), "later")
    assert waiting.take_urgent() == {"t": {(None, "a"): None, (None, "c"): None}}
    waiting.begin()
    assert waiting.take(10) == {"t": {("r4", "a"): "later", ("r2", "b"): "waits"}}


def test_removals_have_a_limit_as_well() -> None:
    waiting = Waiting(2)
    waiting.remove("t", {"a", "b", "c"})
    assert len(waiting) == 2
    assert waiting.dropped() == 1
