from __future__ import annotations

import pytest

from acpublish.unexpected import describe_fault


def failure() -> Exception:
    try:
        raise KeyError("s3cret")
    except KeyError as error:
        return error


def test_the_line_names_the_kind_of_error_and_not_its_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ACPUBLISH_DEBUG", raising=False)
    line = describe_fault(failure())
    assert line.startswith("internal error in acpublish (KeyError). ")
    assert "ACPUBLISH_DEBUG=1" in line
    assert "s3cret" not in line
    assert "\n" not in line
    assert capsys.readouterr() == ("", "")


def test_the_place_is_printed_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ACPUBLISH_DEBUG", "1")
    describe_fault(failure())
    printed = capsys.readouterr().err
    assert "Traceback" in printed
    assert "test_unexpected.py" in printed
