"""``acpublish emulate``: the result of an update as a line, as JSON and as an exit status."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from acpublish import publish
from tests.support import images
from tests.support.server import RunningServer, running_server
from tests.unit.cli.invoking import CommandLine

AUTO = ("--auto", "lamp/d1_mini")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog with one release."""
    folder = tmp_path_factory.mktemp("device")
    (folder / "catalog").mkdir()
    (folder / "firmware.bin").write_bytes(images.esp8266_image())
    names = {"product": "lamp", "version": "1.2.3", "board": "d1_mini"}
    publish(folder / "firmware.bin", to=folder / "catalog", **names)
    return folder / "catalog"


@pytest.fixture(scope="module")
def server(catalog: Path) -> Iterator[RunningServer]:
    with running_server(catalog, catalog.parent) as running:
        yield running


def test_an_update_is_written_to_the_flash_and_the_next_request_finds_nothing_newer(
    acpublish: CommandLine, server: RunningServer, catalog: Path, tmp_path: Path
) -> None:
    flash = tmp_path / "flash.bin"
    flash.write_bytes(images.esp8266_image(seed=1))
    published = (catalog / "lamp/lamp-1.2.3_d1_mini.bin").read_bytes()
    digest = hashlib.sha256(published).hexdigest()

    said = acpublish("emulate", server.url, *AUTO, "--flash", flash)

    assert said.status == 0
    assert said.out == (f"updated: now runs lamp 1.2.3, {len(published)} bytes, sha256 {digest}\n")
    assert flash.read_bytes() == published
    again = acpublish("emulate", server.url, *AUTO, "--flash", flash)
    assert (again.status, again.out) == (0, "no update: the server has nothing newer\n")


def test_the_document_describes_the_image(
    acpublish: CommandLine, server: RunningServer, catalog: Path
) -> None:
    published = (catalog / "lamp/lamp-1.2.3_d1_mini.bin").read_bytes()
    said = acpublish("emulate", server.url, "lamp/lamp-1.2.3_d1_mini.bin", "--json")
    assert said.json() == {
        "result": "updated",
        "reason": None,
        "status": 200,
        "available": None,
        "size": len(published),
        "sha256": hashlib.sha256(published).hexdigest(),
        "product": "lamp",
        "version": "1.2.3",
    }


def test_a_device_that_does_not_boot_an_image_keeps_what_it_runs(
    acpublish: CommandLine, server: RunningServer, catalog: Path, tmp_path: Path
) -> None:
    flash = tmp_path / "flash.bin"
    flash.write_bytes(images.esp8266_image(seed=1))
    published = (catalog / "lamp/lamp-1.2.3_d1_mini.bin").read_bytes()
    digest = hashlib.sha256(published).hexdigest()
    words = ("emulate", server.url, *AUTO, "--flash", flash, "--does-not-boot")

    said = acpublish(*words)

    assert (said.status, said.err) == (0, "")
    assert said.out == (
        f"not booted: received lamp 1.2.3, {len(published)} bytes, sha256 {digest}; "
        "still runs what it ran before\n"
    )
    assert flash.read_bytes() == images.esp8266_image(seed=1)
    document = acpublish(*words, "--json").json()
    assert (document["result"], document["sha256"]) == ("not booted", digest)
    # It fails where a device fails before it boots anything.
    other = acpublish("emulate", server.url, "none.bin", "--does-not-boot")
    assert (other.status, other.out) == (1, "failed: File Not Found (404)\n")


@pytest.mark.parametrize("spelling", ["24:0A:C4:A3:15:77", "24-0a-c4-a3-15-77", "240ac4a31577"])
def test_a_device_sends_its_mac_address(
    acpublish: CommandLine, server: RunningServer, spelling: str
) -> None:
    said = acpublish("emulate", server.url, *AUTO, "--mac", spelling, "--json")
    assert said.json()["result"] == "updated"
    assert server.logs("24:0A:C4:A3:15:77")


def test_the_earlier_name_of_the_command_works(
    acpublish: CommandLine, server: RunningServer
) -> None:
    words = ("--to", server.url, *AUTO, "--json")
    assert acpublish("device", *words).json() == acpublish("emulate", *words).json()
    helps = [acpublish(name, "--help").out for name in ("device", "emulate")]
    assert helps[0].partition("\n")[2] == helps[1].partition("\n")[2]
    names = {line.split()[0] for line in acpublish("--help").out.splitlines() if line.strip()}
    assert "emulate" in names
    assert "device" not in names


def test_the_version_alone_can_be_requested(acpublish: CommandLine, server: RunningServer) -> None:
    said = acpublish("emulate", server.url, *AUTO, "--mode", "version", "--version", "1.0.0")
    assert (said.status, said.out) == (0, "available: 1.2.3\n")


def test_the_list_of_autoconnect_is_printed_and_an_empty_one_is_status_1(
    acpublish: CommandLine, server: RunningServer, catalog: Path
) -> None:
    (catalog / "empty").mkdir()
    said = acpublish("emulate", server.url, "lamp", "--catalog")
    assert said.status == 0
    assert said.out.splitlines()[-1].endswith("  lamp-1.2.3_d1_mini.bin")
    document = acpublish("emulate", server.url, "lamp", "--catalog", "--json").json()
    assert document["firmwares"] == ["lamp-1.2.3_d1_mini.bin"]
    assert acpublish("emulate", server.url, "empty", "--catalog", "--json").status == 1


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("lamp.bin", "--auto", "lamp/d1_mini"),
        ("lamp.bin", "--channel", "beta"),
        ("--auto", "lamp/d1_mini", "--chip", "z80"),
        ("--auto", "lamp/d1_mini", "--mode", "version", "--chip", "esp32"),
        ("--auto", "lamp/d1_mini", "--mode", "version", "--does-not-boot"),
        ("--auto", "lamp/d1_mini", "--mac", "24:0A:C4"),
        ("--auto", "lamp/d1_mini", "--mac", ""),
    ],
)
def test_a_device_that_cannot_be_is_refused(acpublish: CommandLine, words: tuple[str, ...]) -> None:
    said = acpublish("emulate", "http://127.0.0.1:9", *words)
    assert said.status == 2
    assert said.error()


def test_a_device_that_is_refused_is_told_where_the_reason_is(
    acpublish: CommandLine, server: RunningServer
) -> None:
    path = "lamp/lamp-1.2.3_d1_mini.bin"
    said = acpublish("emulate", "--to", server.url, path, "--chip", "esp32")
    assert (said.status, said.out) == (1, "failed: Forbidden (403)\n")
    assert "its log has the reason, and so has 'acpublish explain'" in said.err


def test_a_device_that_reaches_nobody_fails_with_status_1(acpublish: CommandLine) -> None:
    said = acpublish("emulate", "http://127.0.0.1:9", "--auto", "lamp/d1_mini", "--json")
    assert said.status == 1
    assert said.json()["result"] == "failed"
    assert said.json()["reason"]
    assert said.err == (
        "acpublish: error: no update from http://127.0.0.1:9/update/lamp/d1_mini. Compare the "
        "URL with 'acpublish list --to http://127.0.0.1:9', and check the server's log.\n"
    )
    assert acpublish("emulate", "http://me:s3cret@127.0.0.1:9", "x.bin").err.count("s3cret") == 0
