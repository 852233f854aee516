"""The actions: an error is one line and a failed build, never a traceback."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import CheckError
from acpublish.pio import actions, on_build, status, uploading
from acpublish.pio.run_state import KEY
from tests.unit.pio.projects import environment, hook_of, read_project


def test_a_fault_of_ours_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACPUBLISH_DEBUG", raising=False)
    assert actions.upload_ota([], [], {}) == 1
    error = capsys.readouterr().err
    assert error.startswith("acpublish: error: internal error in acpublish (KeyError). ")
    assert error.count("\n") == 1
    monkeypatch.setenv("ACPUBLISH_DEBUG", "1")
    actions.upload_ota([], [], {})
    assert "Traceback" in capsys.readouterr().err


def test_what_acpublish_needs_can_be_imported_by_an_action(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packages = str(Path(actions.__file__).parents[2])
    monkeypatch.setattr("sys.path", [path for path in sys.path if path != packages])

    actions.upload_ota([], [], {})

    assert sys.path[-1] == packages
    assert capsys.readouterr().err


class Node:
    """A file, as SCons passes it to an action."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get_abspath(self) -> str:
        return str(self._path)

    def __str__(self) -> str:
        return self._path.name


@pytest.mark.parametrize(
    ("action", "where", "called"),
    [
        (actions.stamp_image, "target", (uploading, "stamp_built")),
        (actions.upload_ota, "source", (uploading, "publish")),
        (actions.uploadfs_ota, "source", (uploading, "publish")),
        (actions.publish_build, "source", (on_build, "publish_once")),
        (actions.publish_new_image, "target", (on_build, "publish_once")),
        (actions.ota_check, "source", (status, "check")),
    ],
)
def test_an_action_works_on_its_image_and_fails_with_the_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    action: actions.Action,
    where: str,
    called: tuple[Any, str],
) -> None:
    hook = hook_of(read_project(tmp_path, environment()), on_build=True)
    image = tmp_path / "firmware.bin"
    nodes: dict[str, list[Node]] = {"target": [], "source": []}
    nodes[where] = [Node(image)]
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(*called, lambda *given, **_: calls.append(given))

    assert action(nodes["target"], nodes["source"], {KEY: hook}) == 0
    assert [call[:2] for call in calls] == [(hook, image)]

    def refuse(*_: object, **__: object) -> None:
        raise CheckError("it does not fit", hint="Make it smaller.")

    monkeypatch.setattr(*called, refuse)
    assert action(nodes["target"], nodes["source"], {KEY: hook}) == 1
    error = "acpublish: error: it does not fit. Make it smaller.\n"
    assert capsys.readouterr().err == error


def test_an_image_that_another_target_builds_is_published_only_on_build(tmp_path: Path) -> None:
    hook = hook_of(read_project(tmp_path, environment()), on_build=False)

    assert actions.publish_new_image([Node(tmp_path / "missing.bin")], [], {KEY: hook}) == 0
