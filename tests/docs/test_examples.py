"""The scripts in examples/ do what they promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import ROOT
from tests.support import images, pio
from tests.support.server import running_server

DEMO = ROOT / "examples" / "demo.py"
#: Of the processor, because other tests may run at the same time.
DEMO_LIMIT_S = 60


def run(*words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_demonstration_updates_every_device() -> None:
    before = os.times()
    done = run(DEMO)
    after = os.times()
    assert done.returncode == 0, done.stdout + done.stderr
    assert after.children_user - before.children_user < DEMO_LIMIT_S
    assert done.stderr == ""
    assert done.stdout.count("updated: now runs lamp 1.0.0") == 2
    assert done.stdout.count("updated: now runs lamp 1.1.0") == 3
    assert "no update" in done.stdout
    built = "built by PlatformIO" in done.stdout
    assert built == (pio.missing_part("esp8266") is None or pio.missing_part("esp32c3") is None)


def test_the_demonstration_generates_images_where_there_is_no_compiler() -> None:
    done = run(DEMO, PATH=str(Path(sys.executable).parent))
    assert done.returncode == 0, done.stdout + done.stderr
    for command in ("xtensa-lx106-elf-g++", "riscv64-unknown-elf-g++"):
        assert f"generated, because {command} is not installed" in done.stdout
    assert done.stdout.count("updated: now runs lamp 1.1.0") == 3


def test_a_demonstration_that_fails_says_so_in_one_line(tmp_path: Path) -> None:
    script = tmp_path / "demo.py"
    broken = DEMO.read_text().replace('"127.0.0.1"]', '"no address"]')
    script.write_text(broken.replace("Path(__file__).resolve().parents[1]", f"Path({str(ROOT)!r})"))
    done = run(script, PATH=str(Path(sys.executable).parent))
    assert done.returncode == 1
    assert done.stderr.startswith("demo: failed: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("with_server", [False, True], ids=["directory", "server"])
def test_the_python_api_script(tmp_path: Path, with_server: bool) -> None:
    firmware, catalog = tmp_path / "firmware.bin", tmp_path / "catalog"
    firmware.write_bytes(images.esp8266_image())
    catalog.mkdir()
    script = ROOT / "examples" / "python_api.py"
    if not with_server:
        done = run(script, firmware, catalog)
        assert done.returncode == 0, done.stderr
        assert "published: example/example-1.0.0_d1_mini.bin" in done.stdout
        return
    with running_server(catalog, tmp_path) as server:
        done = subprocess.run(
            [sys.executable, str(script), str(firmware), str(catalog), server.url],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "version='1.0.0'" in done.stdout
    published = catalog / "example" / "example-1.0.0_d1_mini.bin"
    assert (tmp_path / published.name).read_bytes() == published.read_bytes()


def test_the_python_api_script_says_what_is_wrong(tmp_path: Path) -> None:
    done = run(ROOT / "examples" / "python_api.py", tmp_path / "no.bin", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("python_api: ")
    assert len(done.stderr.splitlines()) == 1
