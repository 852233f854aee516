"""``doctor``: one line for each finding, one for the sum, a document, and the statuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.invoking import CommandLine
from tests.unit.doctor.faulty import Answer, Request, faulty


def no_md5(request: Request, answer: Answer) -> None:
    answer.headers.pop("x-MD5", "")


def no_date(request: Request, answer: Answer) -> None:
    answer.headers.pop("Date", "")


def test_an_error_is_status_1_and_one_line_with_the_cure(acpublish: CommandLine) -> None:
    with faulty(no_md5) as url:
        said = acpublish("doctor", url)
    assert said.status == 1
    assert not said.err
    *lines, last = said.out.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == [
        "error  md5         an image is sent without x-MD5, so devices will flash even a damaged "
        "download. Serve the catalog with acpublish serve; in nginx, remove "
        "proxy_hide_header x-MD5;."
    ]
    assert last == f"1 error, {len(lines) - 1} ok"


def test_warnings_alone_are_status_0(acpublish: CommandLine) -> None:
    with faulty(no_date) as url:
        said = acpublish("doctor", url)
    assert said.status == 0
    assert said.out.splitlines()[-1] == "1 warning, 14 ok"


def test_doctor_tells_scripts(acpublish: CommandLine) -> None:
    with faulty(no_md5) as url:
        said = acpublish("doctor", url, "--json")
    assert said.status == 1
    document = said.json()
    assert (document["errors"], document["warnings"]) == (1, 0)
    (found,) = (one for one in document["findings"] if one["state"] == "error")
    assert found["name"] == "md5"
    assert found["change"].endswith(".")
    assert {one["change"] for one in document["findings"] if one["state"] == "ok"} == {None}


def test_what_is_not_here_is_no_error(
    acpublish: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path))
    said = acpublish("doctor")
    assert said.status == 0
    lines = said.out.splitlines()
    assert [line.split()[:3] for line in lines[:-1]] == [
        ["not", "checked", "platformio"],
        ["not", "checked", "project"],
    ]
    assert lines[-1] == "2 not checked"


def test_an_address_for_no_device_is_status_2(acpublish: CommandLine) -> None:
    said = acpublish("doctor", "https://user:secret@192.168.1.10/folder")
    assert said.status == 2
    assert "secret" not in said.error()


def test_what_a_server_says_cannot_steer_the_terminal(acpublish: CommandLine) -> None:
    def rude(request: Request, answer: Answer) -> None:
        answer.headers["Content-Encoding"] = "gz\x1b[2J"

    with faulty(rude) as url:
        assert "\x1b" not in acpublish("doctor", url).out
