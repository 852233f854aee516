"""What the actions of a run share, and how they print."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.pio.run_state import print_error, print_line
from tests.unit.pio.projects import environment, hook_of, read_project


def test_a_line_is_printed_whatever_the_stream_can_show() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii", newline="\n")

    print_line("/gr\u00f6\u00dfe/\udcff.bin", stream)

    assert written.getvalue() == rb"/gr\xf6\xdfe/\udcff.bin" + b"\n"


def test_an_error_is_a_line_on_stderr_and_the_status_of_a_failed_action(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert print_error("it is broken. Fix it.") == 1
    assert capsys.readouterr() == ("", "acpublish: error: it is broken. Fix it.\n")


def test_the_plan_is_made_once_and_a_missing_setting_is_an_error(tmp_path: Path) -> None:
    hook = hook_of(read_project(tmp_path, environment()))
    assert hook.plan() is hook.plan()

    nowhere = hook_of(read_project(tmp_path, environment(custom_ota_to=None)))
    with pytest.raises(SettingsError):
        nowhere.plan()
