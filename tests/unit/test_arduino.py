"""The Arduino hook: what it publishes under which names, and when it does nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acpublish import arduino
from acpublish.catalog.directory import DirectoryCatalog
from acpublish.image.partition_table import read_partitions
from acpublish.image.reader import read
from tests.support import images

FQBN = "esp8266:esp8266:D1_Mini:xtal=80"


@pytest.fixture
def sketch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sketch's folder, a built image in it, and a catalog; no setting of the caller's."""
    for name in [name for name in os.environ if name.startswith(("ACPUBLISH_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "catalog").mkdir()
    folder = tmp_path / "Hall Lamp"
    folder.mkdir()
    (folder / "image.bin").write_bytes(images.esp8266_image())
    return folder


@pytest.fixture
def catalog(sketch: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The catalog, set as the destination of version 1.0.0."""
    path = sketch.parent / "catalog"
    monkeypatch.setenv("ACPUBLISH_TO", str(path))
    monkeypatch.setenv("ACPUBLISH_VERSION", "1.0.0")
    return path


def build(sketch: Path, *more: str, fqbn: str = FQBN) -> int:
    """Runs the hook as a core does."""
    image = str(sketch / "image.bin")
    return arduino.main([image, "--sketch", str(sketch), "--fqbn", fqbn, *more])


def test_without_a_destination_nothing_happens(
    sketch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (sketch / "image.bin").read_bytes()
    assert build(sketch) == 0
    assert capsys.readouterr() == ("", "")
    assert (sketch / "image.bin").read_bytes() == before


def test_settings_of_the_users_file_count_and_those_of_the_environment_win(
    sketch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An IDE that is started from a menu does not get the variables of a shell."""
    user = sketch.parent / "config" / "acpublish"
    user.mkdir(parents=True)
    (user / "config.toml").write_text('to = "../../catalog"\nversion = "file:VERSION"\n')
    (sketch / "VERSION").write_text("1.1.0\n")
    assert build(sketch) == 0
    monkeypatch.setenv("ACPUBLISH_VERSION", "1.2.0")
    (sketch / "image.bin").write_bytes(images.esp8266_image(seed=1))
    assert build(sketch) == 0
    releases = DirectoryCatalog(sketch.parent / "catalog").releases("hall-lamp")
    assert {str(release.version) for release in releases} == {"1.1.0", "1.2.0"}


def test_product_and_board_come_from_the_folder_and_the_fqbn(
    sketch: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(sketch) == 0

    ((release),) = DirectoryCatalog(catalog).releases("hall-lamp")
    (image,) = release.images
    assert (str(release.version), image.board) == ("1.0.0", "d1_mini")
    assert image.provenance["framework"] == "arduino"
    assert image.provenance["fqbn"] == FQBN
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1].endswith("hall-lamp-1.0.0_d1_mini.bin")


def test_the_built_image_becomes_the_published_one(sketch: Path, catalog: Path) -> None:
    assert build(sketch) == 0

    data = (sketch / "image.bin").read_bytes()
    stamp = read(data).stamp
    assert stamp is not None
    assert (stamp.product, stamp.version) == ("hall-lamp", "1.0.0")
    assert (catalog / "hall-lamp/hall-lamp-1.0.0_d1_mini.bin").read_bytes() == data


def test_different_bytes_under_the_same_version_become_a_development_version(
    sketch: Path, catalog: Path
) -> None:
    assert build(sketch) == 0
    (sketch / "image.bin").write_bytes(images.esp8266_image(seed=1))

    assert build(sketch) == 0

    releases = DirectoryCatalog(catalog).releases("hall-lamp")
    assert {str(release.version): list(release.images[0].channels) for release in releases} == {
        "1.0.0": ["stable"],
        "1.0.1-dev.1": ["dev"],
    }


def test_publishing_on_build_can_be_switched_off(
    sketch: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACPUBLISH_ON_BUILD", "no")
    assert build(sketch) == 0
    assert list(catalog.iterdir()) == []


def test_an_fqbn_that_names_only_a_board_is_the_board(sketch: Path, catalog: Path) -> None:
    assert build(sketch, fqbn="D1_Mini") == 0
    assert (catalog / "hall-lamp/hall-lamp-1.0.0_d1_mini.bin").is_file()


def test_the_chip_of_the_core_is_checked_and_a_cpu_name_is_no_chip(
    sketch: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sketch / "image.bin").write_bytes(images.esp32_image("esp32c3"))
    assert build(sketch, "--mcu", "esp32s3") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("acpublish: error: chip: ")
    assert build(sketch, "--mcu", "riscv") == 0


def test_the_layout_of_the_flash_is_that_of_the_linker_script(
    sketch: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sketch / "image.bin").write_bytes(images.esp8266_image(size=520_000))
    assert build(sketch, "--mcu", "esp8266", "--ldscript", "eagle.flash.1m64.ld") == 0
    said = capsys.readouterr().err
    assert "flash-size: the image's header says 4MB of flash, but the board has 1024 KiB" in said
    assert "ota-space: devices that run this image cannot receive one of the same size" in said
    (release,) = DirectoryCatalog(catalog).releases("hall-lamp")
    declared = release.images[0].declared
    assert (declared.flash_bytes, declared.ota_bytes) == (1024 * 1024, 962_560)


@pytest.mark.parametrize("more", [(), ("--ldscript", "{build.flash_ld}")])
def test_a_core_without_a_linker_script_for_the_flash(
    sketch: Path, catalog: Path, more: tuple[str, ...]
) -> None:
    assert build(sketch, *more) == 0
    (release,) = DirectoryCatalog(catalog).releases("hall-lamp")
    assert release.images[0].declared.ota_bytes is None


def test_the_partition_table_is_beside_the_image(
    sketch: Path, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sketch / "image.bin").write_bytes(images.esp32_image(size=70_000))
    table = images.partition_table()
    (sketch / "image.partitions.bin").write_bytes(table)
    assert build(sketch, "--mcu", "esp32c3") == 0
    (release,) = DirectoryCatalog(catalog).releases("hall-lamp")
    assert release.images[0].declared.slot_bytes == read_partitions(table).smallest_ota_slot.size
    (sketch / "image.partitions.bin").write_bytes(b"no table")
    (sketch / "image.bin").write_bytes(images.esp32_image(size=70_000, seed=2))
    assert build(sketch, "--mcu", "esp32c3") == 0


@pytest.mark.parametrize("problem", ["missing", "not-an-image"])
def test_an_error_is_one_line_and_fails_the_build(
    sketch: Path, catalog: Path, capsys: pytest.CaptureFixture[str], problem: str
) -> None:
    (sketch / "image.bin").unlink()
    if problem == "not-an-image":
        (sketch / "image.bin").write_bytes(b"hello")
    assert build(sketch) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("acpublish: error: ")
    assert list(catalog.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [(KeyError("secret"), 1, "acpublish: error: "), (KeyboardInterrupt(), 130, "")],
)
def test_an_internal_error_is_one_line_and_ctrl_c_is_status_130(
    sketch: Path,
    catalog: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    line: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(arduino, "open_catalog", fail)
    assert build(sketch) == status
    said = capsys.readouterr().err
    assert said.startswith(line)
    assert said.count("\n") == (1 if line else 0)
    assert "secret" not in said
