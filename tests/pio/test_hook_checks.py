"""The pre-flight checks with what only PlatformIO knows: partitions, flash, debug, working tree."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from acpublish.release.gzip_choice import sectors
from tests.pio.conftest import MakeProject
from tests.pio.hooked import C3, D1, ON_BUILD, edit_sketch, errors, hooked, published, visible
from tests.pio.test_hook_versions import git

pytestmark = pytest.mark.pio

SUPPORT = Path(__file__).resolve().parents[1] / "support"
ROOMY = "app0, app, ota_0, 0x10000, 1M\napp1, app, ota_1, , 1M\n"
TIGHT = "app0, app, ota_0, 0x10000, 1M\napp1, app, ota_1, , 4K\n"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


def test_the_partition_table_of_the_board_is_found_and_judged(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(
        *(make_project, catalog, C3, "board_build.partitions = tight.csv"),
        *("build_type = debug", "board_upload.flash_size = 4MB"),
        sources={"tight.csv": TIGHT},
    )

    refused = project.run("-t", "upload_ota")

    (line,) = errors(refused)
    size = project.image("c3").stat().st_size
    assert f"slot: the image is {size} bytes, but the smallest OTA slot holds only 4096" in line
    assert f"{size - 4096} bytes too many" in line
    assert visible(catalog) == []

    project.write("tight.csv", ROOMY)
    done = project.run("-t", "upload_ota")

    assert done.ok, done.stdout
    assert "acpublish: warning: debug-build: " in done.stdout
    (image,) = published(catalog).values()
    assert (image.declared.slot_bytes, image.declared.debug) == (1024 * 1024, True)
    assert image.declared.flash_bytes == 4 * 1024 * 1024
    assert image.declared.layout


def test_the_flash_that_an_esp8266_shares_is_found_and_judged(
    make_project: MakeProject, catalog: Path
) -> None:
    # The core's scripts have such names; this one leaves 12 KiB in front of the filesystem.
    script = "eagle.flash.512k480.ld"
    content = (SUPPORT / "platform" / "ldscripts" / "esp8266.ld").read_text()
    project = hooked(
        *(make_project, catalog, D1, f"board_build.ldscript = ${{PROJECT_DIR}}/{script}"),
        sources={script: content},
    )

    done = project.run("-t", "upload_ota")

    assert done.ok, done.stdout
    (image,) = published(catalog).values()
    space = (512 - 480 - 20) * 1024
    assert image.declared.ota_bytes == space
    excess = 2 * sectors(image.size) - space
    assert excess > 0
    assert "acpublish: warning: ota-space: " in done.stdout
    assert f"over the air: {excess} bytes too many" in done.stdout


def test_changes_that_are_not_committed_do_not_get_to_stable(
    make_project: MakeProject, catalog: Path
) -> None:
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    project = hooked(make_project, catalog, D1, ON_BUILD)
    project.write(".gitignore", ".pio\n")
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "first")):
        git(project, *words)
    edit_sketch(project, "second")

    refused = project.run("-t", "upload_ota")
    built = project.run()

    (line,) = errors(refused)
    assert "dirty: the working tree has uncommitted changes" in line
    assert built.ok, built.stdout
    assert "so this build is 1.0.1-dev.1" in built.stdout
    (image,) = published(catalog).values()
    assert (set(image.channels), image.declared.changed) == ({"dev"}, True)


def test_a_wifi_password_of_a_flag_is_found_and_never_shown(
    make_project: MakeProject, catalog: Path
) -> None:
    password = "correct-horse-battery"
    project = hooked(
        *(make_project, catalog, C3),
        f"build_flags = -D WIFI_PASSWORD='\"{password}\"'",
        "custom_ota_secret_scan = error",
    )
    sketch = project.root / "src" / "main.cpp"
    sketch.write_text(sketch.read_text().replace('F("first")', "F(WIFI_PASSWORD)"))

    refused = project.run("-t", "upload_ota")

    assert password.encode() in project.image("c3").read_bytes()
    (line,) = errors(refused)
    assert "secrets: the image contains the value of -D WIFI_PASSWORD (********)" in line
    # The compiler's lines are not ours.
    assert all(password not in one for one in refused.stdout.splitlines() if "acpublish" in one)
    assert visible(catalog) == []

    digest = hashlib.sha256(password.encode()).hexdigest()[:12]
    assert digest in line
    ini = project.root / "platformio.ini"
    ini.write_text(ini.read_text() + f"\ncustom_ota_accept_secrets = {digest}\n")
    done = project.run("-t", "upload_ota")
    assert done.ok, done.stdout
    assert "secrets: " not in done.stdout
