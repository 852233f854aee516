"""The work of ``init`` and ``doctor`` grows as a project does, and not with its square."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from acpublish.doctor.findings import State
from acpublish.doctor.local import check_local
from acpublish.init.platformio import project_change
from tests.support.layouts import many_environments


def calls_of(call: Callable[[], None]) -> int:
    """Returns how many functions a function calls, directly and indirectly."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def work(root: Path, count: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Sets up a project and examines it; returns the work of both."""
    root.mkdir()
    (root / "catalog").mkdir()
    many_environments(root, count)
    # PlatformIO reads extra_configs in the current folder.
    monkeypatch.chdir(root)
    environ = {"HOME": str(root), "XDG_CONFIG_HOME": str(root), "XDG_STATE_HOME": str(root)}

    def init() -> None:
        change = project_change(root, "catalog", "1.0.0", environ)
        # Two have the same board each.
        assert len(change.notes) == count // 2
        for file in change.files:
            file.path.write_text(file.after or "")

    def doctor() -> None:
        findings = check_local(root, environ)
        errors = [finding.name for finding in findings if finding.state is State.ERROR]
        assert errors == ["boards"] * (count // 2)

    return calls_of(init), calls_of(doctor)


def test_twice_the_environments_are_twice_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("platformio")
    small, large = (work(tmp_path / str(count), count, monkeypatch) for count in (60, 120))
    for name, one, two in zip(("init", "doctor"), small, large, strict=True):
        assert two < 2.3 * one, (name, one, two)
