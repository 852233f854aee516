"""What a publish came to, or would come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from acpublish.image.reader import read
from acpublish.keys import create_key
from acpublish.publishing.result import Plan, Publication, describe, not_checked, outcome
from acpublish.release import names
from acpublish.release.checks import facts
from acpublish.release.manifest import Release
from acpublish.release.placement import place
from acpublish.release.signatures import signed
from acpublish.release.submission import Outcome, Receipt, Submission
from acpublish.release.version import Version
from tests.support import images

NOW = datetime(2026, 11, 24, 4, 5, 6, tzinfo=timezone.utc)
IMAGE = read(images.esp8266_image())
SUBMISSION = Submission(
    product=names.product("lamp"),
    version=Version.parse("1.0.0"),
    board=names.board("d1"),
    channel=names.STABLE,
)


def publication(of: Outcome = Outcome.PUBLISHED, *, dry_run: bool = False) -> Publication:
    receipt = Receipt(
        outcome=of,
        file="lamp/lamp-1.0.0_d1.bin",
        size=1000,
        md5="a" * 32,
        sha256="b" * 64,
        url="http://h/lamp/lamp-1.0.0_d1.bin",
        warnings=("odd",),
        not_checked={"slot": "the partition table"},
    )
    return Publication(submission=SUBMISSION, receipt=receipt, dry_run=dry_run)


def test_it_tells_without_a_chain() -> None:
    done = publication()
    assert (done.outcome, str(done.version), done.channel) == (
        Outcome.PUBLISHED,
        "1.0.0",
        "stable",
    )
    assert (done.file, done.url) == (
        "lamp/lamp-1.0.0_d1.bin",
        "http://h/lamp/lamp-1.0.0_d1.bin",
    )
    assert (done.warnings, dict(done.not_checked)) == (("odd",), {"slot": "the partition table"})


@pytest.mark.parametrize(
    ("of", "done", "planned"),
    [
        (Outcome.PUBLISHED, "published", "would be published"),
        (Outcome.ADDED_TO_CHANNEL, "added to the channel", "would be added to channel"),
        (Outcome.COMPRESSED, "gzip added", "would be compressed"),
        (Outcome.SIGNED, "signature added", "would be signed"),
        (Outcome.ALREADY_PUBLISHED, "already published", "nothing to do: already published"),
    ],
)
def test_one_line_on_what_happened(of: Outcome, done: str, planned: str) -> None:
    assert describe(publication(of)) == f"lamp 1.0.0 for d1 (stable): {done}"
    assert describe(publication(of, dry_run=True)) == f"lamp 1.0.0 for d1 (stable): {planned}"
    assert outcome(publication(of)) == of.value


def test_an_older_release_again_says_what_the_channel_points_at() -> None:
    again = publication(Outcome.ALREADY_PUBLISHED)
    assert again.points_at is None
    for version, end in (("1.0.0", ""), ("2.0.0", "; stable points at 2.0.0")):
        receipt = replace(again.receipt, points_at=Version.parse(version))
        line = f"lamp 1.0.0 for d1 (stable): already published{end}"
        assert describe(replace(again, receipt=receipt)) == line


def test_what_was_not_checked_says_what_it_needs() -> None:
    lacks = {
        "chip": facts.BOARD_CHIP, "slot": facts.PARTITION_TABLE, "newer": "the moon",
        "partition-layout": facts.PARTITION_TABLE,
    }  # fmt: skip
    done = publication()
    assert not_checked(replace(done, receipt=replace(done.receipt, not_checked=lacks))) == (
        "chip (add --chip CHIP); slot, partition-layout (add --partitions FILE); "
        "newer (lacks the moon)"
    )
    assert not_checked(replace(done, receipt=replace(done.receipt, not_checked={}))) == ""


class TestPlan:
    def plan(self, submission: Submission, *before: Release) -> Plan:
        release = place(IMAGE, submission, before, NOW).release
        after = [*(one for one in before if one.version != release.version), release]
        return Plan.of(submission, before, after, version_from="git: tag v1.0.0", request=None)

    def test_of_the_first_release(self) -> None:
        plan = self.plan(SUBMISSION)
        assert (plan.new, plan.before, plan.after) == (True, None, SUBMISSION.version)
        assert (plan.signed_by, plan.version_from) == ((), "git: tag v1.0.0")

    def test_of_the_next_release_and_of_the_same_again(self) -> None:
        first = place(IMAGE, SUBMISSION, (), NOW).release
        later = replace(SUBMISSION, version=Version.parse("1.1.0"))
        plan = self.plan(later, first)
        assert (plan.new, plan.before, plan.after) == (True, SUBMISSION.version, later.version)
        again = self.plan(SUBMISSION, first)
        assert (again.new, again.before, again.after) == (
            False,
            SUBMISSION.version,
            SUBMISSION.version,
        )

    def test_another_board_of_a_release_is_new(self) -> None:
        first = place(IMAGE, SUBMISSION, (), NOW).release
        other = replace(SUBMISSION, board=names.board("d2"))
        plan = self.plan(other, first)
        assert (plan.new, plan.before, plan.after) == (True, None, SUBMISSION.version)

    def test_of_a_signed_release(self) -> None:
        key = create_key()
        plan = self.plan(signed(SUBMISSION, IMAGE, key))
        assert plan.signed_by == (key.public.id,)
