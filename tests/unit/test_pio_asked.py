"""What the hook does in a run, by the targets that it is asked for."""

from __future__ import annotations

import pytest

from acpublish.pio.asked import Asked


def asked(*targets: str) -> Asked:
    return Asked(frozenset(targets))


@pytest.mark.parametrize(
    ("targets", "publishes_builds"),
    [
        ((), True),
        (("upload",), True),
        (("buildprog", "size"), True),
        (("nobuild", "upload"), False),
        (("upload_ota",), False),
        (("ota_status",), False),
        (("buildfs",), False),
        (("__test",), False),
        (("__debug",), False),
    ],
)
def test_builds_that_are_published(targets: tuple[str, ...], publishes_builds: bool) -> None:
    one = asked(*targets)
    assert (one.may_publish_on_build and one.builds) is publishes_builds


@pytest.mark.parametrize("targets", [("size",), ("compiledb", "size"), ("uploadfs",), ("__test",)])
def test_runs_that_are_left_alone(targets: tuple[str, ...]) -> None:
    assert asked(*targets).is_none_of_ours


@pytest.mark.parametrize("targets", [(), ("upload",), ("size", "upload"), ("ota_status", "size")])
def test_runs_that_are_not(targets: tuple[str, ...]) -> None:
    assert not asked(*targets).is_none_of_ours


def test_targets_of_our_own() -> None:
    assert asked("upload_ota").publishes
    assert asked("uploadfs_ota").builds_filesystem
    assert not asked("uploadfs_ota", "buildfs").builds_filesystem
    assert not asked("nobuild", "uploadfs_ota").builds_filesystem
    assert asked("ota_check").plans
    assert not asked("ota_check").publishes
    assert not asked("ota_status").plans
    assert asked("upload_ota", "buildfs").in_conflict == ("upload_ota", "buildfs")
    assert asked("uploadfs_ota", "buildfs").in_conflict is None
