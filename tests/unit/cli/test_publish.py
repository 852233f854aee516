"""``acpublish publish`` to a directory: what it prints, writes and refuses."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.ci.runner import variables
from tests.support import images
from tests.unit.cli.invoking import CommandLine

NAMES = ("--product", "lamp", "--version", "1.2.3", "--board", "d1_mini")
FILE = "lamp/lamp-1.2.3_d1_mini.bin"


def visible(catalog: Path) -> list[str]:
    return sorted(
        str(path.relative_to(catalog))
        for path in catalog.rglob("*")
        if path.is_file() and ".acpublish" not in path.parts
    )


def test_one_visible_file_is_new(acpublish: CommandLine, firmware: Path, catalog: Path) -> None:
    before = firmware.read_bytes()
    said = acpublish("publish", firmware, "--to", catalog, *NAMES)
    assert said.status == 0
    assert said.err == ""
    assert said.out.startswith("lamp 1.2.3 for d1_mini (stable): published\n")
    assert said.out.rstrip().endswith(FILE)
    assert visible(catalog) == [FILE]
    assert firmware.read_bytes() == before


def test_a_dry_run_to_a_server_needs_the_token_of_a_real_one(
    acpublish: CommandLine, firmware: Path
) -> None:
    said = acpublish("publish", firmware, "--to", "http://127.0.0.1:9", *NAMES, "--dry-run")
    assert said.status == 3
    assert "ACPUBLISH_TOKEN" in said.error()


def test_what_no_flash_chip_holds_is_refused_before_it_is_sent(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    with firmware.open("r+b") as file:
        file.truncate(32 * 1024 * 1024 + 1)
    words = ("publish", firmware, "--to", catalog, *NAMES, "--kind", "filesystem")
    firmware.write_bytes(b"\xff" + firmware.read_bytes()[1:])
    said = acpublish(*words)
    assert said.status == 7
    assert "size: the image is 33554433 bytes long" in said.error()


def test_json_is_the_receipt(acpublish: CommandLine, firmware: Path, catalog: Path) -> None:
    said = acpublish("publish", firmware, "--to", catalog, *NAMES, "--json")
    published = (catalog / FILE).read_bytes()
    assert said.json() == {
        "outcome": "published",
        "dry_run": False,
        "product": "lamp",
        "version": "1.2.3",
        "board": "d1_mini",
        "channel": "stable",
        "points_at": "1.2.3",
        "rolling": False,
        "kind": "firmware",
        "file": FILE,
        "size": len(published),
        "md5": hashlib.md5(published, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(published).hexdigest(),
        "compressed": None,
        "url": str(catalog / FILE),
        "warnings": [],
        "not_checked": said.json()["not_checked"],
        "plan": None,
    }
    assert said.json()["not_checked"]["flash-size"] == "the size of the board's flash"
    assert "stamp" not in said.json()["not_checked"]


def test_compression(acpublish: CommandLine, firmware: Path, catalog: Path) -> None:
    firmware.write_bytes(images.esp8266_image(compressible=True))
    words = ("publish", firmware, "--to", catalog, *NAMES, "--core", "3.1.2")
    acpublish(*words)
    planned = acpublish(*words, "--compress", "--dry-run")
    assert "would be compressed" in planned.out
    said = acpublish(*words, "--compress")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("lamp 1.2.3 for d1_mini (stable): gzip added\n")
    assert " bytes compressed (" in said.out
    assert visible(catalog) == [FILE]
    held = acpublish(*words, "--compress", "--json").json()
    assert (held["outcome"], set(held["compressed"])) == (
        "already published",
        {"size", "md5", "sha256"},
    )


def test_an_esp32s_image_is_not_compressed(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    firmware.write_bytes(images.esp32_image("esp32c3"))
    said = acpublish("publish", firmware, "--to", catalog, *NAMES, "--compress")
    assert said.status == 7
    assert "an image for esp32c3 cannot be compressed" in said.error()
    assert visible(catalog) == []


def test_the_same_again_is_a_success(acpublish: CommandLine, firmware: Path, catalog: Path) -> None:
    acpublish("publish", firmware, "--to", catalog, *NAMES)
    said = acpublish("publish", firmware, "--to", catalog, *NAMES)
    assert said.status == 0
    assert "already published" in said.out
    said = acpublish("publish", firmware, "--to", catalog, *NAMES, "--json")
    assert said.json()["outcome"] == "already published"


def test_an_older_release_again_says_what_the_channel_points_at(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    words = ("publish", firmware, "--to", catalog, "--product", "lamp", "--board", "d1")
    for version in ("1.0.0", "2.0.0"):
        acpublish(*words, "--version", version)
    said = acpublish(*words, "--version", "1.0.0")
    line = "lamp 1.0.0 for d1 (stable): already published; stable points at 2.0.0"
    assert (said.status, said.err, said.out.splitlines()[0]) == (0, "", line)
    document = acpublish(*words, "--version", "1.0.0", "--json").json()
    assert (document["outcome"], document["points_at"]) == ("already published", "2.0.0")
    planned = acpublish(*words, "--version", "1.0.0", "--dry-run", "--json").json()
    assert (planned["plan"]["after"], planned["points_at"]) == ("2.0.0", "2.0.0")


def test_what_is_given_is_checked(
    acpublish: CommandLine, firmware: Path, catalog: Path, tmp_path: Path
) -> None:
    firmware.write_bytes(images.esp32_image("esp32c3"))
    (tmp_path / "table.csv").write_text("ota_0, app, ota_0, 0x10000, 1M\n")
    words = ("publish", firmware, "--to", catalog, "--product", "lamp", "--board", "c3")
    (line,) = (
        line
        for line in acpublish(*words, "--version", "1.0.0").out.splitlines()
        if line.startswith("not checked: ")
    )
    assert "chip (add --chip CHIP); slot, partition-layout (add --partitions FILE); " in line
    said = acpublish(
        *words, "--version", "1.1.0", "--chip", "esp32c3", "--partitions", tmp_path / "table.csv"
    )
    assert (said.status, "--chip" in said.out, "--partitions" in said.out) == (0, False, False)
    assert "partition-layout (known from the next release on)" in said.out


def test_warnings_are_shown_for_what_is_published_already(
    acpublish: CommandLine, firmware: Path, catalog: Path, tmp_path: Path
) -> None:
    firmware.write_bytes(images.esp32_image("esp32c3"))
    table = tmp_path / "table.csv"
    words = ("publish", firmware, "--to", catalog, "--product", "lamp", "--board", "c3")
    for version, size in (("1.0.0", "1M"), ("1.1.0", "2M")):
        table.write_text(f"ota_0, app, ota_0, 0x10000, {size}\n")
        said = acpublish(*words, "--version", version, "--partitions", table)
    again = acpublish(*words, "--version", "1.1.0", "--partitions", table)
    assert "already published" in again.out
    assert again.err == said.err
    assert "partition-layout: the partition layout differs from that of lamp 1.0.0" in again.err


def test_a_lower_version_needs_a_reason(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    words = ("publish", firmware, "--to", catalog, "--product", "lamp", "--board", "d1")
    acpublish(*words, "--version", "2.0.0")
    lower = (*words, "--version", "1.0.0")
    refused = acpublish(*lower)
    assert refused.status == 7
    assert "version-order: 1.0.0 is not higher than 2.0.0, the newest on stable" in refused.error()
    assert "--skip-check version-order=REASON" in refused.error()
    assert acpublish(*lower, "--channel", "legacy").status == 0
    # The release is there, but that would still move the channel back.
    assert acpublish(*lower).status == 7
    said = acpublish(*lower, "--skip-check", "version-order=2.0.0 was a mistake", "--json")
    assert (said.status, said.json()["points_at"]) == (0, "1.0.0")


def test_other_bytes_are_a_conflict_with_both_digests(
    acpublish: CommandLine, firmware: Path, catalog: Path, tmp_path: Path
) -> None:
    acpublish("publish", firmware, "--to", catalog, *NAMES)
    there = hashlib.sha256((catalog / FILE).read_bytes()).hexdigest()
    firmware.write_bytes(images.esp8266_image(seed=2))
    stamped = tmp_path / "stamped.bin"
    acpublish("stamp", firmware, "--product", "lamp", "--version", "1.2.3", "-o", stamped)
    said = acpublish("publish", firmware, "--to", catalog, *NAMES)
    assert said.status == 4
    assert there in said.error()
    assert hashlib.sha256(stamped.read_bytes()).hexdigest() in said.error()


def test_a_dry_run_writes_nothing(acpublish: CommandLine, firmware: Path, catalog: Path) -> None:
    said = acpublish("publish", firmware, "--to", catalog, *NAMES, "--dry-run")
    assert said.status == 0
    assert "would be published" in said.out
    assert visible(catalog) == []
    said = acpublish("publish", firmware, "--to", catalog, *NAMES, "--dry-run", "--json")
    assert said.json()["dry_run"] is True
    assert visible(catalog) == []


def test_an_image_without_a_place_for_a_stamp_is_a_warning_on_stderr(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    firmware.write_bytes(images.esp8266_image(record=False))
    said = acpublish("publish", firmware, "--to", catalog, *NAMES, "--json")
    assert said.status == 0
    assert said.err.startswith("acpublish: warning: unstamped: ")
    assert said.json()["warnings"][0].startswith("unstamped: ")


def test_variables_stand_in_and_options_win(
    acpublish: CommandLine, firmware: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"TO": str(catalog), "PRODUCT": "lamp", "VERSION": "1.0.0", "BOARD": "d1_mini"}
    for name, text in given.items():
        monkeypatch.setenv(f"ACPUBLISH_{name}", text)
    said = acpublish("publish", firmware, "--version", "1.2.3", "--json")
    assert said.json()["file"] == FILE


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        (("--version", "v1.2"), 7, "Use '1.2.0'"),
        (("--version", ""), 2, "--version is empty"),
        (("--product", "../x"), 7, "product name"),
        (("--product", "a b"), 7, "Use for example 'a-b'"),
        (("--product", "p" * 200), 7, "the limit is 31"),
        (("--product", "update"), 7, "reserved for the server's own URLs"),
        (("--board", "x.fs"), 7, "'x-fs'"),
        (("--kind", "cat"), 2, "Use firmware or filesystem"),
        (("--chip", "esp32"), 7, "chip: "),
        (("--to", "missing"), 8, "mkdir"),
        (("--to", "ftp://x"), 2, "not a valid http(s) URL"),
        (("--to", "http://user:secret@x"), 2, "ACPUBLISH_TOKEN"),
    ],
)
def test_what_is_refused_is_one_line(
    acpublish: CommandLine,
    firmware: Path,
    catalog: Path,
    change: tuple[str, str],
    status: int,
    words: str,
) -> None:
    said = acpublish("publish", firmware, "--to", catalog, *NAMES, *change)
    assert said.status == status
    assert words in said.error()
    assert "secret" not in said.err
    assert visible(catalog) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        images.esp8266_image()[:-100],
        images.esp32_image()[:-1] + b"\0",
        images.merged_image(),
        images.bootloader(),
        images.gzipped(images.esp8266_image()),
        images.signed_esp32(images.esp32_image()),
        images.littlefs(),
    ],
    ids=["empty", "text", "cut", "digest", "merged", "boot", "gzip", "signed", "filesystem"],
)
def test_bad_files_are_one_line_with_status_7(
    acpublish: CommandLine, firmware: Path, catalog: Path, content: bytes
) -> None:
    firmware.write_bytes(content)
    said = acpublish("publish", firmware, "--to", catalog, *NAMES)
    assert said.status == 7
    assert said.error()
    assert visible(catalog) == []


def test_a_file_that_is_missing(acpublish: CommandLine, catalog: Path) -> None:
    said = acpublish("publish", "no.bin", "--to", catalog, *NAMES)
    assert said.status == 7
    assert "no.bin cannot be read: no such file" in said.error()


def test_a_workflow_is_told_what_was_published(
    acpublish: CommandLine,
    firmware: Path,
    catalog: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(catalog))
    said = acpublish("publish", firmware, "--to", catalog, *NAMES)
    assert said.status == 0
    assert said.err.startswith("acpublish: warning: GITHUB_STEP_SUMMARY cannot be written: ")
    assert variables(tmp_path / "output")["file"] == FILE
