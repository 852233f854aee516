"""The test bed itself: that its builds are real, quick, repeatable and need no network."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pio.conftest import MakeProject
from tests.support.pio import (
    BOARDS,
    SKETCH,
    clean_environment,
    compilers,
    missing_part,
)
from tests.support.preloaded_pio import can_fork

pytestmark = pytest.mark.pio

BOTH = {"d1": "d1_mini", "c3": "esp32-c3-devkitm-1"}
COMPILING, LINKING, BUILDING = "Compiling ", "Linking ", "Building .pio"

# Writes down every attempt to look up a host or to connect; see sitecustomize in Python's docs.
CONNECTION_WATCH = """\
import os
import sys

def watch(event, args):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        with open(os.environ["WATCH_LOG"], "a") as log:
            print(event, args[-1] if event == "socket.connect" else args, file=log)

sys.addaudithook(watch)
"""


def esp8266_crc(content: bytes) -> int:
    """The bootloader's CRC-32, bit by bit (image-format: 0x04C11DB7, high bit first)."""
    crc = 0xFFFFFFFF
    for byte in content:
        for bit in range(7, -1, -1):
            top = (crc >> 31) ^ (byte >> bit & 1)
            crc = (crc << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if top else 0)
    return crc


def esptool(*args: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "esptool", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def assert_esp8266_words_hold(image: bytes) -> None:
    assert int.from_bytes(image[4112:4116], "little") == len(image)
    zeroed = image[:4112] + bytes(8) + image[4120:]
    assert int.from_bytes(image[4116:4120], "little") == esp8266_crc(zeroed)


def test_both_chips_build_at_once_and_nothing_is_built_twice(make_project: MakeProject) -> None:
    project = make_project(envs=BOTH)

    first = project.run()
    images = {name: project.image(name).read_bytes() for name in BOTH}
    times = {name: project.image(name).stat().st_mtime_ns for name in BOTH}
    second = project.run()

    assert first.ok, first.stdout
    assert "2 succeeded" in first.stdout
    assert LINKING in first.stdout
    assert BUILDING in first.stdout
    assert second.ok, second.stdout
    assert not {COMPILING, LINKING, BUILDING} & {
        word for word in (COMPILING, LINKING, BUILDING) if word in second.stdout
    }
    assert {name: project.image(name).stat().st_mtime_ns for name in BOTH} == times
    assert all(image[0] == 0xE9 and b"hello\0" in image for image in images.values())


def test_esptool_accepts_the_esp32_c3_image(make_project: MakeProject) -> None:
    project = make_project(envs={"c3": "seeed_xiao_esp32c3"})

    run = project.run()
    assert run.ok, run.stdout
    said = esptool("image-info", project.image("c3"))

    assert "Chip ID: 5 (ESP32-C3)" in said
    assert said.count("(valid)") == 2, said
    assert "Project name: arduino-lib-builder" in said
    assert "App version: v5.1.4-dirty" in said
    image = project.image("c3").read_bytes()
    assert image[0x20:0x24] == (0xABCD5432).to_bytes(4, "little")
    elf_digest = image[0xB0:0xD0].hex()
    assert f"ELF file SHA256: {elf_digest}" in said
    assert elf_digest != "00" * 32


def test_the_esp32_stand_in_has_the_chip_id_of_the_esp32(make_project: MakeProject) -> None:
    project = make_project(envs={"dev": "esp32dev"})

    run = project.run()
    assert run.ok, run.stdout
    said = esptool("image-info", project.image("dev"))

    assert "Chip ID: 0 (ESP32)" in said
    assert said.count("(valid)") == 2, said


def test_the_esp8266_image_has_a_boot_loader_and_right_length_and_crc_words(
    make_project: MakeProject,
) -> None:
    project = make_project(envs={"mcu": "nodemcuv2"})

    run = project.run()
    assert run.ok, run.stdout
    image = project.image("mcu").read_bytes()

    assert image[0] == image[4096] == 0xE9
    assert image[4095] == 0xAA
    assert b"acptest eboot stub" in image[:4096]
    assert_esp8266_words_hold(image)
    assert "Checksum" in esptool("image-info", project.image("mcu"))


def test_a_record_in_irom0_text_lands_in_flash_and_survives_the_linker(
    make_project: MakeProject,
) -> None:
    record = (
        '\nextern "C" const char record[] __attribute__((used, section(".irom0.text.record")))'
        ' = "a record that nobody reads";\n'
    )
    project = make_project(envs={"d1": "d1_mini"}, sources={"src/main.cpp": SKETCH + record})

    run = project.run()
    assert run.ok, run.stdout
    image = project.image("d1").read_bytes()

    place = image.index(b"a record that nobody reads")
    assert int.from_bytes(image[4104:4108], "little") == 0x40201010
    assert 4112 + 8 <= place < 4112 + int.from_bytes(image[4108:4112], "little")


def test_an_ini_edit_and_ballast_change_the_size(make_project: MakeProject) -> None:
    project = make_project(envs=BOTH)
    small = project.run()
    before = {name: project.image(name).stat().st_size for name in BOTH}

    project.write_ini(BOTH, "build_flags = -DACP_BALLAST=300000")
    large = project.run()

    assert small.ok, small.stdout
    assert large.ok, large.stdout
    for name, size in before.items():
        assert 240_000 <= project.image(name).stat().st_size - size <= 310_000
    image = project.image("d1").read_bytes()
    assert len(gzip.compress(image)) > 290_000, "the ballast compresses: it is not realistic"
    assert_esp8266_words_hold(image)
    assert esptool("image-info", project.image("c3")).count("(valid)") == 2


def test_clean_builds_are_byte_identical(make_project: MakeProject) -> None:
    sketch = SKETCH + "\nconst char *built() { return __DATE__ __TIME__; }\n"
    project = make_project(
        envs=BOTH, sources={"src/main.cpp": sketch.replace("begin(115200)", "print(built())")}
    )
    project.write(
        "src/main.cpp", "const char *built();\n" + (project.root / "src/main.cpp").read_text()
    )

    images = []
    for _ in range(2):
        run = project.run(env={"SOURCE_DATE_EPOCH": "1700000000"})
        assert run.ok, run.stdout
        images.append([project.image(name).read_bytes() for name in BOTH])
        shutil.rmtree(project.root / ".pio")

    assert b"Nov 14 2023" in images[0][0]
    assert images[0] == images[1]


def test_a_run_in_a_fork_does_what_it_does_in_an_interpreter_of_its_own(
    make_project: MakeProject,
) -> None:
    # The first run with a core directory installs the platform.
    make_project("first", envs=BOTH).run("-t", "clean")
    seen = []
    for name, variables in (("process", {"PYTHONHASHSEED": "0"}), ("fork", {})):
        project = make_project(name, envs=BOTH)
        env = clean_environment(project.core, variables)
        forks = can_fork(project.python, clean_environment(project.core), env)
        assert forks == (name == "fork" and project.python == sys.executable)
        runs = [project.run(env=variables)]
        project.write("src/main.cpp", "broken")
        runs += [project.run("-e", env, env=variables) for env in ("d1", "none")]
        for run in runs:
            text = re.sub(r"\d\d:\S+|[\d.]+ seconds|\b(process|fork)\b|=+|-+", "", run.stdout)
            # Compilers run side by side, and names come out of a set.
            words = sorted(re.findall(r"[^\s,']+", text))
            seen.append((name, run.returncode, " ".join(words).encode()))
        seen += [(name, 0, project.image(env).read_bytes()) for env in BOTH]
    half = len(seen) // 2
    assert [each[1:] for each in seen[:half]] == [each[1:] for each in seen[half:]]
    assert [status for _, status, _ in seen[:3]] == [0, 1, 1]


def test_upload_builds_first_and_runs_the_custom_command_each_time(
    make_project: MakeProject, tmp_path: Path
) -> None:
    sent = tmp_path / "sent.bin"
    project = make_project(
        envs={"c3": "esp32-c3-devkitm-1"},
        ini_extra=f'upload_protocol = custom\nupload_command = cp $SOURCE "{sent}"',
    )

    first = project.run("-t", "upload")
    assert first.ok, first.stdout
    assert sent.read_bytes() == project.image("c3").read_bytes()
    sent.unlink()
    second = project.run("-t", "upload")

    assert second.ok, second.stdout
    assert LINKING not in second.stdout
    assert sent.read_bytes() == project.image("c3").read_bytes()


def test_buildfs_makes_a_filesystem_image_and_uploadfs_sends_it(
    make_project: MakeProject, tmp_path: Path
) -> None:
    sent = tmp_path / "sent.bin"
    project = make_project(
        envs=BOTH,
        ini_extra=f'upload_protocol = custom\nupload_command = cp $SOURCE "{sent}"',
        sources={"src/main.cpp": SKETCH, "data/index.html": "<p>hello from flash</p>"},
    )

    built = project.run("-t", "buildfs")
    uploaded = project.run("-e", "d1", "-t", "uploadfs")

    assert built.ok, built.stdout
    for name in BOTH:
        image = (project.build_dir(name) / "littlefs.bin").read_bytes()
        assert image[8:16] == b"littlefs"
        assert b"hello from flash" in image
        assert len(image) == 65536
    assert uploaded.ok, uploaded.stdout
    assert sent.read_bytes()[8:16] == b"littlefs"


def test_nobuild_takes_the_image_as_it_is(make_project: MakeProject, tmp_path: Path) -> None:
    sent = tmp_path / "sent.bin"
    project = make_project(
        envs={"d1": "d1_mini"},
        ini_extra=f'upload_protocol = custom\nupload_command = cp $SOURCE "{sent}"',
    )

    missing = project.run("-t", "nobuild", "-t", "upload")
    built = project.run()
    project.write("src/main.cpp", "#error not compiled\n")
    uploaded = project.run("-t", "nobuild", "-t", "upload")

    assert not missing.ok
    assert "firmware.bin" in missing.stdout
    assert "not found" in missing.stdout
    assert built.ok, built.stdout
    assert uploaded.ok, uploaded.stdout
    assert sent.read_bytes() == project.image("d1").read_bytes()


def test_a_pre_script_may_replace_progname(make_project: MakeProject) -> None:
    project = make_project(
        envs=BOTH,
        ini_extra="extra_scripts = pre:name.py",
        sources={
            "src/main.cpp": SKETCH,
            "name.py": 'Import("env")\nenv.Replace(PROGNAME="lamp-" + env["PIOENV"])\n',
        },
    )

    run = project.run()

    assert run.ok, run.stdout
    assert (project.build_dir("d1") / "lamp-d1.bin").is_file()
    assert (project.build_dir("c3") / "lamp-c3.bin").is_file()


def test_gzip_fw_replaces_the_esp8266_image_and_keeps_the_original(
    make_project: MakeProject,
) -> None:
    project = make_project(envs={"d1": "d1_mini"}, ini_extra="board_build.gzip_fw = yes")

    run = project.run()

    assert run.ok, run.stdout
    original = project.image("d1").with_name("firmware.bin.orig").read_bytes()
    assert gzip.decompress(project.image("d1").read_bytes()) == original
    assert_esp8266_words_hold(original)


def test_a_compile_error_fails_that_environment_only(make_project: MakeProject) -> None:
    project = make_project(
        envs={
            "broken": {"board": "d1_mini", "build_flags": "-DBROKEN"},
            "c3": "esp32-c3-devkitm-1",
        },
        sources={"src/main.cpp": "#ifdef BROKEN\n#error as asked\n#endif\n" + SKETCH},
    )

    run = project.run()

    assert run.returncode == 1
    assert "as asked" in run.stdout
    assert not project.image("broken").exists()
    assert project.image("c3").is_file()


def test_no_connection_is_attempted(make_project: MakeProject, tmp_path: Path) -> None:
    watch, log = tmp_path / "watch", tmp_path / "connections.log"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(CONNECTION_WATCH)
    env = {"PYTHONPATH": str(watch), "WATCH_LOG": str(log)}
    project = make_project(envs=BOTH, ini_extra="upload_protocol = custom\nupload_command = true")
    # Without this, the test could not distinguish silence from a watch that does not work.
    subprocess.run(
        [sys.executable, "-c", "import socket; socket.getaddrinfo('127.0.0.1', 1)"],
        env=env,
        check=True,
    )
    assert "getaddrinfo" in log.read_text()
    log.unlink()

    run = project.run("-t", "upload", env=env)

    assert run.ok, run.stdout
    assert not log.exists(), log.read_text()


def test_the_boards_and_the_compilers_are_known_by_name() -> None:
    assert {
        "nodemcuv2",
        "d1_mini",
        "esp32-c3-devkitm-1",
        "seeed_xiao_esp32c3",
        "esp32dev",
    } == BOARDS
    assert set(compilers()) == {"esp8266", "esp32c3"}


def test_a_missing_compiler_is_a_reason_to_skip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "apt-get install gcc-xtensa-lx106" in str(compilers()["esp8266"])
    assert "apt-get install gcc-riscv64-unknown-elf" in str(missing_part("esp32c3"))
