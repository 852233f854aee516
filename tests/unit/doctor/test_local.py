"""A project of init has no problem, and what is not here is not checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from acpublish.doctor.findings import State
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
            "token",
            "destination",
            "state",
        )
    ]


def test_no_project_is_not_checked(check: Check) -> None:
    found = the_trouble(check(None))
    assert (found.name, found.state) == ("project", State.NOT_CHECKED)


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
