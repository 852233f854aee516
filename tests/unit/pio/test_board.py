"""What PlatformIO knows about a board: flash, type of build, partition table, filesystem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.pio.board import board_partitions, declared_by, filesystem_image

TABLE = "app0, app, ota_0, 0x10000, 0x140000\n"


class Platform:
    def __init__(self, core: Path | None) -> None:
        self.packages = {"framework-arduinoespressif32": {}} if core else {}
        self._core = core

    def get_package_dir(self, name: str) -> str:
        return str(self._core)


def esp8266(script: str, largest: object, *flags: str) -> tuple[int | None, int | None]:
    """Returns what is declared of an ESP8266 board: its flash, and the part that updates share."""
    board: dict[str, Any] = {"build.mcu": "esp8266", "build.ldscript": script}
    board["upload.maximum_size"] = largest
    declared = declared_by(Env(board, LINKFLAGS=["-Os", *flags]), "d1")
    return declared.flash_bytes, declared.ota_bytes


class Env(dict[str, Any]):
    """SCons' environment, as far as the board is read from it."""

    def __init__(
        self, board: dict[str, Any] | None = None, core: Path | None = None, **variables: Any
    ) -> None:
        super().__init__({"BUILDERS": {}, **variables})
        self._board = board or {}
        self._platform = Platform(core)
        self.made: list[tuple[str, Any]] = []
        self.build_type: str | None = None

    def BoardConfig(self) -> dict[str, Any]:
        return self._board

    def GetProjectConfig(self) -> Any:
        class Config:
            @staticmethod
            def get(section: str, option: str, default: object) -> object:
                assert (section, option) == ("env:d1", "build_type")
                return self.build_type or default

        return Config

    def PioPlatform(self) -> Platform:
        return self._platform

    def subst(self, text: str) -> str:
        return str(self.get(text.removeprefix("$"), text))

    def DataToBin(self, name: str, source: str) -> str:
        self.made.append(("DataToBin", (name, source)))
        return "node"

    def NoCache(self, node: str) -> None:
        self.made.append(("NoCache", node))

    def AlwaysBuild(self, node: str) -> None:
        self.made.append(("AlwaysBuild", node))


def table(path: Path, content: str = TABLE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_the_flash_and_the_type_of_build_are_declared() -> None:
    env = Env({"upload.flash_size": "4MB"})
    assert (declared_by(env, "d1").flash_bytes, declared_by(env, "d1").debug) == (4 << 20, False)
    env.build_type = "debug"
    assert declared_by(env, "d1").debug
    assert declared_by(Env(), "d1").flash_bytes is None


#: ``_FS_start`` in the core's ``tools/sdk/ld``, without the 0x40200000 of the mapping.
@pytest.mark.parametrize(
    ("script", "flash", "filesystem"),
    [
        ("eagle.flash.4m1m.ld", 4 << 20, 0x300000),
        ("eagle.flash.4m2m.ld", 4 << 20, 0x200000),
        ("eagle.flash.4m3m.ld", 4 << 20, 0x100000),
        ("eagle.flash.4m.ld", 4 << 20, 0x3FB000),
        ("eagle.flash.1m64.ld", 1 << 20, 0xEB000),
        ("eagle.flash.1m256.ld", 1 << 20, 0xBB000),
        ("eagle.flash.1m.ld", 1 << 20, 0xFB000),
        ("eagle.flash.512k32.ld", 512 << 10, 0x73000),
        ("eagle.flash.2m64.ld", 2 << 20, 0x1F0000),
        ("eagle.flash.16m14m.ld", 16 << 20, 0x200000),
    ],
)
def test_the_layout_of_an_esp8266(script: str, flash: int, filesystem: int) -> None:
    assert esp8266(script, 1044464) == (flash, filesystem)
    flag = f'-Wl,-T"/project/{script}"'
    assert esp8266("eagle.flash.8m.ld", 1044464, flag) == (flash, filesystem)


@pytest.mark.parametrize(
    ("script", "largest", "expected"),
    [
        ("own.ld", 958448, (None, 0xEB000)),
        ("own.ld", "958448", (None, 0xEB000)),
        ("own.ld", 1044464, (None, None)),
        ("own.ld", 4 << 20, (4 << 20, None)),
        ("own.ld", None, (None, None)),
        ("", "much", (None, None)),
        ("eagle.flash.1m2m.ld", 1, (1 << 20, None)),
    ],
)
def test_an_esp8266_with_its_own_linker_script(
    script: str, largest: object, expected: tuple[int | None, int | None]
) -> None:
    assert esp8266(script, largest) == expected


def test_an_esp32_has_no_such_layout() -> None:
    board = {"build.mcu": "esp32", "build.ldscript": "eagle.flash.4m1m.ld"}
    assert declared_by(Env(board), "d1").ota_bytes is None


def test_an_esp8266_has_no_partition_table(tmp_path: Path) -> None:
    resolved = table(tmp_path / "table.csv")
    assert board_partitions(Env(PARTITIONS_TABLE_CSV=str(resolved)), "esp8266", tmp_path) is None


def test_the_platforms_table_comes_before_the_projects_and_that_before_the_cores(
    tmp_path: Path,
) -> None:
    board = {"build.partitions": "ota.csv"}
    core = tmp_path / "core"
    of_core = table(core / "tools" / "partitions" / "ota.csv")
    assert board_partitions(Env(board, core), "esp32", tmp_path) == of_core
    of_project = table(tmp_path / "ota.csv")
    assert board_partitions(Env(board, core), "esp32", tmp_path) == of_project
    resolved = table(tmp_path / "build" / "resolved.csv")
    env = Env(board, core, PARTITIONS_TABLE_CSV=str(resolved))
    assert board_partitions(env, "esp32", tmp_path) == resolved


def test_a_table_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    board = {"build.partitions": "ota.csv"}
    of_project = table(tmp_path / "ota.csv")
    broken = table(tmp_path / "broken.csv", "nothing of the kind\n")
    for resolved in (broken, tmp_path / "missing.csv"):
        env = Env(board, PARTITIONS_TABLE_CSV=str(resolved))
        assert board_partitions(env, "esp32c3", tmp_path) == of_project
    table(tmp_path / "ota.csv", "nothing of the kind\n")
    assert board_partitions(Env(board), "esp32c3", tmp_path) is None
    assert board_partitions(Env(), "esp32c3", tmp_path) is None


@pytest.mark.parametrize(
    ("chip", "name"),
    [
        ("esp8266", "$BUILD_DIR/${ESP8266_FS_IMAGE_NAME}"),
        ("esp32c3", "$BUILD_DIR/${ESP32_FS_IMAGE_NAME}"),
    ],
)
def test_the_filesystem_image_is_built_each_time_or_left_to_another_target(
    tmp_path: Path, chip: str, name: str
) -> None:
    env = Env(BUILDERS={"DataToBin": object()}, PROJECT_DATA_DIR=str(tmp_path))

    assert filesystem_image(env, chip, build=False) == f"{name}.bin"
    assert env.made == []
    assert filesystem_image(env, chip, build=True) == "node"
    assert env.made == [
        ("DataToBin", (name, "$PROJECT_DATA_DIR")),
        ("NoCache", "node"),
        ("AlwaysBuild", "node"),
    ]


def test_a_filesystem_image_needs_a_builder_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot build a filesystem image"):
        filesystem_image(Env(PROJECT_DATA_DIR=str(tmp_path)), "esp8266", build=True)
    env = Env(BUILDERS={"DataToBin": object()}, PROJECT_DATA_DIR=str(tmp_path / "data"))
    with pytest.raises(SettingsError, match=r"there is no folder .*data for the filesystem"):
        filesystem_image(env, "esp8266", build=True)
