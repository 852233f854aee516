"""A project of init has no problem, and what is not here is not checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.doctor.findings import State
from acpublish.doctor.local import check_local
from tests.support.users import SERVER, acting_as, folder_of, needs_root
from tests.unit.doctor.projects import Check, ini, the_trouble


def test_a_project_that_is_as_it_should_be(check: Check, tmp_path: Path) -> None:
    found = check(ini(tmp_path) + "[platformio]\nbuild_cache_dir = cache\n")
    assert [(one.name, one.state) for one in found] == [
        (name, State.OK)
        for name in (
            "extra-scripts",
            "script",
            "post",
            "build-flags",
            "settings",
            "version",
            "boards",
            "token",
            "destination",
            "state",
        )
    ]


def test_no_project_is_not_checked(check: Check) -> None:
    found = the_trouble(check(None))
    assert (found.name, found.state) == ("project", State.NOT_CHECKED)


@needs_root
def test_a_folder_that_may_not_be_entered() -> None:
    with folder_of(SERVER, mode=0o700) as folder, acting_as(SERVER + 1):
        findings = check_local(folder, {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)})
    assert ("project", State.NOT_CHECKED) in [(found.name, found.state) for found in findings]


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (b"[platformio]\n", State.NOT_CHECKED),
        (b"[env:\xff]\n", State.ERROR),
        (b"[env:x]\nplatform = native\n", State.NOT_CHECKED),
    ],
)
def test_a_project_that_cannot_be_looked_at(
    check: Check, tmp_path: Path, text: bytes, state: State
) -> None:
    (tmp_path / "lamp" / "platformio.ini").write_bytes(text)
    found = the_trouble(check(None))
    assert (found.name, found.state) == ("project", state)
