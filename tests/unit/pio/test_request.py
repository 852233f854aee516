"""Arguments of a run: the options of ``acpublish publish``, read strictly.

What the hook does in a run, by the targets that it is asked for.
"""

from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.pio.request import Asked, program_arguments


def test_values_switches_and_what_may_be_repeated() -> None:
    layer = program_arguments(
        [
            *("--channel", "beta", "--version=1.2.3", "--compress", "--key", "k.pem"),
            *("--skip-check", "chip=a trial", "--skip-check=dirty=on the bench"),
        ]
    )
    assert layer is not None
    assert layer.values == {
        "channel": "beta",
        "version": "1.2.3",
        "compress": "yes",
        "signing_key": "k.pem",
        "skip_checks": "chip=a trial\ndirty=on the bench",
    }
    assert layer.origin("channel") == "--channel"


def test_none() -> None:
    assert program_arguments([]) is None


@pytest.mark.parametrize("given", [["--token", "s3cret-value"], ["s3cret-value"], ["--s3cret"]])
def test_what_is_no_option_is_not_repeated(given: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        program_arguments(given)
    assert "s3cret" not in str(caught.value)
    assert "ACPUBLISH_TOKEN" in caught.value.hint


@pytest.mark.parametrize("option", ["--dry-run", "-q", "--json"])
def test_an_option_of_publish_that_a_run_has_not_is_named(option: str) -> None:
    with pytest.raises(SettingsError, match=f"have {option}, which is no option there"):
        program_arguments([option])


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
