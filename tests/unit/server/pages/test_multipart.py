"""Forms with files, however they are cut, and what is not one."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import HTTP

import pytest

from acpublish.errors import RequestError
from acpublish.server.pages.multipart import MultipartReader, SentPart

TYPE = "multipart/form-data; boundary=xyz"
BODY = (
    b'--xyz\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nabc\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a%22b.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\x00\r\n--xy\r\n\xff\r\n"
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n'
    b"--xyz--\r\nmore"
)


def read(body: bytes, step: int, file_bytes: int = 1000) -> list[SentPart]:
    reader = MultipartReader(TYPE, file_bytes)
    parts = [part for at in range(0, len(body), step) for part in reader.feed(body[at : at + step])]
    reader.end()
    return parts


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 5000])
def test_it_does_not_matter_how_the_body_is_cut(step: int) -> None:
    csrf, file, empty = read(BODY, step)
    assert (csrf.name, csrf.filename, bytes(csrf.data)) == ("csrf", None, b"abc")
    assert (file.name, file.filename) == ("file", 'a"b.bin')
    assert bytes(file.data) == b"\x00\r\n--xy\r\n\xff"
    assert (empty.filename, bytes(empty.data)) == ("", b"")


@pytest.mark.parametrize("step", [5, 5000])
def test_what_is_too_long_of_a_file_is_counted_and_not_kept(step: int) -> None:
    _, file, _ = read(BODY, step, file_bytes=4)
    assert (bytes(file.data), file.size) == (b"\x00\r\n-", 10)


def test_what_another_writer_makes() -> None:
    message = EmailMessage(HTTP)
    message.add_header("Content-Type", "multipart/form-data")
    part = EmailMessage(HTTP)
    part.add_header("Content-Disposition", "form-data", name="file", filename="lamp.bin")
    part.set_content(b"\xe9\x00\r\n", "application", "octet-stream", cte="binary")
    del part["Content-Disposition"]
    part.add_header("Content-Disposition", "form-data", name="file", filename="lamp.bin")
    message.attach(part)
    message.set_boundary("one two")
    body = bytes(message).partition(b"\r\n\r\n")[2]
    (sent,) = MultipartReader('multipart/form-data; boundary="one two"', 1000).feed(body)
    assert (sent.filename, bytes(sent.data)) == ("lamp.bin", b"\xe9\x00\r\n")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 71}",
        "application/x-www-form-urlencoded",
    ],
)
def test_what_is_not_such_a_form(content_type: str) -> None:
    with pytest.raises(RequestError, match="not a form with files"):
        MultipartReader(content_type, 10)


@pytest.mark.parametrize(
    "body",
    [
        b"--xyz\r\n\r\nno head",
        b"--xyz\r\nContent-Disposition: form-data\r\n\r\nno name",
        b"--xyz\r\nX: " + b"y" * 5000,
    ],
)
def test_a_part_without_a_proper_head(body: bytes) -> None:
    with pytest.raises(RequestError, match="not a form with files"):
        MultipartReader(TYPE, 10).feed(body)


def test_a_field_that_is_too_long() -> None:
    body = b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"x" * 5000
    with pytest.raises(RequestError, match="too long"):
        MultipartReader(TYPE, 10).feed(body)


@pytest.mark.parametrize("length", [0, 3, 60, len(BODY) - 12])
def test_a_form_that_ends_early(length: int) -> None:
    reader = MultipartReader(TYPE, 1000)
    reader.feed(BODY[:length])
    with pytest.raises(RequestError, match="not complete"):
        reader.end()
