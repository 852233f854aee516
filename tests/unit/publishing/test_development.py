"""Development versions on the channel ``dev``, which a device on somebody's desk follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.publishing.versions import VersionSource
from acpublish.release.submission import Outcome
from tests.unit.publishing.test_publish import built, git, on, publish, version_of


@pytest.mark.parametrize(
    "version", ["1.0.0", git(), git(changed=True)], ids=["file", "tag", "changes"]
)
def test_devices_that_follow_dev_also_go_back(tmp_path: Path, version: str | VersionSource) -> None:
    orders = []
    for seed in (0, 1, 0, 1, 0):
        done = publish(tmp_path, built(seed), version, channel="dev", on_build=True)
        assert done.outcome is Outcome.PUBLISHED
        assert on(tmp_path, "dev") == version_of(done)
        again = publish(tmp_path, built(seed), version, channel="dev", on_build=True)
        assert (again.outcome, version_of(again)) == (Outcome.ALREADY_PUBLISHED, version_of(done))
        orders.append(done.version.precedence)
    # A device is never offered a lower version than the one that it reports.
    assert orders == sorted(orders)


def test_the_note_says_why_an_image_has_another_version(tmp_path: Path) -> None:
    for seed in (0, 1):
        publish(tmp_path, built(seed), channel="dev", on_build=True)
    back = publish(tmp_path, built(0), channel="dev", on_build=True)
    assert back.note == (
        "1.0.0 is published, but dev points at 1.0.1-dev.1, so this build is 1.0.1-dev.2"
    )


def test_an_older_commit_that_is_built_again_changes_nothing(tmp_path: Path) -> None:
    for seed, distance in ((0, 5), (1, 7)):
        publish(tmp_path, built(seed), git(distance=distance), channel="dev", on_build=True)
    again = publish(tmp_path, built(0), git(distance=5), channel="dev", on_build=True)
    # No device that runs the later commit would be offered another version of the older one.
    assert again.outcome is Outcome.ALREADY_PUBLISHED
    assert on(tmp_path, "dev") == "1.2.4-dev.7+gabc1234"


def test_a_publish_that_names_its_version_gets_no_other(tmp_path: Path) -> None:
    for seed in (0, 1):
        publish(tmp_path, built(seed), f"1.{seed}.0", channel="dev")
    again = publish(tmp_path, built(0), "1.0.0", channel="dev")
    assert (version_of(again), str(again.points_at)) == ("1.0.0", "1.1.0")
