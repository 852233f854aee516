"""What names of old files say."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from acpublish.errors import SettingsError
from acpublish.release.filenames import (
    Named,
    NamePattern,
    hardware_in,
    narrowed,
    says_filesystem,
)
from acpublish.release.version import Version

CORPUS = Path(__file__).parents[2] / "data" / "names" / "corpus.txt"
LINE = re.compile(r"(?P<name>.+?) (?P<mark>[=?-])(?: (?P<reading>.+))?\Z")


def corpus() -> list[tuple[str, str, str]]:
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    entries = [LINE.match(line) for line in lines if line and not line.startswith("#")]
    return [(entry["name"], entry["mark"], entry["reading"] or "") for entry in entries if entry]


def read(name: str) -> list[str]:
    return [str(reading) for reading in NamePattern().read(name)]


def version(text: str) -> Version:
    return Version.parse(text)


def test_the_corpus_is_read_whole() -> None:
    lines = CORPUS.read_text(encoding="utf-8").splitlines()
    assert len(corpus()) == len([line for line in lines if line and not line.startswith("#")])
    assert len(corpus()) >= 120


@pytest.mark.parametrize(("name", "mark", "reading"), corpus(), ids=lambda text: text[:40])
def test_names_as_people_write_them(name: str, mark: str, reading: str) -> None:
    readings = read(name)
    if mark == "=":
        assert readings == [reading]
    elif mark == "?":
        assert len(readings) > 1
        assert reading in readings
    else:
        assert all("without a version" in text for text in readings)


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("lamp_0.15.0-b1_esp8266.bin", Named(board="esp8266"), "lamp 0.15.0-b1 for esp8266"),
        ("lamp_0.15.0-b1.bin", Named(board="esp8266"), "lamp 0.15.0-b1 for esp8266"),
        ("lamp_d1_mini_v1.2.bin", Named(product="lamp"), "lamp 1.2.0 for d1_mini"),
        ("d1_mini_v1.2_lamp.bin", Named(board="d1_mini"), "lamp 1.2.0 for d1_mini"),
        ("v1.2_lamp_d1.bin", Named(product="lamp"), "lamp 1.2.0 for d1"),
        ("1.2.0-lamp.bin", Named(board="d1"), "lamp 1.2.0 for d1"),
        ("Lamp_V1.2_D1.bin", Named(), "lamp 1.2.0 for d1"),
        ("lamp_1.4.0_d1_beta.bin", Named(board="d1"), "lamp 1.4.0-beta for d1"),
        ("lamp_1.2.0_d1_ota.bin", Named(board="d1"), "lamp 1.2.0 for d1"),
        ("lamp_1.2.0_esp32.bin", Named(board="other"), "lamp 1.2.0 for other"),
        ("lamp_1.2.0-next.bin", Named(board="d1"), "lamp 1.2.0-next for d1"),
        ("lamp_1.2b.bin", Named(version=version("1.3.0"), board="d1"), "lamp 1.3.0 for d1"),
    ],
)
def test_what_is_known_decides(name: str, known: Named, expected: str) -> None:
    assert list(map(str, narrowed(NamePattern().read(name), known))) == [expected]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        # A board does not tell where the product ends.
        ("lamp_d1_mini_v1.2.bin", Named(board="d1_mini")),
        ("esp32_cam_v1.2.bin", Named(board="esp32")),
        ("lamp_0.15.0-b1_esp8266.bin", Named(board="d1")),
        ("lamp_0.15.0-b1_esp8266.bin", Named(product="lamp")),
        ("nodemcu_v3.bin", Named(product="lamp", board="d1")),
        ("sensor_2_1.2.bin", Named(board="d1")),
        ("lamp_v1.2b.bin", Named(product="lamp", board="d1")),
        ("lamp_20220628.bin", Named(product="lamp", board="d1")),
        ("lamp_v1.2_esp-idf-5.1.4.bin", Named(product="lamp", board="d1")),
    ],
)
def test_what_is_known_does_not_decide_everything(name: str, known: Named) -> None:
    assert len(narrowed(NamePattern().read(name), known)) > 1


@pytest.mark.parametrize(
    "name",
    [
        "\u706f_v1.2_d1.bin",
        "lamp\u706f_v1.2_d1.bin",
        "stra\u00dfe_v1.2_d1.bin",
        "lamp_with_some_very_long_name_upstairs_v1.2_d1.bin",
    ],
)
def test_a_product_that_its_name_would_not_tell_apart(name: str) -> None:
    (reading,) = narrowed(NamePattern().read(name), Named())
    assert str(reading) == "no product 1.2.0 for d1"
    (reading,) = narrowed(NamePattern().read(name), Named(product="lamp"))
    assert str(reading) == "lamp 1.2.0 for d1"


def test_accents_and_signs_are_left_out_of_a_product() -> None:
    (reading,) = narrowed(NamePattern().read("L\u00e1mpa+_v1.2.bin"), Named())
    assert reading.product == "lampa"


def test_nothing_is_read_from_nothing() -> None:
    assert narrowed((), Named(product="lamp")) == ()


@pytest.mark.parametrize(
    "name", ["lamp_v1.2.littlefs.bin", "lamp_v1.2_spiffs.bin", "lamp_v1.2.spiffs"]
)
def test_a_filesystem_is_no_part_of_the_board(name: str) -> None:
    readings = NamePattern().read(name, filesystem=True)
    assert list(map(str, readings)) == ["lamp 1.2.0"]
    assert says_filesystem(name)
    assert not says_filesystem("lamp_v1.2.bin")


def test_the_catalog_s_own_names_of_filesystems() -> None:
    assert says_filesystem("lamp-1.2.0_d1.fs.bin")
    readings = NamePattern().read("lamp-1.2.0_d1.fs.bin", filesystem=True)
    assert list(map(str, readings)) == ["lamp 1.2.0 for d1"]


def test_the_hardware_of_a_name() -> None:
    assert hardware_in("lamp_HW1.0_fw2.3.4.bin") == "hw1.0"
    assert hardware_in("lamp_v1.0.bin") is None


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("{product}_v{version}_{board}.bin", "my_valve_v1.2_d1.bin", "my_valve 1.2.0 for d1"),
        ("{board}-{version}", "d1-1.2.bin", "no product 1.2.0 for d1"),
        ("{product}/*{version}.bin", "lamp/build_7.1.bin", "lamp 7.1.0"),
        ("fw(1)_{version}.bin", "fw(1)_2.0.bin", "no product 2.0.0"),
        (
            "{product}_v{version}_*_{board}.bin",
            "lamp_v0_9_10_20220718_mini.bin",
            "lamp 0.9.10 for mini",
        ),
        (
            "{product}_v{version}_*_{board}.bin",
            "lamp_v0_9_10_20220718_mini_v2.bin",
            "lamp 0.9.10 for mini_v2",
        ),
        ("{product}_{version}_{board}", "lamp_1-2-3_d1.bin", "lamp 1.2.3 for d1"),
        ("{product}_{version}_{board}", "lamp_0.15.0-b1_d1.bin", "lamp 0.15.0-b1 for d1"),
        ("{product}_{version}_{board}", "lamp_1.2.0_rc1_d1.bin", "lamp 1.2.0-rc1 for d1"),
        (
            "{product}_{version}_{board}",
            "lamp_v1.2-14-gabc1234_d1.bin",
            "lamp 1.2.1-dev.14+gabc1234 for d1",
        ),
        ("{product}_{version}", "lamp_20220628.bin", "lamp 20220628.0.0"),
        ("{product}_{version}", "lamp_2024-01-15.bin", "lamp 2024.1.15"),
        ("{product}_{version}", "lamp_v1.2b.bin", "lamp 1.2.0-b"),
        ("{product}_{version}", "lamp_v1.2.bin.gz", "lamp 1.2.0"),
        ("{product}_{version}", "lamp_v1.2.littlefs.bin", "lamp 1.2.0"),
        ("{product}_{version}.littlefs.bin", "lamp_v1.2.littlefs.bin", "lamp 1.2.0"),
        ("{product}_{version}", "lamp_v1.2.ino.d1.bin", "lamp 1.2.0"),
        ("{product}_{version}.ino.{board}.bin", "lamp_v1.2.ino.d1.bin", "lamp 1.2.0 for d1"),
        ("{product}_hw*_fw{version}.bin", "lamp_hw1.0_fw2.3.4.bin", "lamp 2.3.4"),
        ("{product}{version}", "lamp1.2.3.bin", "lamp 1.2.3"),
    ],
)
def test_patterns(pattern: str, name: str, expected: str) -> None:
    assert list(map(str, NamePattern.parse(pattern).read(name))) == [expected]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{product}_v{version}.bin", "lamp_1.2.bin"),
        ("{product}_{version}.bin", "a/b_1.2.bin"),
        # A number is not cut.
        ("{product}_{version}.*", "lamp_1.2.bin"),
        ("*.{version}.bin", "lamp1.2.3.4.5.6.bin"),
    ],
)
def test_names_that_do_not_match_a_pattern(pattern: str, name: str) -> None:
    assert NamePattern.parse(pattern).read(name) == ()


def test_folders_of_a_pattern() -> None:
    assert NamePattern().depth == 0
    assert NamePattern.parse("/{product}/{board}/{version}.bin").depth == 2


@pytest.mark.parametrize("pattern", ["", "*.bin", "{name}.bin", "{version}{version}", "{}", "x"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(SettingsError, match=r"\{product\}, \{version\} and \{board\}") as caught:
        NamePattern.parse(pattern)
    assert "{product}" in caught.value.hint


@pytest.mark.parametrize(
    "part", ["1.", "1_", "v1_", "a_1.2-", "-", "beta-", "2024-01-15_", "hw1.0_"]
)
def test_a_long_name_costs_little_time(part: str) -> None:
    name = (part * 255)[:251] + ".bin"
    start = time.perf_counter()
    NamePattern().read(name)
    NamePattern.parse("{product}_{version}_*_{board}").read(name)
    assert time.perf_counter() - start < 1
