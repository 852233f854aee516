"""The generated source of the stamp record, and the header that reads it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from acpublish.image.stamp_record import ESP8266_RECORD_MAGIC, STAMP_FIELD_BYTES, blank_record
from acpublish.pio.compiled import RECORD_SYMBOL, record_source

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
