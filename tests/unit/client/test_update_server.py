"""The client against the original protocol, and against every bad answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import acpublish
from acpublish import UpdateServer
from acpublish.client.retry import Patience
from acpublish.errors import (
    AuthenticationError,
    NotFoundError,
    RefusedError,
    SettingsError,
    VerificationError,
)
from tests.support.images import esp8266_image
from tests.support.original import original_server
from tests.support.server import running_server
from tests.support.tokens import create_token
from tests.unit.client.scripted import Script, head, json_answer, scripted

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


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URL of a server of ours, and a token with the scope read."""
    catalog, key = tmp_path / "catalog", tmp_path / "key.pem"
    catalog.mkdir()
    acpublish.create_key(key)
    for version, signed_with in (("1.10.0", None), ("1.9.0", key), ("1.11.0", key)):
        firmware = tmp_path / f"{version}.bin"
        firmware.write_bytes(esp8266_image(seed=len(version)))
        acpublish.publish(
            firmware, to=catalog, product="lamp", version=version, board="d1",
            channel="beta" if version == "1.9.0" else "stable", signing_key=signed_with,
        )  # fmt: skip
    acpublish.withdraw("lamp", "1.11.0", to=catalog, reason="it overheats", by="Ada")
    token = create_token(tmp_path / "state", read=True)
    with running_server(catalog, tmp_path) as server:
        yield server.url, token


def test_versions_and_channels_of_a_server_of_ours(ours: tuple[str, str], tmp_path: Path) -> None:
    server = client(ours[0])
    assert [str(release.version) for release in server.releases("lamp")] == [
        "1.9.0",
        "1.10.0",
        "1.11.0",
    ]
    image = server.releases("lamp")[-1].images[0]
    assert (image.withdrawn, image.withdrawn_reason) == ("withdrawn", "it overheats")
    beta, stable = server.channels("lamp")
    assert (beta.channel, str(beta.current and beta.current.version)) == ("beta", "1.9.0")
    assert (stable.channel, str(stable.current and stable.current.version)) == ("stable", "1.10.0")
    assert [str(pointer.version) for pointer in stable.before] == ["1.11.0"]
    assert server.releases("horn") == ()
    with pytest.raises(NotFoundError, match="no such product"):
        server.channels("horn")
    pinned = UpdateServer(ours[0], trusted_keys=acpublish.show_key(tmp_path / "key.pem").pem)
    signed = [str(release.version) for release in pinned.releases("lamp")]
    assert signed == ["1.9.0", "1.11.0"]


def test_a_withdrawn_image_is_given_to_who_may_read(ours: tuple[str, str], tmp_path: Path) -> None:
    url, token = ours
    with pytest.raises(RefusedError, match="responded with 404"):
        client(url).download("lamp/lamp-1.11.0_d1.bin", tmp_path / "got.bin")
    with pytest.raises(AuthenticationError, match="token"):
        client(url).download_image("lamp", "1.11.0", "d1", tmp_path / "got.bin")
    assert not (tmp_path / "got.bin").exists()
    reader = UpdateServer(url, token=token, patience=QUICK)
    target = reader.download_image("lamp", "1.11.0", "d1", tmp_path)
    assert target == tmp_path / "lamp-1.11.0_d1.bin"
    (expected,) = (release for release in reader.releases("lamp") if release.version.minor == 11)
    assert hashlib.sha256(target.read_bytes()).hexdigest() == expected.images[0].sha256
    with pytest.raises(NotFoundError, match=r"no filesystem of lamp 1\.11\.0 for d1"):
        reader.download_image("lamp", "1.11.0", "d1", tmp_path, kind="filesystem")
    acpublish.delete("lamp", "1.11.0", to=tmp_path / "catalog", reason="a password is in it")
    with pytest.raises(NotFoundError):
        reader.download_image("lamp", "1.11.0", "d1", tmp_path / "again.bin")
    assert not (tmp_path / "again.bin").exists()


def test_a_server_that_is_not_ours_has_no_releases(tmp_path: Path) -> None:
    with original_server(tmp_path) as server:
        with pytest.raises(AuthenticationError, match="that it is an acpublish server"):
            client(server.url).releases("lamp")
        with pytest.raises(AuthenticationError, match="that it is an acpublish server"):
            client(server.url).channels("lamp")
