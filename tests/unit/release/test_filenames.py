"""What names of old files say."""

from __future__ import annotations

import pytest

from acpublish.errors import SettingsError
from acpublish.release.filenames import Named, NamePattern


@pytest.mark.parametrize(
    ("name", "product", "version", "board"),
    [
        ("sensor_v1.2.bin", "sensor", "v1.2", None),
        ("sensor-1.2.3.bin", "sensor", "1.2.3", None),
        ("sensor 1.0.bin", "sensor", "1.0", None),
        ("firmware.1.2.3.bin", "firmware", "1.2.3", None),
        ("Sensor_V1.2.BIN", "Sensor", "V1.2", None),
        ("sensor_v1_2_3.bin", "sensor", "v1.2.3", None),
        ("sensor_v1.2b.bin", "sensor", "v1.2b", None),
        ("sensor_v3_d1_mini.bin", "sensor", "v3", "d1_mini"),
        ("sensor-1.2.0_d1_mini.bin", "sensor", "1.2.0", "d1_mini"),
        ("my_sensor_2_v1.2-rc1_d1.bin", "my_sensor_2", "v1.2-rc1", "d1"),
        ("lamp-1.2.4-dev.3+gabc.d12_d1.bin", "lamp", "1.2.4-dev.3+gabc.d12", "d1"),
        ("esp32-c3_v1.bin", "esp32-c3", "v1", None),
        ("v1.2.bin", None, "v1.2", None),
    ],
)
def test_usual_names(
    name: str, product: str | None, version: str | None, board: str | None
) -> None:
    assert NamePattern().read(name) == Named(product=product, version=version, board=board)


@pytest.mark.parametrize("name", ["sensor.bin", "sensor_2.bin", "sensor_v1.2.txt", ".bin"])
def test_names_without_a_version(name: str) -> None:
    assert NamePattern().read(name) is None


@pytest.mark.parametrize(
    ("pattern", "name", "named"),
    [
        (
            "{product}_v{version}_{board}.bin",
            "my_valve_v1.2_d1_mini.bin",
            Named(product="my_valve", version="1.2", board="d1_mini"),
        ),
        ("{board}-{version}", "d1-1.2.bin", Named(board="d1", version="1.2")),
        (
            "{product}/*{version}.bin",
            "lamp/build_7.1.bin",
            Named(product="lamp", version="7.1"),
        ),
        ("fw(1)_{version}.bin", "fw(1)_2.0.bin", Named(version="2.0")),
        ("{product}_v{version}.bin", "lamp_1.2.bin", None),
        ("{product}_{version}.bin", "a/b_1.2.bin", None),
    ],
)
def test_patterns(pattern: str, name: str, named: Named | None) -> None:
    assert NamePattern.parse(pattern).read(name) == named


def test_folders_of_a_pattern() -> None:
    assert NamePattern().depth == 0
    assert NamePattern.parse("/{product}/{board}/{version}.bin").depth == 2


@pytest.mark.parametrize("pattern", ["", "*.bin", "{name}.bin", "{version}{version}", "{}", "x"])
def test_what_is_no_pattern(pattern: str) -> None:
    with pytest.raises(SettingsError, match=r"\{product\}, \{version\} and \{board\}") as caught:
        NamePattern.parse(pattern)
    assert "{product}" in caught.value.hint
