"""The hook outside of SCons: what importing it costs, and its parts that need no build."""

from __future__ import annotations

import ast
import io
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from acpublish.errors import BadNameError, SettingsError
from acpublish.image.stamp_record import ESP8266_RECORD_MAGIC, STAMP_FIELD_BYTES, blank_record
from acpublish.pio import actions
from acpublish.pio.compiled import RECORD_SYMBOL, record_source
from acpublish.pio.files import read_record, replace, write_record
from acpublish.pio.project import Project
from acpublish.pio.run_state import say

PACKAGE = Path(__file__).resolve().parents[3] / "acpublish"

BLOCKED = """\
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"SCons", "requests", "click", "rich", "starlette", "uvicorn"}:
            raise ImportError(f"{name} is not for the hook")
sys.meta_path.insert(0, Blocked())
"""


class Config:
    """platformio.ini, as PlatformIO's ProjectConfig gives it."""

    def __init__(self, envs: Mapping[str, Mapping[str, Any]], default: list[str] | None) -> None:
        self._envs = envs
        self._default = default or []

    def get(self, section: str, option: str, default: Any = None) -> Any:
        return self._envs[section.removeprefix("env:")].get(option, default)

    def options(self, env: str) -> list[str]:
        return list(self._envs[env])

    def envs(self) -> list[str]:
        return list(self._envs)

    def default_envs(self) -> list[str]:
        return self._default


class Platform:
    """The development platform, with the one package that is asked for."""

    name, version = "espressif8266", "4.2.1"
    packages: ClassVar[dict[str, dict[str, str]]] = {"framework-arduinoespressif8266": {}}

    def get_package_version(self, name: str) -> str | None:
        assert name in self.packages
        return "3.30102.0"


class Env(dict[str, Any]):
    """SCons' environment, as far as the project is read from it."""

    def __init__(
        self,
        directory: Path,
        envs: Mapping[str, Mapping[str, Any]],
        default: list[str] | None = None,
    ) -> None:
        name = next(iter(envs))
        super().__init__(PIOENV=name, BOARD=envs[name]["board"], PIOFRAMEWORK=["arduino"])
        self._config = Config(envs, default)
        self._paths = {"$PROJECT_DIR": str(directory), "$BUILD_DIR": str(directory / "build")}

    def subst(self, text: str) -> str:
        return self._paths[text]

    def BoardConfig(self) -> dict[str, str]:
        return {"build.mcu": "esp8266"}

    def GetProjectConfig(self) -> Config:
        return self._config

    def PioPlatform(self) -> Any:
        return Platform()


def environment(**options: Any) -> dict[str, Any]:
    """Returns the options of an environment that publishes."""
    return {
        "board": "d1_mini",
        "extra_scripts": ["post:acpublish_ota.py"],
        "custom_ota_to": "releases",
        "custom_ota_version": "1.0.0",
        **options,
    }


def read_project(
    directory: Path, *envs: dict[str, Any], default: list[str] | None = None
) -> Project:
    """Reads a project whose environments are called a, b, c …; a is the one that is built."""
    project = Project.of(Env(directory, dict(zip("abc", envs, strict=False)), default))
    assert project is not None
    return project


def test_importing_the_hook_needs_the_standard_library_only() -> None:
    modules = [
        f"acpublish.pio.{path.stem}" if path.stem != "__init__" else "acpublish.pio"
        for path in sorted((PACKAGE / "pio").glob("*.py"))
    ]
    code = BLOCKED + "\n".join(f"import {module}" for module in modules)

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert len(modules) > 3
    assert done.returncode == 0, done.stderr


def test_importing_the_hook_loads_next_to_nothing() -> None:
    code = "import sys, acpublish.pio; print([m for m in sys.modules if m.startswith('acpublish')])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(ast.literal_eval(done.stdout)) == {"acpublish", "acpublish.pio"}


def test_a_fault_of_ours_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACPUBLISH_DEBUG", raising=False)
    assert actions.upload_ota([], [], {}) == 1
    error = capsys.readouterr().err
    assert error.startswith("acpublish: error: internal error in acpublish (KeyError). ")
    assert error.count("\n") == 1
    monkeypatch.setenv("ACPUBLISH_DEBUG", "1")
    actions.upload_ota([], [], {})
    assert "Traceback" in capsys.readouterr().err


def test_the_record_source_is_the_blank_record() -> None:
    source = record_source()
    content = source[source.index("{") + 1 : source.index("}")]

    assert bytes(int(byte, 16) for byte in content.split(",")) == blank_record()
    assert f"const char {RECORD_SYMBOL}[80]" in source
    assert "aligned(4)" in source


def test_the_header_reads_the_record_where_the_stamper_writes_it() -> None:
    header = (PACKAGE / "include" / "acpublish.h").read_text()

    assert f'extern "C" const char {RECORD_SYMBOL}[{len(blank_record())}];' in header
    product = len(ESP8266_RECORD_MAGIC)
    assert f"#define ACPUBLISH_PRODUCT (FPSTR({RECORD_SYMBOL} + {product}))" in header
    version = product + STAMP_FIELD_BYTES
    assert f"#define ACPUBLISH_VERSION (FPSTR({RECORD_SYMBOL} + {version}))" in header


@pytest.mark.skipif(
    not shutil.which("xtensa-lx106-elf-gcc"), reason="gcc-xtensa-lx106 is not installed"
)
def test_the_record_is_compiled_without_a_warning(tmp_path: Path) -> None:
    source = tmp_path / "record.c"
    source.write_text(record_source())

    flags = ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-fdata-sections", "-c"]
    done = subprocess.run(
        ["xtensa-lx106-elf-gcc", *flags, str(source), "-o", str(tmp_path / "record.o")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert blank_record() in (tmp_path / "record.o").read_bytes()


@pytest.mark.skipif(
    not shutil.which("riscv64-unknown-elf-g++"), reason="gcc-riscv64-unknown-elf is not installed"
)
@pytest.mark.parametrize(
    ("core_header", "function"),
    [
        ("esp_app_desc.h", "esp_app_get_description"),
        ("esp_ota_ops.h", "esp_ota_get_app_description"),
    ],
)
def test_the_header_fits_the_esp32_cores_of_both_ages(
    tmp_path: Path, core_header: str, function: str
) -> None:
    (tmp_path / core_header).write_text(
        "struct Description { char version[32]; char project_name[32]; };\n"
        f"const Description *{function}();\n"
    )
    (tmp_path / "acpublish_project.h").write_text('#define ACPUBLISH_UPDATE_PATH "/update/a/b"\n')
    (tmp_path / "main.cpp").write_text(
        "#include <acpublish.h>\n"
        "const char *texts[] = {ACPUBLISH_PRODUCT, ACPUBLISH_VERSION, ACPUBLISH_UPDATE_PATH};\n"
    )

    flags = ["-Wall", "-Werror", "-fsyntax-only", f"-I{tmp_path}", f"-I{PACKAGE / 'include'}"]
    done = subprocess.run(
        ["riscv64-unknown-elf-g++", *flags, str(tmp_path / "main.cpp")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_a_record_is_read_back_and_anything_else_is_no_record(tmp_path: Path) -> None:
    assert read_record(tmp_path) == {}

    write_record(tmp_path, {"asked": {"to": "there"}})
    assert read_record(tmp_path) == {"asked": {"to": "there"}}
    assert [path.name for path in tmp_path.iterdir()] == ["acpublish.json"]

    for damaged in (b"", b'{"asked', b"[]", b"\xff\xfe", b"null"):
        (tmp_path / "acpublish.json").write_bytes(damaged)
        assert read_record(tmp_path) == {}


def test_a_file_that_cannot_be_written_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing.firmware\.bin cannot be written") as fault:
        replace(tmp_path / "missing" / "firmware.bin", b"")

    assert fault.value.hint


def test_a_line_is_printed_whatever_the_stream_can_show() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii", newline="\n")

    say("/gr\u00f6\u00dfe/\udcff.bin", stream)

    assert written.getvalue() == rb"/gr\xf6\xdfe/\udcff.bin" + b"\n"


def test_the_names_default_to_the_folder_and_the_board(tmp_path: Path) -> None:
    project = read_project(tmp_path / "Hall Lamp", environment(board="LOLIN-D32"))

    assert project.product == "hall-lamp"
    assert project.board == "lolin-d32"


def test_the_plan_says_what_is_published_and_where_it_comes_from(tmp_path: Path) -> None:
    project = read_project(tmp_path / "lamp", environment(custom_ota_channel="beta"))

    plan = project.plan(project.version_source())

    assert plan.options.destination.to == str(tmp_path / "lamp" / "releases")
    assert (plan.options.product, plan.options.board) == ("lamp", "d1_mini")
    assert plan.options.channel == "beta"
    assert plan.options.chip == "esp8266"
    assert str(plan.source.version("")) == "1.0.0"
    provenance = project.complete(plan).provenance
    assert provenance["platform"] == "espressif8266 4.2.1"
    assert provenance["core"] == "3.1.2"


def test_a_bad_name_says_which_option_it_comes_from(tmp_path: Path) -> None:
    project = read_project(tmp_path, environment(custom_ota_board="d1 mini"))

    with pytest.raises(BadNameError, match="custom_ota_board: "):
        _ = project.board


def test_another_environment_that_would_publish_the_same_is_refused(tmp_path: Path) -> None:
    project = read_project(tmp_path, environment(), environment())

    with pytest.raises(SettingsError, match="the environments a and b would both publish"):
        project.plan(project.version_source())


@pytest.mark.parametrize(
    "other",
    [
        {"custom_ota_board": "attic"},
        {"custom_ota_product": "lantern"},
        {"custom_ota_version": "2.0.0", "custom_ota_channel": "beta"},
        {"custom_ota_to": "elsewhere"},
        {"custom_ota_to": None},
        {"custom_ota_board": "no board name"},
        {"board": "nodemcuv2"},
        {"extra_scripts": []},
        {"extra_scripts": None},
    ],
)
def test_an_environment_that_would_not_publish_the_same_is_no_rival(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    project = read_project(tmp_path, environment(), environment(**other))

    assert project.plan(project.version_source()).options.board == "d1_mini"


def test_another_version_on_the_same_channel_is_refused_too(tmp_path: Path) -> None:
    project = read_project(tmp_path, environment(), environment(custom_ota_version="2.0.0"))

    with pytest.raises(SettingsError, match="devices of one get the firmware of the other"):
        project.plan(project.version_source())


def test_one_outside_the_plain_run_looks_at_all_others(tmp_path: Path) -> None:
    project = read_project(tmp_path, environment(), environment(), default=["other"])

    assert [name for name, _, _ in project.rivals] == ["b"]


def test_only_the_environments_of_a_plain_run_are_rivals(tmp_path: Path) -> None:
    project = read_project(tmp_path, environment(), environment(), default=["a"])

    assert project.rivals == ()


def test_a_board_without_an_espressif_chip_is_left_alone(tmp_path: Path) -> None:
    env = Env(tmp_path, {"a": environment(board="uno")})
    env.BoardConfig = lambda: {"build.mcu": "atmega328p"}  # type: ignore[method-assign,assignment,return-value]

    assert Project.of(env) is None
