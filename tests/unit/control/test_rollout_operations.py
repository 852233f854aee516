"""What people want of rollouts: in the catalog and in the store, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from acpublish.catalog import layout
from acpublish.control.operations import Operation, run_here
from acpublish.errors import AcpublishError, ConflictError, NotFoundError, SettingsError, StoreError
from acpublish.fleet.policy import Policy
from acpublish.fleet.rollout import halted
from acpublish.release.change_request import ChangeRequest
from acpublish.release.channels import Place
from acpublish.release.names import ChannelName
from acpublish.release.version import Version
from acpublish.store.stored import read
from tests.unit.catalog.holding import put
from tests.unit.control.asking import Asking

STABLE = ChannelName("stable")
POLICY = Policy.parse("1,50%,100%", soak="0s")
_12 = Version.parse("1.2.0")


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Asking]:
    fleet = Asking(tmp_path)
    fleet.put("1.0.0", "1.1.0")
    with fleet.stored():
        for number in range(8):
            fleet.ask(number)
        fleet.now += 100
        fleet.policy("1,50%,100%")
        yield fleet


@pytest.fixture
def rollout(fleet: Asking) -> str:
    """A rollout of 1.2.0."""
    fleet.put("1.2.0")
    return str(fleet.state.product("lamp").lives[0].rollout.id)


def settled(fleet: Asking) -> str:
    current = fleet.catalog.changes.channels("lamp").current("stable", Place("d1", "firmware"))
    return str(current and current.version)


def test_a_rollout_with_its_numbers_and_devices(fleet: Asking, rollout: str) -> None:
    (document,) = run_here(fleet.rollouts.rollouts())["rollouts"]
    assert (document["id"], document["state"], document["stage"]) == (rollout, "running", 0)
    first, half, every = document["stages"]
    assert [stage["target"] for stage in document["stages"]] == ["1", "50%", "100%"]
    assert first["devices"] == 1 <= half["devices"] <= every["devices"] == 8
    (chosen,) = fleet.state.product("lamp").lives[0].progress.chosen
    fleet.ask(int(chosen[-2:], 16), takes=True)
    details = run_here(fleet.rollouts.rollout("lamp"))
    assert {key: details[key] for key in document} == {**document, "stages": details["stages"]}
    assert details["stages"][0]["delivered"] == 1
    assert details["devices"][0]["pending"] == [chosen]
    assert details["policy"]["stages"] == ["1", "50%", "100%"]


def test_what_was_published_a_moment_ago_has_a_rollout(fleet: Asking) -> None:
    put(fleet.catalog, "1.2.0", product="lamp", board="d1")
    (document,) = run_here(fleet.rollouts.rollouts())["rollouts"]
    assert (document["version"], document["state"]) == ("1.2.0", "running")
    assert run_here(fleet.rollouts.rollouts("lamp"))["rollouts"] == [document]
    assert run_here(fleet.rollouts.rollouts("lantern"))["rollouts"] == []
    put(fleet.catalog, "1.3.0", product="lamp", board="d1")
    assert run_here(fleet.rollouts.pause("lamp"))["version"] == "1.3.0"
    put(fleet.catalog, "1.4.0", product="lamp", board="d1")
    assert run_here(fleet.rollouts.abort("lamp"))["version"] == "1.4.0"


def test_what_ended_a_moment_ago_in_the_catalog_has_ended(fleet: Asking, rollout: str) -> None:
    fleet.catalog.rollouts.abort("lamp", STABLE, _12, "", rollout=int(rollout[-1]))
    (document,) = run_here(fleet.rollouts.rollouts())["rollouts"]
    assert (document["id"], document["state"]) == (rollout, "aborted")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (ChangeRequest(action="rollback", channel=STABLE), "stable was rolled back"),
        (
            ChangeRequest(action="rollback", channel=STABLE, why="too hot"),
            "stable was rolled back: too hot",
        ),
        (
            ChangeRequest(action="withdraw", version=_12, why="too hot"),
            "1.2.0 was withdrawn: too hot",
        ),
    ],
)
def test_an_end_has_its_reason(
    fleet: Asking, rollout: str, request_: ChangeRequest, reason: str
) -> None:
    fleet.catalog.changes.make("lamp", request_)
    (document,) = run_here(fleet.rollouts.rollouts())["rollouts"]
    assert (document["state"], document["reason"]) == ("aborted", reason)


def test_pause_resume_and_advance(fleet: Asking, rollout: str) -> None:
    document = run_here(fleet.rollouts.pause("lamp", " at the fair "))
    assert (document["state"], document["reason"]) == ("paused", "at the fair")
    assert read(fleet.folder).rollouts[0].state == "paused"
    # Pausing it once more, without a reason, keeps the one that it has.
    assert run_here(fleet.rollouts.pause("lamp"))["reason"] == "at the fair"
    assert run_here(fleet.rollouts.pause("lamp", "rain"))["reason"] == "rain"
    run_here(fleet.rollouts.pause("lamp", "at the fair"))
    with pytest.raises(ConflictError, match=r"is paused \(at the fair\) and cannot advance"):
        run_here(fleet.rollouts.advance(rollout))
    assert run_here(fleet.rollouts.resume(rollout))["state"] == "running"
    with pytest.raises(ConflictError, match="cannot be resumed"):
        run_here(fleet.rollouts.resume(rollout))
    for stage in (1, 2):
        assert run_here(fleet.rollouts.advance("lamp"))["stage"] == stage
    assert settled(fleet) == "1.1.0"
    document = run_here(fleet.rollouts.advance("lamp"))
    assert document["state"] == "complete"
    # The channel points at the release when the command returns.
    assert settled(fleet) == "1.2.0"
    with pytest.raises(NotFoundError, match=r"Its last one is .* which is complete"):
        run_here(fleet.rollouts.advance("lamp"))
    with pytest.raises(ConflictError, match="is complete"):
        run_here(fleet.rollouts.pause(rollout))


def test_the_history_has_each_order_with_who_gave_it(fleet: Asking, rollout: str) -> None:
    run_here(fleet.rollouts.pause("lamp", "at the fair", by="ann"))
    # Nothing changes, so nothing is noted.
    run_here(fleet.rollouts.pause("lamp", by="ben"))
    run_here(fleet.rollouts.resume("lamp", by="ben"))
    for _ in range(3):
        run_here(fleet.rollouts.advance("lamp", by="ann"))
    lines = fleet.catalog.changes.channels("lamp").history[-6:]
    assert [(line.action, line.author.by, line.author.why) for line in lines] == [
        ("pause", "ann", "at the fair"),
        ("resume", "ben", ""),
        ("advance", "ann", "stage 2 of 3 (50%)"),
        ("advance", "ann", "stage 3 of 3 (100%)"),
        ("advance", "ann", "all stages have ended"),
        ("settle", "", "all stages have ended"),
    ]
    assert {(str(line.version), line.channel) for line in lines} == {("1.2.0", "stable")}


def test_a_pause_counts_even_if_the_history_cannot_be_written(
    fleet: Asking, rollout: str, caplog: pytest.LogCaptureFixture
) -> None:
    document = layout.channels(fleet.catalog.root, "lamp")
    before = document.read_bytes()
    document.write_bytes(b"{")
    assert run_here(fleet.rollouts.pause(rollout))["state"] == "paused"
    assert "the history lacks a line" in caplog.text
    document.write_bytes(before)


def test_abort_ends_it_in_the_catalog_too(fleet: Asking, rollout: str) -> None:
    document = run_here(fleet.rollouts.abort("lamp", "it hangs", by="ann"))
    assert (document["state"], document["reason"]) == ("aborted", "it hangs")
    channels = fleet.catalog.changes.channels("lamp")
    assert not channels.rolling
    assert channels.history[-1].action == "abort"
    assert channels.history[-1].author[1:] == ("ann", "it hangs")
    assert settled(fleet) == "1.1.0"
    assert read(fleet.folder).rollouts[0].reason == "it hangs"
    with pytest.raises(ConflictError):
        run_here(fleet.rollouts.abort(rollout))


def test_start_with_a_policy_of_its_own_and_a_plan_of_it(fleet: Asking) -> None:
    beta = ChannelName("beta")
    counts = run_here(fleet.rollouts.plan("lamp", Version.parse("1.1.0"), STABLE, POLICY))
    assert counts[0] == 1
    assert counts[-1] == 8
    document = run_here(
        fleet.rollouts.start("lamp", Version.parse("1.1.0"), beta, POLICY, by="ann")
    )
    assert (document["version"], document["channel"]) == ("1.1.0", "beta")
    assert document["policy"] == POLICY.to_dict()
    assert fleet.catalog.changes.channels("lamp").history[-1].author.by == "ann"
    assert document["id"] == run_here(fleet.rollouts.rollouts("lamp"))["rollouts"][-1]["id"]


def test_a_plan_says_whom_the_rollout_then_reaches(fleet: Asking) -> None:
    fleet.put("1.2.0")
    run_here(fleet.rollouts.abort("lamp"))
    counts = run_here(fleet.rollouts.plan("lamp", Version.parse("1.1.0"), STABLE, POLICY))
    beta = ChannelName("beta")
    started = run_here(fleet.rollouts.start("lamp", Version.parse("1.1.0"), beta, POLICY))
    assert len(counts) == len(started["stages"]) == 3


@pytest.mark.parametrize(
    ("ref", "kind", "words"),
    [
        ("lmap", NotFoundError, "Similar names are: lamp"),
        ("\x1b[2J" * 99, NotFoundError, "there is no rollout '?[2J"),
        ("door", NotFoundError, "there is no rollout 'door'"),
    ],
)
def test_a_rollout_that_is_not_there(
    fleet: Asking, rollout: str, ref: str, kind: type[AcpublishError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        run_here(fleet.rollouts.rollout(ref))
    assert words in str(caught.value)


def test_what_to_do_after_a_halt(fleet: Asking, rollout: str) -> None:
    live = fleet.state.product("lamp").lives[0]
    live.rollout = halted(live.rollout, "two failed", fleet.state.clock.now())
    fleet.state.moved(live).result(10)
    with pytest.raises(NotFoundError, match="no rollout of lamp is open") as caught:
        run_here(fleet.rollouts.resume("lamp"))
    assert caught.value.hint == (
        f"Its last one is {rollout}, which is halted. Publish a newer release, or try it again "
        "with 'acpublish rollout start lamp 1.2.0 --channel stable'."
    )


def test_a_start_of_what_the_channel_has_is_not_that_of_another(
    fleet: Asking, rollout: str
) -> None:
    with pytest.raises(ConflictError, match=r"stable points at lamp 1\.1\.0 already"):
        run_here(fleet.rollouts.start("lamp", Version.parse("1.1.0"), STABLE, POLICY))
    assert run_here(fleet.rollouts.rollout(rollout))["state"] == "running"


def test_several_open_rollouts_of_a_product(fleet: Asking, rollout: str) -> None:
    started = run_here(fleet.rollouts.start("lamp", _12, ChannelName("beta"), POLICY))
    with pytest.raises(ConflictError) as caught:
        run_here(fleet.rollouts.pause("lamp"))
    assert rollout in caught.value.hint
    assert started["id"] in caught.value.hint


def test_what_cannot_be_started(fleet: Asking) -> None:
    with pytest.raises(NotFoundError):
        run_here(fleet.rollouts.start("lamp", Version.parse("9.0.0"), STABLE, POLICY))
    with pytest.raises(NotFoundError, match=r"no release 9\.0\.0\. The newest are: 1\.1\.0"):
        run_here(fleet.rollouts.plan("lamp", Version.parse("9.0.0"), STABLE, POLICY))
    with pytest.raises(ConflictError):
        run_here(fleet.rollouts.start("lamp", Version.parse("1.0.0"), STABLE, POLICY))
    with pytest.raises(ConflictError, match=r"stable points at lamp 1\.1\.0 already"):
        run_here(fleet.rollouts.start("lamp", Version.parse("1.1.0"), STABLE, POLICY))
    tagged = Policy.parse("tag:canary,100%")
    with pytest.raises(SettingsError, match="tag:canary reaches nobody"):
        run_here(fleet.rollouts.plan("lamp", Version.parse("1.1.0"), STABLE, tagged))


@pytest.mark.parametrize("reason", ["x" * 501, "a\x1b[2J", "a\nb"])
def test_a_reason_that_nobody_could_read(fleet: Asking, rollout: str, reason: str) -> None:
    for operation in (fleet.rollouts.pause, fleet.rollouts.abort):
        with pytest.raises(SettingsError, match="the reason"):
            run_here(operation(rollout, reason))
    assert run_here(fleet.rollouts.rollout(rollout))["state"] == "running"


def test_pages_of_rollouts_and_one_that_ended_long_ago(fleet: Asking) -> None:
    for version in ("1.2.0", "1.3.0", "1.4.0"):
        fleet.put(version)
    first = run_here(fleet.rollouts.rollouts(limit=2))
    # The last one of a page may be forgotten before the next page is read.
    gone = fleet.state.rollouts.pop(first["rollouts"][-1]["id"])
    rest = run_here(fleet.rollouts.rollouts(after=first["next"], limit=2))
    fleet.state.rollouts[gone.id] = gone
    for cursor in ("lamp-3", "1", "nan/lamp-3", "inf/lamp-3"):
        with pytest.raises(SettingsError, match="the cursor"):
            run_here(fleet.rollouts.rollouts(after=cursor))
    own = [*first["rollouts"], *rest["rollouts"]]
    assert [one["state"] for one in own] == ["superseded", "superseded", "running"]
    assert rest["next"] is None
    assert run_here(fleet.rollouts.rollouts("door")) == {"rollouts": [], "next": None}
    # Its numbers are read from the store.
    assert run_here(fleet.rollouts.rollout(own[0]["id"]))["stages"][-1]["devices"] == 8


def refuse(operation: Operation[Any]) -> None:
    step = next(operation)
    while not isinstance(step, Future):
        step = operation.send(step())
    with pytest.raises(StoreError):
        operation.throw(StoreError("the disk is full", hint="Free some space."))


def test_what_cannot_be_stored_is_taken_back(fleet: Asking, rollout: str) -> None:
    before = run_here(fleet.rollouts.rollout(rollout))
    for operation in (fleet.rollouts.pause(rollout), fleet.rollouts.advance(rollout)):
        refuse(operation)
        assert run_here(fleet.rollouts.rollout(rollout)) == before
