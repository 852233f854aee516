from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from acpublish.cli import main
from acpublish.release.checks.registry import CHECKS
from tests.support import images
from tests.unit.cli.invoking import CommandLine


def test_each_check_has_its_line(acpublish: CommandLine, firmware: Path) -> None:
    said = acpublish("check", firmware, "--product", "lamp", "--version", "1.0.0")
    assert said.status == 0
    lines = {line[13:].split()[0]: line for line in said.out.splitlines()}
    assert set(lines) == {one.name for one in CHECKS}
    assert lines["stamp"].split() == ["ok", "stamp"]
    assert lines["flash-size"].startswith("not checked  flash-size")
    assert "lacks the size of the board's flash" in lines["flash-size"]


def test_an_error_is_told_and_is_the_status(acpublish: CommandLine, tmp_path: Path) -> None:
    merged = tmp_path / "merged.bin"
    merged.write_bytes(images.merged_image())
    said = acpublish("check", merged, "--json")
    assert said.status == 7
    found = {one["check"]: one for one in said.json()}
    assert found["empty"]["result"] == "ok"
    assert found["wrong-kind"]["result"] == "error"
    assert "merged" in found["wrong-kind"]["findings"][0]["problem"]
    assert found["chip"]["result"] == "not checked"
    assert not list(tmp_path.glob("catalog"))


def test_earlier_releases_are_looked_up(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    where = ("--to", catalog, "--product", "lamp", "--board", "d1")
    acpublish("publish", firmware, *where, "--version", "1.1.0")
    said = acpublish("check", firmware, *where, "--version", "1.0.0", "--json")
    found = {one["check"]: one["result"] for one in said.json()}
    assert (said.status, found["version-order"], found["chip"]) == (7, "error", "ok")


def test_a_check_is_switched_off(
    acpublish: CommandLine, firmware: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = ("check", firmware, "--chip", "esp32", "--json")
    assert acpublish(*wrong).status == 7
    said = acpublish(*wrong, "--skip-check", "chip=a trial", "--skip-check", "dirty=another")
    found = {one["check"]: one for one in said.json()}
    assert (said.status, found["chip"]["result"], found["chip"]["reason"]) == (
        *(0, "skipped"),
        "a trial",
    )
    assert found["dirty"]["reason"] == "another"
    monkeypatch.setenv("ACPUBLISH_SKIP_CHECKS", "chip=a trial")
    assert acpublish(*wrong).status == 0


def test_what_cannot_be_switched_off(acpublish: CommandLine, firmware: Path) -> None:
    said = acpublish("check", firmware, "--skip-check", "damaged=x")
    assert said.status == 2
    assert "--skip-check: the check damaged cannot be switched off" in said.error()


def test_a_publish_records_the_reason(
    acpublish: CommandLine, firmware: Path, catalog: Path
) -> None:
    words = ("publish", firmware, "--to", catalog, "--product", "lamp", "--version", "1.0.0")
    words = (*words, "--board", "d1", "--chip", "esp32")
    refused = acpublish(*words)
    assert refused.status == 7
    assert refused.error().startswith("acpublish: error: chip: ")
    assert acpublish(*words, "--skip-check", "chip=a trial").status == 0
    manifest = catalog / ".acpublish" / "releases" / "lamp" / "1.0.0.json"
    assert '"chip": "a trial"' in manifest.read_text()


@pytest.mark.parametrize("name", [one.name for one in CHECKS])
def test_each_is_explained(acpublish: CommandLine, name: str) -> None:
    said = acpublish("check", "--explain", name)
    assert said.status == 0
    assert said.out.startswith(f"{name} (")
    (document,) = acpublish("check", "--explain", name, "--json").json()
    assert document["check"] == name


def test_all_are_listed(acpublish: CommandLine) -> None:
    lines = acpublish("check", "--list").out.splitlines()
    assert [line.split()[0] for line in lines] == [one.name for one in CHECKS]


def test_nothing_to_do(acpublish: CommandLine) -> None:
    assert acpublish("check").status == 2
    assert "no check 'x'" in acpublish("check", "--explain", "x").error()
    assert main(["check", "--help"]) == 0


def test_a_partition_table_that_is_too_small(
    acpublish: CommandLine, catalog: Path, tmp_path: Path
) -> None:
    image, table = tmp_path / "c3.bin", tmp_path / "partitions.csv"
    image.write_bytes(images.esp32_image(size=0x10010))
    table.write_text("app0, app, ota_0, 0x10000, 64K\n")
    said = acpublish("check", image, "--partitions", table, "--json")
    found = {one["check"]: one for one in said.json()}
    assert (said.status, found["slot"]["result"]) == (7, "error")
    assert "16 bytes too many" in found["slot"]["findings"][0]["problem"]
    words = ("--to", catalog, "--product", "lamp", "--version", "1.0.0", "--board", "c3")
    refused = acpublish("publish", image, *words, "--partitions", table)
    assert refused.status == 7
    assert (
        "slot: the image is 65552 bytes, but the smallest OTA slot holds only 65536"
        in refused.error()
    )
    table.write_text("app0, app, ota_0, 0x10000, 68K\n")
    tight = acpublish("publish", image, *words, "--partitions", table)
    assert tight.status == 0
    assert "94 % of the smallest OTA slot" in tight.err
    other = tmp_path / "other.bin"
    other.write_bytes(images.esp32_image(size=0x8000))
    table.write_text("app0, app, ota_0, 0x20000, 68K\n")
    moved = acpublish(*("publish", other, *words[:5], "1.1.0", *words[6:]), "--partitions", table)
    assert "partition-layout: the partition layout differs from that of lamp 1.0.0" in moved.err


def test_a_partition_table_that_is_none(acpublish: CommandLine, firmware: Path) -> None:
    said = acpublish("check", firmware, "--partitions", firmware)
    assert said.status == 7
    assert "firmware.bin" in said.error()


SECRET = "ghp_" + "Zq3" * 12


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """An ESP8266 image with a token in it."""
    path = tmp_path / "leaking.bin"
    image = images.esp8266_image()
    held = image[:9000] + b"\0" + SECRET.encode() + b"\0" + image[9002 + len(SECRET) :]
    path.write_bytes(images.with_crc_words(held))
    return path


def test_a_secret_is_told_masked(
    acpublish: CommandLine, leaking: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--to", catalog, "--product", "lamp", "--version", "1.0.0", "--board", "d1")
    warned = acpublish("check", leaking)
    assert warned.status == 0
    assert "warning      secrets" in warned.out
    assert "a GitHub token (ghp_********) at 0x2329" in warned.out
    refused = acpublish("publish", leaking, *words, "--secret-scan", "error")
    assert refused.status == 7
    assert "secrets: the image contains a GitHub token" in refused.error()
    digest = hashlib.sha256(SECRET.encode()).hexdigest()[:12]
    assert digest in refused.err
    monkeypatch.setenv("ACPUBLISH_SECRET_SCAN", "error")
    done = acpublish("publish", leaking, *words, "--accept-secret", digest)
    assert (done.status, "secrets" in done.err) == (0, False)
    for said in (warned, refused, done):
        assert SECRET[5:] not in said.out + said.err
    manifest = (catalog / ".acpublish" / "releases" / "lamp" / "1.0.0.json").read_text()
    assert digest not in manifest
    assert SECRET not in manifest


def test_the_scan_is_switched_off_and_the_manifest_says_so(
    acpublish: CommandLine, leaking: Path, catalog: Path
) -> None:
    words = ("--to", catalog, "--product", "lamp", "--version", "1.0.0", "--board", "d1")
    done = acpublish("publish", leaking, *words, "--secret-scan", "off")
    assert (done.status, done.err) == (0, "")
    manifest = (catalog / ".acpublish" / "releases" / "lamp" / "1.0.0.json").read_text()
    assert '"secrets": "secret_scan = off"' in manifest
    wrong = acpublish("check", leaking, "--secret-scan", "of")
    assert "Use warning, error or off" in wrong.error()


def test_values_of_variables_that_are_named(
    acpublish: CommandLine, leaking: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_SECRET_VARIABLES", "WIFI_KEY, OTHER")
    monkeypatch.setenv("WIFI_KEY", SECRET[6:20])
    said = acpublish("check", leaking)
    assert "the value of $WIFI_KEY (********)" in said.out
    assert SECRET[6:20] not in said.out
