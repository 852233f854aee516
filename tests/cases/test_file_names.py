"""Names of files from the field, and what ``acpublish import`` makes of them."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from acpublish.catalog.directory import DirectoryCatalog
from acpublish.release.decision import choose
from tests.support import images
from tests.unit.cli.invoking import CommandLine, Said

Import = Callable[..., Said]


def image_of(name: str) -> bytes:
    """Returns an image that differs from those of other names."""
    return images.esp8266_image(record=False, seed=zlib.crc32(name.encode()))


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Import:
    """Makes files of the names given, each with other bytes, and imports them into ``cat``."""
    for name in [name for name in os.environ if name.startswith("ACPUBLISH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    for folder in ("old", "cat"):
        Path(folder).mkdir()

    def run(*names: str, options: tuple[str, ...] = ()) -> Said:
        for name in names:
            image = image_of(name)
            Path("old", name).write_bytes(images.gzipped(image) if name.endswith("gz") else image)
        return CommandLine(capsys)("import", "old", "--to", "cat", "--yes", *options)

    return run


def published() -> dict[str, list[str]]:
    """Returns each visible file, and the channels that its release is on."""
    return {
        image.file: sorted(image.channels)
        for product in ("lamp", "wled")
        for release in DirectoryCatalog(Path("cat")).releases(product)
        for image in release.images
    }


def stable(board: str) -> str:
    target = choose(DirectoryCatalog(Path("cat")).releases("lamp"), board, "stable")
    assert target is not None
    return str(target.release.version)


def test_a_version_alone(run: Import) -> None:
    """Case 04: ``v2.1.8.bin`` is version 2.1.8 and names no product."""
    names = ("v2.1.8.bin", "1.10.2.bin", "v3.bin")
    said = run(*names, options=("--product", "lamp", "--board", "d1"))
    assert said.status == 0, said.err
    assert set(published()) == {
        "lamp-1.10.2_d1.bin",
        "lamp-2.1.8_d1.bin",
        "lamp-3.0.0_d1.bin",
    }
    assert stable("d1") == "3.0.0"


def test_a_gzip_becomes_the_image_in_it(run: Import) -> None:
    """Case 04: devices that were sent ``v2.1.8.bin.gz`` report the digest of its content."""
    said = run("v2.1.8.bin.gz", options=("--product", "lamp", "--board", "d1"))
    assert said.status == 0, said.err
    content = Path("cat/lamp/lamp-2.1.8_d1.bin").read_bytes()
    assert content == image_of("v2.1.8.bin.gz")


def test_a_beta_is_not_the_release(run: Import) -> None:
    """Case 05: ``0.15.0-b1`` comes before 0.15.0, which is the file that says so."""
    names = ("lamp_0.15.0-b1_esp8266.bin", "lamp_0.15.0_esp8266.bin", "lamp_0.16.0-b2_esp8266.bin")
    said = run(*names, options=("--board", "esp8266"))
    assert said.status == 0, said.err
    visible = Path("cat/lamp/lamp-0.15.0_esp8266.bin").read_bytes()
    assert visible == Path("old", names[1]).read_bytes()
    assert published() == {
        "lamp-0.15.0-b1_esp8266.bin": ["archive"],
        "lamp-0.15.0_esp8266.bin": ["stable"],
        "lamp-0.16.0-b2_esp8266.bin": ["beta"],
    }


def test_a_beta_without_a_choice_is_left_out(run: Import) -> None:
    """Case 05: rather than under a version that it does not have."""
    said = run("lamp_0.15.0-b1_esp8266.bin", "lamp_0.15.0_esp8266.bin")
    assert said.status == 2
    assert set(published()) == {"lamp-0.15.0_esp8266.bin"}
    assert (
        "lamp_0.15.0-b1_esp8266.bin: its name can be read as lamp 0.15.0-b1 for esp8266, or as "
        "lamp 0.15.0 for b1_esp8266. Use --board esp8266 or --board b1_esp8266, or say how the "
        "files are named: --pattern '{product}_v{version}_{board}.bin'."
    ) in said.err
    assert "0.15.0-b1 or 0.15.0" in said.out
    assert "left out: ambiguous name" in said.out


def test_a_date_behind_the_version(run: Import) -> None:
    """Case 06: eight digits that are a date are no board."""
    said = run("lamp_v0_9_9_20220628_mini.bin", "lamp_v0_9_10_20220718_mini.bin")
    assert said.status == 0, said.err
    assert set(published()) == {"lamp-0.9.9_mini.bin", "lamp-0.9.10_mini.bin"}
    assert stable("mini") == "0.9.10"


def test_a_pattern_takes_all_numbers(run: Import) -> None:
    """Case 07: a version takes as many numbers as the name has."""
    said = run(
        "lamp_v0_9_9_20220628_mini.bin",
        "lamp_v0_9_10_20220718_mini.bin",
        options=("--pattern", "{product}_v{version}_*_{board}.bin"),
    )
    assert said.status == 0, said.err
    assert set(published()) == {"lamp-0.9.9_mini.bin", "lamp-0.9.10_mini.bin"}
    assert stable("mini") == "0.9.10"


def test_hardware_beside_firmware(run: Import) -> None:
    """Case 08: a number that is cut in the middle is never the version."""
    said = run("lamp_hw1.0_fw2.3.4.bin", options=("--board", "d1"))
    assert said.status == 0, said.err
    assert set(published()) == {"lamp-2.3.4_d1.bin"}


def test_one_board_for_different_hardware(run: Import) -> None:
    """Case 08: the image for one hardware never becomes the update of another."""
    names = ("lamp_hw1.0_fw2.3.4.bin", "lamp_hw2.0_fw2.4.0.bin")
    said = run(*names, options=("--board", "d1"))
    assert said.status == 2
    assert published() == {}
    assert said.err.count("different hardware (hw1.0, hw2.0)") == 2
    assert run(*names).status == 0
    assert set(published()) == {"lamp-2.3.4_hw1.0.bin", "lamp-2.4.0_hw2.0.bin"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_stable_points_at_the_newest_whatever_the_order(
    run: Import, order: tuple[int, ...]
) -> None:
    names = ("lamp_v1.9_d1.bin", "lamp_v1.10_d1.bin", "lamp_v1.10.0.2_d1.bin")
    for index in order:
        said = run(names[index])
        assert said.status == 0, said.err
    assert stable("d1") == "1.10.0+2"
