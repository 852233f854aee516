"""The generated source of the stamp record, and the header that reads it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acpublish.errors import SettingsError
from acpublish.image.esp32 import UNSTAMPED_PROJECTS
from acpublish.image.stamp_record import ESP8266_RECORD_MAGIC, STAMP_FIELD_BYTES, blank_record
from acpublish.pio.compiled import RECORD_SYMBOL, compile_in, record_source
from acpublish.pio.project import Project
from tests.unit.pio.projects import environment, read_project

PACKAGE = Path(__file__).resolve().parents[3] / "acpublish"


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


def test_the_header_knows_the_names_of_unstamped_builds() -> None:
    header = (PACKAGE / "include" / "acpublish.h").read_text()
    listed = header.partition("unstamped[] = {")[2].partition("}")[0]
    assert {name.strip().strip('"') for name in listed.split(",")} == UNSTAMPED_PROJECTS


@pytest.mark.skipif(not shutil.which("g++"), reason="g++ is not installed")
@pytest.mark.parametrize(
    ("project", "version", "printed"),
    [
        ("lamp", "1.2.3", "lamp 1.2.3"),
        ("arduino-lib-builder", "v5.1.4-dirty", " "),
        ("esp32-arduino-lib-builder", "0a1b2c3-dirty", " "),
    ],
)
def test_an_unstamped_build_has_no_version(
    tmp_path: Path, project: str, version: str, printed: str
) -> None:
    (tmp_path / "esp_app_desc.h").write_text(
        "struct Description { char version[32]; char project_name[32]; };\n"
        f'static const Description description = {{"{version}", "{project}"}};\n'
        "static const Description *esp_app_get_description() { return &description; }\n"
    )
    (tmp_path / "acpublish_project.h").write_text("")
    (tmp_path / "main.cpp").write_text(
        "#include <acpublish.h>\n#include <stdio.h>\n"
        'int main() { printf("%s %s", ACPUBLISH_PRODUCT, ACPUBLISH_VERSION); }\n'
    )
    program = tmp_path / "main"
    flags = ["-Wall", "-Wextra", "-Werror", f"-I{tmp_path}", f"-I{PACKAGE / 'include'}"]
    subprocess.run(["g++", *flags, str(tmp_path / "main.cpp"), "-o", str(program)], check=True)
    ran = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    assert ran.stdout == printed


class Linker(dict[str, Any]):
    """SCons' environment, as far as it compiles and links."""

    def __init__(self, build: Path) -> None:
        super().__init__()
        self._build = build
        self.linked: list[str] = []
        self.dependencies: list[tuple[str, Any]] = []

    def subst(self, text: str) -> str:
        return text.replace("$BUILD_DIR", str(self._build))

    def Object(self, source: str) -> list[str]:
        return [source.replace(".c", ".o")]

    def Append(self, LINKFLAGS: list[str]) -> None:
        self.linked += LINKFLAGS

    def Depends(self, target: str, dependency: Any) -> None:
        self.dependencies.append((target, dependency))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return read_project(tmp_path / "lamp", environment())


def test_an_esp8266_image_links_the_record_and_the_sketch_knows_its_path(
    tmp_path: Path, project: Project
) -> None:
    env = Linker(tmp_path)

    compile_in(env, project)

    header = (tmp_path / "acpublish" / "acpublish_project.h").read_text()
    assert '#define ACPUBLISH_UPDATE_PATH "/update/lamp/d1_mini"\n' in header
    assert (tmp_path / "acpublish" / "acpublish_record.c").read_text() == record_source()
    compiled = str(tmp_path / "acpublish" / "acpublish_record.o")
    assert env.linked == [f"-Wl,--undefined={RECORD_SYMBOL}", compiled]
    assert env.dependencies == [("$BUILD_DIR/${PROGNAME}$PROGSUFFIX", [compiled])]


def test_the_sketch_asks_on_the_channel_of_the_project_whatever_a_run_publishes_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = read_project(tmp_path / "lamp", environment(custom_ota_channel="beta"))
    monkeypatch.setenv("ACPUBLISH_CHANNEL", "dev")

    compile_in(Linker(tmp_path), project)

    header = (tmp_path / "acpublish" / "acpublish_project.h").read_text()
    assert '"/update/lamp/d1_mini?channel=beta"\n' in header


@pytest.mark.parametrize("other", [{"chip": "esp32c3"}, {"arduino": False}])
def test_other_images_have_no_record(
    tmp_path: Path, project: Project, other: dict[str, Any]
) -> None:
    env = Linker(tmp_path)

    compile_in(env, replace(project, **other))

    assert [path.name for path in (tmp_path / "acpublish").iterdir()] == ["acpublish_project.h"]
    assert (env.linked, env.dependencies) == ([], [])


def test_a_generated_file_is_written_only_if_its_content_changes(
    tmp_path: Path, project: Project
) -> None:
    compile_in(Linker(tmp_path), project)
    files = sorted((tmp_path / "acpublish").iterdir())
    before = [path.stat().st_ino for path in files]

    compile_in(Linker(tmp_path), project)
    assert [path.stat().st_ino for path in files] == before

    files[0].write_text("something else")
    compile_in(Linker(tmp_path), project)
    assert "ACPUBLISH_UPDATE_PATH" in files[0].read_text()


def test_a_build_directory_that_cannot_be_written_is_an_error(
    tmp_path: Path, project: Project
) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="cannot be written: ") as caught:
        compile_in(Linker(tmp_path / "file"), project)
    assert caught.value.hint
