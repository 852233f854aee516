"""Counts that follow from the parts alone, however and however often they are put."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from acpublish.fleet.progress import Before, Outcome, Part, Progress, Survey
from tests.unit.fleet.making import mac, report

PARTS = st.builds(
    Part,
    board=st.sampled_from(["d1", "c3"]),
    stage=st.integers(0, 2),
    stage_heard=st.just(0.0),
    offered_at=st.sampled_from([None, 5.0]),
    delivered_at=st.sampled_from([None, 6.0]),
    outcome=st.sampled_from(Outcome),
    counts=st.booleans(),
    back_at=st.sampled_from([None, 7.0]),
    returned=st.booleans(),
)
PUTS = st.lists(st.tuples(st.sampled_from([mac(number) for number in range(6)]), PARTS))


def part(outcome: Outcome = Outcome.PENDING, *, counts: bool = True, stage: int = 0) -> Part:
    return Part("d1", stage, 0.0, 5.0, 6.0, outcome=outcome, counts=counts)


@given(PUTS)
def test_counts_are_those_of_the_last_part_of_each_device(puts: list[tuple[str, Part]]) -> None:
    progress = Progress(3)
    for key, own in puts:
        progress.put(key, own)
        progress.put(key, own)
    last = dict(puts)
    restored = Progress.of(3, last.items())
    assert asdict(progress.in_all) == asdict(restored.in_all)
    assert progress.awaited == tuple(key for key in progress.awaited if last[key].awaited)
    assert set(progress.awaited) == {key for key, own in last.items() if own.awaited}
    offered = [own for own in last.values() if own.offered_at is not None]
    counts = progress.in_all
    assert counts.offered == len(offered)
    assert counts.running == sum(own.outcome is Outcome.RUNNING for own in offered)
    assert counts.failed == sum(own.failed for own in offered)
    assert counts.offered == sum(progress.of_stage(stage).offered for stage in range(3))
    assert counts.delivered <= counts.offered
    for board in ("d1", "c3"):
        runs = any(own.board == board and own.outcome is Outcome.RUNNING for own in last.values())
        assert progress.runs_on(board) is runs
    for key in last:
        progress.forget(key)
    assert progress.in_all == Progress(3).in_all
    assert (progress.ordered_back, progress.returned) == (0, 0)


def test_a_failure_that_does_not_count_is_pending() -> None:
    progress = Progress.of(1, [("a", part(Outcome.OLD)), ("b", part(Outcome.OLD, counts=False))])
    assert (progress.in_all.failed, progress.in_all.pending) == (1, 1)
    assert progress.failures() == ["a"]


def test_those_to_be_judged_are_known_without_a_walk() -> None:
    progress = Progress.of(2, [("a", part()), ("b", part(counts=False))], [("a", 0)], ["c"])
    assert progress.awaited == ("a",)
    assert (progress.chosen, progress.added) == ({"a": 0}, frozenset({"c"}))
    progress.put("a", part(Outcome.RUNNING))
    assert progress.awaited == ()
    assert progress.in_all.judged == 1
    assert progress.runs_on("d1")


def test_one_that_runs_it_without_an_offer_is_evidence_but_not_counted() -> None:
    progress = Progress(1)
    progress.put("a", Part("d1", 0, 0.0, outcome=Outcome.RUNNING))
    assert progress.runs_on("d1")
    assert (progress.in_all.running, progress.in_all.offered) == (0, 0)
    progress.put("b", Part("d1", 0, 0.0, 1.0))
    assert progress.took_it() == {"a"}
    assert len(dict(progress.parts())) == 2


def test_before_is_what_was_reported() -> None:
    said = report("1.0.0")
    assert Before.of(said) == Before(said.sketch_md5, None, "1.0.0")


def test_the_network_is_away_if_more_than_half_are_silent() -> None:
    assert not Survey(0.0, (), (), (), known=4, silent=2, chosen={}, known_boards=()).away
    assert Survey(0.0, (), (), (), known=5, silent=3, chosen={}, known_boards=()).away
    assert not Survey(0.0, (), (), (), known=0, silent=0, chosen={}, known_boards=()).away
