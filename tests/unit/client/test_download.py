"""Downloads: complete and verified, or not there at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from acpublish import UpdateServer, atomic
from acpublish.client.retry import Patience
from acpublish.errors import (
    AuthenticationError,
    RefusedError,
    SettingsError,
    UnreachableError,
    VerificationError,
)
from tests.support.flushes import recorded
from tests.support.original import original_server
from tests.unit.client.scripted import Script, head, image_answer, scripted

QUICK = Patience(first_wait_s=0.02, total_s=3.0)
IMAGE = b"\xe9" + bytes(range(256)) * 700


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def client(url: str) -> UpdateServer:
    return UpdateServer(url, timeout_s=2.0, patience=QUICK)


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
