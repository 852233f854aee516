"""What commands print."""

from __future__ import annotations

import json

import pytest

from acpublish.cli import ui


def test_json_is_one_document_in_utf_8(capsys: pytest.CaptureFixture[str]) -> None:
    ui.print_json({"name": "Lämpchen", "none": None})
    out = capsys.readouterr().out
    assert json.loads(out) == {"name": "Lämpchen", "none": None}
    assert "Lämpchen" in out


def test_a_warning_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    ui.warn("look")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "acpublish: warning: look\n")


def test_facts_stand_in_columns_and_none_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    ui.facts({"a": 1, "long": "x", "no": None})
    assert capsys.readouterr().out == "a     1\nlong  x\n"


def test_a_table_is_as_wide_as_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    ui.table([("name", "size"), ("a", "12345")], right=frozenset({1}))
    assert capsys.readouterr().out == "name   size\na     12345\n"


def test_an_empty_table_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    ui.table([])
    assert capsys.readouterr().out == ""


def test_what_could_steer_a_terminal_is_shown_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    ui.table([("a\x1b[31m.bin", "x\x9b2J\n"), ("l\u00e4mp\udcff", "")])
    ui.facts({"name": "\x07b\u202eell"})
    ui.warn("\x1b]0;title")
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "a\\x1b[31m.bin  x\\x9b2J\\n",
        "l\u00e4mp\\udcff",
        "name  \\x07b\\u202eell",
    ]
    assert said.err == "acpublish: warning: \\x1b]0;title\n"


def test_a_name_that_is_no_text_is_still_json(capsys: pytest.CaptureFixture[str]) -> None:
    ui.print_json(["l\u00e4mp\udcff"])
    said = capsys.readouterr().out
    assert "l\u00e4mp\\udcff" in said
    assert json.loads(said) == ["l\u00e4mp\udcff"]
