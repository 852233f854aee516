"""The client against the original protocol, and against every bad answer."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from acpublish import UpdateServer, atomic
from acpublish.client.retry import Patience
from acpublish.errors import (
    AuthenticationError,
    NotFoundError,
    RefusedError,
    SettingsError,
    UnreachableError,
    VerificationError,
)
from tests.support.flushes import recorded
from tests.support.original import original_server
from tests.unit.client.scripted import Script, head, image_answer, json_answer, scripted

QUICK = Patience(first_wait_s=0.02, total_s=3.0)
IMAGE = b"\xe9" + bytes(range(256)) * 700


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def client(url: str) -> UpdateServer:
    return UpdateServer(url, timeout_s=2.0, patience=QUICK)


def test_the_original_server_is_listed_and_downloaded_from(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    (catalog / "sub").mkdir(parents=True)
    (catalog / "a.bin").write_bytes(IMAGE)
    (catalog / "sub" / "inner.bin").write_bytes(IMAGE[:1000])
    (catalog / "notes.txt").write_text("notes")
    with original_server(catalog) as server:
        entries = {entry.name: entry for entry in client(server.url).catalog()}
        assert {name: entry.type for name, entry in entries.items()} == {
            "a.bin": "bin",
            "notes.txt": "file",
            "sub": "file",
        }
        assert entries["a.bin"].size == len(IMAGE)
        assert entries["a.bin"].modified is not None
        got = client(server.url).download(entries["a.bin"], tmp_path / "got.bin")
        assert got.read_bytes() == IMAGE

        inner = client(server.url).catalog("sub")[0]
        assert inner.path == "sub/inner.bin"
        got = client(server.url).download(inner, tmp_path)
        assert got == tmp_path / "inner.bin"
        assert got.read_bytes() == IMAGE[:1000]


def test_device_headers_are_sent_only_when_they_are_needed(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(IMAGE)
    with original_server(tmp_path) as server:
        client(server.url).download("a.bin", tmp_path / "got.bin")
        first, second = (headers for _, headers in server.requests)
    assert not any(name.lower().startswith("x-esp") for name in first)
    assert second["User-Agent"] == "ESP8266-http-Update"
    assert second["x-ESP8266-sketch-md5"] != hashlib.md5(IMAGE).hexdigest()


def test_a_missing_file_of_the_original_server_is_one_line(tmp_path: Path) -> None:
    with (
        original_server(tmp_path) as server,
        pytest.raises(RefusedError, match="responded with 500"),
    ):
        client(server.url).download("none.bin", tmp_path / "got.bin")
    assert names(tmp_path) == []


def test_the_path_of_a_list_is_encoded() -> None:
    with scripted(json_answer("[]")) as server:
        assert client(server.url).catalog("my folder/ä&b") == ()
        line = server.requests[0].split(b"\r\n")[0]
    assert line == b"GET /_catalog?op=list&path=my%20folder/%C3%A4%26b HTTP/1.1"


def test_a_name_goes_as_it_is_where_it_may(tmp_path: Path) -> None:
    (tmp_path / "a-1.0.0-dev.1+g12_b@c.bin").write_bytes(IMAGE)
    with original_server(tmp_path) as server:
        entry = client(server.url).catalog()[0]
        assert client(server.url).download(entry, tmp_path / "got").read_bytes() == IMAGE


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with scripted(image_answer(IMAGE)) as server:
        client(server.url).download(
            "a.bin", tmp_path / "a.bin", progress=lambda done, size: told.append((done, size))
        )
    assert told[-1] == (len(IMAGE), len(IMAGE))
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_both_digests_are_compared(tmp_path: Path) -> None:
    sha256 = hashlib.sha256(IMAGE).hexdigest().upper()
    with scripted(image_answer(IMAGE, x_SHA256=sha256)) as server:
        assert client(server.url).download("a.bin", tmp_path / "a").read_bytes() == IMAGE
    with (
        scripted(image_answer(IMAGE, x_SHA256="0" * 64)) as server,
        pytest.raises(VerificationError, match="the sha256 of"),
    ):
        client(server.url).download("a.bin", tmp_path / "b")


def test_a_download_that_breaks_is_tried_again(tmp_path: Path) -> None:
    broken = [image_answer(IMAGE)[0], IMAGE[:5000]]
    with scripted(broken, image_answer(IMAGE)) as server:
        assert client(server.url).download("a.bin", tmp_path / "a").read_bytes() == IMAGE


BAD: dict[str, tuple[Script, type[Exception], str]] = {
    "wrong md5": (image_answer(IMAGE, x_MD5="0" * 32), VerificationError, "the md5 of 'a.bin'"),
    "garbled md5": (image_answer(IMAGE, x_MD5="zz"), VerificationError, "malformed x-MD5"),
    "no digest": (
        [head(Content_Length=len(IMAGE)), IMAGE],
        VerificationError,
        "without a digest",
    ),
    "no length": ([head(x_MD5="0" * 32), IMAGE], VerificationError, "how long"),
    "empty": (image_answer(b""), VerificationError, "how long"),
    "too large": (
        [head(Content_Length=99_999_999, x_MD5="0" * 32), IMAGE],
        VerificationError,
        "the limit is",
    ),
    "short": ([head(Content_Length=999_999, x_MD5="0" * 32), IMAGE], UnreachableError, "broke"),
    "stalls": (
        [head(Content_Length=999_999, x_MD5="0" * 32), b"\xe9", 9.0],
        UnreachableError,
        "no response in time",
    ),
    "html": (
        [head(Content_Type="text/html", Content_Length=6), b"<html>"],
        RefusedError,
        "responded with HTML",
    ),
    "missing": ([head("404 No")], RefusedError, "404"),
    "redirect": ([head("302 Found", Location="http://other/")], RefusedError, "redirects"),
    "wrong password": ([head("401 No")], AuthenticationError, "401"),
    "refused to devices, too": ([head("403 No")], AuthenticationError, "403"),
    "partial": ([head("206 Part", Content_Length=3), b"abc"], RefusedError, "206"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_download_leaves_nothing(name: str, tmp_path: Path) -> None:
    script, error, words = BAD[name]
    old = tmp_path / "a.bin"
    old.write_bytes(b"old")
    patience = Patience(attempts=2, first_wait_s=0.02, total_s=2.0)
    with scripted(script) as server, pytest.raises(error, match=words) as caught:
        UpdateServer(server.url, timeout_s=0.3, patience=patience).download("a.bin", old)
    assert "\n" not in str(caught.value)
    assert old.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ([head(Content_Type="text/html"), b"<!doctype html>"], RefusedError, "responded with HTML"),
        ([head(), b"  <html></html>"], RefusedError, "responded with HTML"),
        (json_answer("{"), RefusedError, "with JSON"),
        (json_answer("[" * 100_000), RefusedError, "with JSON"),
        (json_answer('{"a": 1}'), VerificationError, "not a list"),
        (json_answer('[{"name": "../x", "type": "bin"}]'), VerificationError, r"entry \[0\]"),
        ([head("404 No")], RefusedError, "404"),
        ([head("301 Moved", Location="/x")], RefusedError, "redirects"),
        ([head("401 No")], AuthenticationError, "401"),
    ],
)
def test_a_bad_list(script: Script, error: type[Exception], words: str) -> None:
    with scripted(script) as server, pytest.raises(error, match=words):
        client(server.url).catalog()


def test_what_is_no_file_cannot_be_downloaded(tmp_path: Path) -> None:
    for path in ("", "/", "sub/"):
        with pytest.raises(SettingsError, match="not a file"):
            client("http://127.0.0.1:1").download(path, tmp_path)


def test_a_destination_that_cannot_be_written(tmp_path: Path) -> None:
    with (
        scripted(image_answer(IMAGE)) as server,
        pytest.raises(SettingsError, match="cannot be written"),
    ):
        client(server.url).download("a.bin", tmp_path / "missing" / "a.bin")


@pytest.mark.parametrize("destination", ["x" * 300, "a\0b", "x" * 300 + "/a.bin"])
def test_a_destination_that_no_system_accepts(tmp_path: Path, destination: str) -> None:
    with scripted(image_answer(IMAGE)) as server, pytest.raises(SettingsError) as caught:
        client(server.url).download("a.bin", tmp_path / destination)
    assert "cannot be written" in caught.value.problem
    assert names(tmp_path) == []


def test_a_progress_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(done: int, size: int | None) -> None:
        raise KeyboardInterrupt

    with scripted(image_answer(IMAGE)) as server, pytest.raises(KeyboardInterrupt):
        client(server.url).download("a.bin", tmp_path / "a.bin", progress=fails)
    assert names(tmp_path) == []


def test_a_directory_that_is_not_there_is_not_found() -> None:
    missing: Script = [head("404 Not Found", Content_Type="text/plain"), b"no such thing"]
    with scripted(missing) as server:
        with pytest.raises(NotFoundError, match="there is no directory 'nope' in the catalog"):
            UpdateServer(server.url).catalog("nope")
        with pytest.raises(RefusedError, match="responded with 404 to the catalog") as caught:
            UpdateServer(server.url).catalog()
        # The advice to list the catalog would not help: this was the attempt.
        assert "acpublish list" not in caught.value.hint
    page: Script = [head("404 Not Found", Content_Type="text/html"), b"<html>"]
    with scripted(page) as server, pytest.raises(RefusedError, match="responded with HTML"):
        UpdateServer(server.url).catalog("nope")


def test_a_download_is_flushed_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(image_answer(IMAGE)) as server:
        calls = recorded(monkeypatch)
        client(server.url).download("a.bin", tmp_path / "got.bin")
    assert calls == ["flush file", "rename to got.bin", f"flush directory {tmp_path.name}"]


def test_a_download_into_a_directory_that_is_missing_is_one_clear_error(tmp_path: Path) -> None:
    with (
        scripted(image_answer(IMAGE)) as server,
        pytest.raises(SettingsError, match="cannot be written: there is no directory"),
    ):
        client(server.url).download("a.bin", tmp_path / "missing" / "got.bin")
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_download_to_a_full_disk_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    monkeypatch.setattr(atomic, "_created", lambda path, mode: full)
    with (
        scripted(image_answer(IMAGE)) as server,
        pytest.raises(SettingsError, match=r"got\.bin cannot be written: no space left"),
    ):
        client(server.url).download("a.bin", tmp_path / "got.bin")
    assert names(tmp_path) == []


def test_what_a_progress_bar_raises_is_not_taken_for_a_failure_to_write(tmp_path: Path) -> None:
    def progress(done: int, total: int | None) -> None:
        raise BrokenPipeError("the terminal is gone")

    with scripted(image_answer(IMAGE)) as server, pytest.raises(BrokenPipeError):
        client(server.url).download("a.bin", tmp_path / "got.bin", progress=progress)
    assert names(tmp_path) == []


def test_only_a_file_is_replaced_by_a_download(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("real.bin")
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "a.bin").write_bytes(IMAGE)
    with original_server(catalog) as server:
        with pytest.raises(SettingsError, match="pipe is not a regular file"):
            client(server.url).download("a.bin", tmp_path / "pipe")
        client(server.url).download("a.bin", tmp_path / "link")
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real.bin").read_bytes() == IMAGE
