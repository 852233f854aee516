"""``inspect``, ``list``, ``stamp``, ``token`` and ``device``: documents, statuses, one line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.support import images
from tests.unit.cli.invoking import CommandLine

NAMES = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")


def test_inspect_tells_people(acpublish: CommandLine, firmware: Path) -> None:
    said = acpublish("inspect", firmware)
    assert said.status == 0
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    for line in ("kind application", "chip esp8266", "stamp blank"):
        assert line in lines
    assert "checks checksum valid, CRC valid" in lines


def test_inspect_tells_scripts(acpublish: CommandLine, firmware: Path) -> None:
    firmware.write_bytes(images.esp32_image("esp32c3"))
    document = acpublish("inspect", firmware, "--json").json()
    assert document["kind"] == "application"
    assert document["chip"] == "esp32c3"
    assert document["descriptor"]["project"] == "arduino-lib-builder"
    assert document["sha256"] == hashlib.sha256(firmware.read_bytes()).hexdigest()
    assert document["digest"] == "valid"


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_inspect_of_no_image_is_status_1_with_its_kind(
    acpublish: CommandLine, firmware: Path, content: bytes
) -> None:
    firmware.write_bytes(content)
    said = acpublish("inspect", firmware, "--json")
    assert said.status == 1
    assert said.json()["kind"] == "unknown"
    assert acpublish("inspect", firmware).status == 1


def test_inspect_of_a_missing_file_is_one_line(acpublish: CommandLine) -> None:
    said = acpublish("inspect", "no.bin")
    assert said.status == 7
    assert said.error()


def test_list_of_a_directory(acpublish: CommandLine, firmware: Path, catalog: Path) -> None:
    acpublish("publish", firmware, "--to", catalog, *NAMES)
    (top,) = acpublish("list", catalog, "--json").json()
    assert (top["name"], top["type"], top["size"]) == ("lamp", "directory", 0)
    (entry,) = acpublish("list", catalog, "--path", "lamp", "--json").json()
    assert entry["name"] == "lamp-1.2.3_d1_mini.bin"
    assert entry["type"] == "bin"
    assert entry["size"] == firmware.stat().st_size
    assert set(entry) == {"name", "type", "size", "modified", "signed_with"}
    line = acpublish("list", catalog, "--path", "lamp").out.split()
    assert line == ["bin", str(entry["size"]), entry["modified"], entry["name"]]


def test_list_of_an_empty_catalog_is_an_empty_array(acpublish: CommandLine, catalog: Path) -> None:
    assert acpublish("list", catalog, "--json").json() == []
    assert acpublish("list", catalog).out == ""


@pytest.mark.parametrize("path", ["missing", "../", "/etc", ".acpublish"])
def test_list_stays_in_the_catalog(acpublish: CommandLine, catalog: Path, path: str) -> None:
    (catalog.parent / "missing-not").mkdir()
    said = acpublish("list", catalog, "--path", path)
    assert said.status == 8
    assert said.error()


def test_list_of_a_missing_directory_says_what_to_do(acpublish: CommandLine) -> None:
    said = acpublish("list", "missing")
    assert said.status == 8
    assert "mkdir" in said.error()


def test_stamp_writes_a_copy(acpublish: CommandLine, firmware: Path, tmp_path: Path) -> None:
    before, out = firmware.read_bytes(), tmp_path / "out.bin"
    words = ("--product", "lamp", "--version", "1.2.3", "-o", out)
    said = acpublish("stamp", firmware, *words, "--json")
    assert said.status == 0
    document = said.json()
    assert (document["product"], document["version"]) == ("lamp", "1.2.3")
    assert document["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert firmware.read_bytes() == before
    stamp = acpublish("inspect", out, "--json").json()["stamp"]
    assert stamp == {"product": "lamp", "version": "1.2.3"}
    assert "lamp 1.2.3" in acpublish("stamp", firmware, *words).out


@pytest.mark.parametrize(
    ("product", "version", "content"),
    [
        ("lamp", "1.2", None),
        ("lamp", "1.2.3-" + "x" * 40, None),
        ("lamp!", "1.2.3", None),
        ("lamp", "1.2.3", b"hello"),
        ("lamp", "1.2.3", images.esp8266_image()[:-100]),
        ("lamp", "1.2.3", images.signed_esp32(images.esp32_image())),
        ("lamp", "1.2.3", images.gzipped(images.esp8266_image())),
        ("lamp", "1.2.3", images.esp8266_image(record=False)),
    ],
)
def test_stamp_refuses_in_one_line_and_writes_nothing(
    acpublish: CommandLine, firmware: Path, product: str, version: str, content: bytes | None
) -> None:
    if content is not None:
        firmware.write_bytes(content)
    words = ("--product", product, "--version", version, "-o", "out.bin")
    said = acpublish("stamp", firmware, *words)
    assert said.status == 7
    assert said.error()
    assert not Path("out.bin").exists()


def test_a_token_stands_alone_on_its_line_and_is_kept_as_its_digest(
    acpublish: CommandLine, catalog: Path, tmp_path: Path
) -> None:
    state = tmp_path / "tokens"
    said = acpublish("token", "create", "--publish", "lamp", "-d", catalog, "--state", state)
    assert said.status == 0
    (token,) = said.out.splitlines()
    assert said.err == f"acpublish: the server keeps its digest in {state}\n"
    kept = (state / "tokens.json").read_text()
    assert token not in kept
    assert json.loads(kept)["tokens"][0]["sha256"] == hashlib.sha256(token.encode()).hexdigest()


def test_a_token_for_every_product(acpublish: CommandLine, catalog: Path, tmp_path: Path) -> None:
    state = tmp_path / "tokens"
    assert acpublish("token", "create", "--publish", "*", "-d", catalog, "--state", state).out
    assert json.loads((state / "tokens.json").read_text())["tokens"][0]["publish"] == "*"


def test_a_token_for_a_catalog_that_is_not_there_is_refused(
    acpublish: CommandLine, tmp_path: Path
) -> None:
    said = acpublish("token", "create", "--publish", "lamp", "-d", "catalgo")
    assert said.status == 8
    assert "catalgo" in said.error()
    assert not (tmp_path / "state").exists()


def test_a_token_for_no_product_is_refused(acpublish: CommandLine, catalog: Path) -> None:
    said = acpublish("token", "create", "--publish", "a/b", "-d", catalog)
    assert said.status == 7
    assert said.error()


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("lamp.bin", "--auto", "lamp/d1_mini"),
        ("lamp.bin", "--channel", "beta"),
        ("--auto", "lamp/d1_mini", "--chip", "z80"),
        ("--auto", "lamp/d1_mini", "--mode", "version", "--chip", "esp32"),
    ],
)
def test_a_device_that_cannot_be_is_refused(acpublish: CommandLine, words: tuple[str, ...]) -> None:
    said = acpublish("device", "http://127.0.0.1:9", *words)
    assert said.status == 2
    assert said.error()


def test_a_device_that_reaches_nobody_fails_with_status_1(acpublish: CommandLine) -> None:
    said = acpublish("device", "http://127.0.0.1:9", "--auto", "lamp/d1_mini", "--json")
    assert said.status == 1
    assert said.json()["result"] == "failed"
    assert said.json()["reason"]
    assert said.err == (
        "acpublish: error: no update from http://127.0.0.1:9/update/lamp/d1_mini. Compare the "
        "address with 'acpublish list URL', and look at the server's log.\n"
    )
    assert acpublish("device", "http://me:s3cret@127.0.0.1:9", "x.bin").err.count("s3cret") == 0


def test_an_address_that_cannot_be_listed_is_named_as_what_it_is(acpublish: CommandLine) -> None:
    said = acpublish("list", "ftp://x")
    assert said.status == 2
    assert said.error().startswith("acpublish: error: DIR|URL: the URL is not a valid http(s) URL")
