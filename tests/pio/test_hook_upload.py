"""``pio run -t upload_ota``: builds, stamps and publishes, every time."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from acpublish.image.model import Integrity
from acpublish.image.reader import read
from tests.pio.conftest import MakeProject
from tests.pio.hooked import (
    BOTH,
    C3,
    D1,
    SHIM,
    SKETCH,
    edit_sketch,
    errors,
    esptool_info,
    hooked,
    published,
    visible,
)
from tests.pio.test_bed import assert_esp8266_words_hold
from tests.support.pio import PioRun, Project

pytestmark = pytest.mark.pio

VERSION = "2.3.4-rc.1+local"


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


def test_trap_03_both_chips_are_built_stamped_and_published_and_again_with_nothing_rebuilt(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, BOTH)

    first = project.run("-t", "upload_ota")
    images = {name: project.image(name).read_bytes() for name in BOTH}
    runner = {"GITHUB_STEP_SUMMARY": catalog.parent / "summary", "GITHUB_OUTPUT": catalog.parent}
    second = project.run("-t", "upload_ota", env={name: str(at) for name, at in runner.items()})

    assert first.ok, first.stdout
    assert "Publishing .pio/build/d1/firmware.bin" in first.stdout
    assert "lamp 1.0.0 for d1_mini (stable): published" in first.stdout
    assert visible(catalog) == [
        "lamp/lamp-1.0.0_d1_mini.bin",
        "lamp/lamp-1.0.0_esp32-c3-devkitm-1.bin",
    ]
    for name, board in BOTH.items():
        held = (catalog / f"lamp/lamp-1.0.0_{board}.bin").read_bytes()
        # A serial upload flashes the published image, so the device reports its digest.
        assert held == images[name]
        stamp = read(held).stamp
        assert stamp is not None
        assert (stamp.product, stamp.version) == ("lamp", "1.0.0")
    assert second.ok, second.stdout
    summary = runner["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
    assert summary.count("| Outcome | already published |") == len(BOTH)
    assert second.stdout.count("warning: GITHUB_OUTPUT cannot be written: is a directory") == 2
    assert "Linking" not in second.stdout
    assert second.stdout.count("(stable): already published") == 2
    assert {name: project.image(name).read_bytes() for name in BOTH} == images


@pytest.fixture(scope="module")
def released(
    pio_core: Path, pio_python: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, PioRun]:
    """A catalog with the images of both chips, and the run that published them."""
    root = tmp_path_factory.mktemp("released")
    (root / "catalog").mkdir()
    make = partial(Project.make, root, "lamp", core=pio_core, python=pio_python)
    project = hooked(make, root / "catalog", BOTH, version=VERSION)
    run = project.run("-t", "upload_ota")
    assert run.ok, run.stdout
    return root / "catalog", run


def test_the_last_line_says_where_to_look(released: tuple[Path, PioRun]) -> None:
    catalog, run = released
    lines = run.stdout.splitlines()
    said = [lines[index - 1] for index, line in enumerate(lines) if "[SUCCESS]" in line]
    names = [f"lamp/lamp-{VERSION}_{board}.bin" for board in BOTH.values()]
    assert [Path(line) for line in said] == [catalog / name for name in names]


def test_esptool_calls_the_stamped_esp32_c3_image_valid(released: tuple[Path, PioRun]) -> None:
    said = esptool_info(released[0] / f"lamp/lamp-{VERSION}_esp32-c3-devkitm-1.bin")

    assert said.count("(valid)") == 2, said
    assert "Project name: lamp" in said
    assert f"App version: {VERSION}" in said


def test_trap_13_the_boot_loader_would_accept_the_stamped_esp8266_image(
    released: tuple[Path, PioRun],
) -> None:
    image = (released[0] / f"lamp/lamp-{VERSION}_d1_mini.bin").read_bytes()

    assert_esp8266_words_hold(image)
    assert read(image).crc is Integrity.VALID
    assert b"lamp".ljust(32, b"\0") + VERSION.encode().ljust(32, b"\0") in image
    assert b"/update/lamp/d1_mini\0" in image


def test_the_catalog_says_where_an_image_comes_from(released: tuple[Path, PioRun]) -> None:
    image = published(released[0])[f"{VERSION} esp32-c3-devkitm-1"]

    assert image.chip == "esp32c3"
    assert image.stamped
    assert image.provenance["environment"] == "c3"
    assert image.provenance["framework"] == "arduino"
    assert image.provenance["platform"] == "acptest 1.0.0"
    assert "commit" not in image.provenance


def test_the_catalog_says_which_libraries_are_linked_in(
    make_project: MakeProject, catalog: Path
) -> None:
    libraries = {
        "lib/Blink/library.json": '{"name": "Blink", "version": "1.2.3"}',
        "lib/Blink/Blink.h": "#pragma once\n",
        "lib/Unused/library.json": '{"name": "Unused", "version": "1.0.0"}',
        "lib/Unused/Unused.h": "#pragma once\n",
        "lib/Bare/Bare.h": "#pragma once\n",
        "src/main.cpp": "#include <Blink.h>\n#include <Bare.h>\n" + SKETCH,
    }
    project = hooked(make_project, catalog, D1, sources=libraries)

    run = project.run("-t", "upload_ota")

    assert run.ok, run.stdout
    provenance = published(catalog)["1.0.0 d1_mini"].provenance
    assert provenance["libraries"] == "Bare ?, Blink 1.2.3"


def test_one_line_compresses_the_esp8266_image_and_refuses_the_others(
    make_project: MakeProject, catalog: Path
) -> None:
    options = ("custom_ota_compress = yes", "custom_ota_core = 3.1.2")
    project = hooked(make_project, catalog, BOTH, *options)

    run = project.run("-e", "d1", "-t", "upload_ota")
    image = published(catalog)["1.0.0 d1_mini"]

    assert run.ok, run.stdout
    assert image.compressed is not None
    assert image.compressed.size < image.size
    assert image.provenance["core"] == "3.1.2"
    refused = project.run("-e", "c3", "-t", "upload_ota")
    assert not refused.ok
    assert "an image for esp32c3 cannot be compressed" in refused.stdout


def test_other_bytes_under_a_published_version_are_refused_with_both_digests(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1)
    first = project.run("-t", "upload_ota")
    before = published(catalog)

    edit_sketch(project, "other")
    refused = project.run("-t", "upload_ota")
    (line,) = errors(refused)
    ours = read(project.image("d1").read_bytes())
    project.write("VERSION", "1.0.1")
    raised = project.run("-t", "upload_ota")

    assert first.ok, first.stdout
    assert refused.returncode == 1
    assert before["1.0.0 d1_mini"].sha256 in line
    assert ours.sha256 in line
    assert "raise the version" in line
    assert raised.ok, raised.stdout
    assert list(published(catalog)) == ["1.0.0 d1_mini", "1.0.1 d1_mini"]
    assert published(catalog)["1.0.0 d1_mini"] == before["1.0.0 d1_mini"]


def test_trap_03_nobuild_takes_the_image_as_it_is_and_stamps_it(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, D1)

    missing = project.run("-t", "nobuild", "-t", "upload_ota")
    built = project.run()
    project.write("src/main.cpp", "#error not compiled\n")
    project.write("VERSION", "1.0.1")
    run = project.run("-t", "nobuild", "-t", "upload_ota")

    assert missing.returncode == 1
    assert "firmware.bin" in missing.stdout
    assert "not found" in missing.stdout
    assert "Traceback" not in missing.stdout
    assert built.ok, built.stdout
    assert run.ok, run.stdout
    assert visible(catalog) == ["lamp/lamp-1.0.1_d1_mini.bin"]


def test_a_serial_upload_flashes_the_stamped_image(
    make_project: MakeProject, catalog: Path, tmp_path: Path
) -> None:
    sent = tmp_path / "sent.bin"
    project = hooked(
        make_project, catalog, C3, "upload_protocol = custom", f"upload_command = cp $SOURCE {sent}"
    )

    run = project.run("-t", "upload")

    assert run.ok, run.stdout
    stamp = read(sent.read_bytes()).stamp
    assert stamp is not None
    assert stamp.version == "1.0.0"
    assert visible(catalog) == []


def test_trap_09_the_target_may_stand_in_the_ini_and_environment_variables_win(
    make_project: MakeProject, catalog: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    project = hooked(make_project, catalog, D1, "targets = upload_ota", "custom_ota_channel = beta")
    variables = {
        "ACPUBLISH_TO": str(other),
        "ACPUBLISH_PRODUCT": "lantern",
        "ACPUBLISH_VERSION": "7.0.0",
        "ACPUBLISH_BOARD": "hall",
        "ACPUBLISH_CHANNEL": "gamma",
    }

    ini = project.run()
    env = project.run(env=variables)

    assert ini.ok, ini.stdout
    assert "lamp 1.0.0 for d1_mini (beta): published" in ini.stdout
    assert env.ok, env.stdout
    assert "lantern 7.0.0 for hall (gamma): published" in env.stdout
    assert visible(other) == ["lantern/lantern-7.0.0_hall.bin"]
    # The channel in the path is that of the project, not that of one publish.
    assert (
        b"/update/lantern/hall?channel=beta\0"
        in (other / "lantern/lantern-7.0.0_hall.bin").read_bytes()
    )
    assert list(published(catalog)["1.0.0 d1_mini"].channels) == ["beta"]


def test_a_relative_catalog_is_relative_to_the_project(make_project: MakeProject) -> None:
    project = hooked(make_project, "released", D1)
    (project.root / "released").mkdir()

    run = project.run("-t", "upload_ota")

    assert run.ok, run.stdout
    assert visible(project.root / "released") == ["lamp/lamp-1.0.0_d1_mini.bin"]


def test_trap_13_an_esp8266_sketch_without_the_header_is_stamped_too(
    make_project: MakeProject, catalog: Path
) -> None:
    sketch = "#include <Arduino.h>\nvoid setup() {}\nvoid loop() {}\n"
    project = hooked(make_project, catalog, D1, sources={"src/main.cpp": sketch})

    run = project.run("-t", "upload_ota")

    assert run.ok, run.stdout
    assert published(catalog)["1.0.0 d1_mini"].stamped


def test_an_esp8266_image_without_a_record_is_published_with_a_warning(
    make_project: MakeProject, catalog: Path
) -> None:
    # The image of another build, such as one of before the extra script was added.
    bare = make_project("bare", envs=D1)
    built = bare.run()
    project = hooked(make_project, catalog, D1)
    project.image("d1").parent.mkdir(parents=True)
    project.image("d1").write_bytes(bare.image("d1").read_bytes())

    run = project.run("-t", "nobuild", "-t", "upload_ota", "--disable-auto-clean")

    assert built.ok, built.stdout
    assert run.ok, run.stdout
    assert "acpublish: warning: unstamped: " in run.stdout
    assert not published(catalog)["1.0.0 d1_mini"].stamped
    assert project.image("d1").read_bytes() == bare.image("d1").read_bytes()


def test_a_gzip_image_is_refused_with_what_to_do(make_project: MakeProject, catalog: Path) -> None:
    project = hooked(make_project, catalog, D1, "board_build.gzip_fw = yes")

    run = project.run("-t", "upload_ota")

    assert run.returncode == 1
    (line,) = errors(run)
    assert "gzip" in line
    assert "firmware.bin.orig" in line
    # The builder has compressed the image, so there is nothing that could be stamped.
    assert "Stamping" not in run.stdout
    assert visible(catalog) == []


def test_a_pre_script_may_choose_another_name_for_the_image(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(
        make_project,
        catalog,
        D1,
        "extra_scripts =\n    pre:name.py\n    post:acpublish_ota.py",
        sources={"name.py": 'Import("env")\nenv.Replace(PROGNAME="lamp-of-" + env["PIOENV"])\n'},
    )
    text = (project.root / "platformio.ini").read_text()
    project.write("platformio.ini", text.replace("extra_scripts = post:acpublish_ota.py\n", "", 1))

    run = project.run("-t", "upload_ota")

    assert run.ok, run.stdout
    assert "Publishing .pio/build/d1/lamp-of-d1.bin" in run.stdout
    assert visible(catalog) == ["lamp/lamp-1.0.0_d1_mini.bin"]


def test_a_serial_upload_and_a_publish_in_one_run_send_the_same_bytes(
    make_project: MakeProject, catalog: Path, tmp_path: Path
) -> None:
    sent = tmp_path / "sent.bin"
    project = hooked(
        make_project, catalog, D1, "upload_protocol = custom", f"upload_command = cp $SOURCE {sent}"
    )

    run = project.run("-t", "upload", "-t", "upload_ota")

    assert run.ok, run.stdout
    assert run.stdout.index("Uploading") < run.stdout.index("Publishing")
    assert sent.read_bytes() == (catalog / "lamp/lamp-1.0.0_d1_mini.bin").read_bytes()


DAMAGING = """\
import os
Import("env")

def damage(source, target, env):
    if os.path.exists("damage"):
        with open(target[0].get_abspath(), "r+b") as image:
            image.seek(0x1100)
            image.write(b"damaged")

exec(open("hook.py").read())
# Before the stamp, as if the builder had made a damaged image.
image = env.File("$BUILD_DIR/${PROGNAME}.bin")
image.get_executor().post_actions.insert(0, env.Action(damage))
"""


def test_a_damaged_image_is_not_stamped_and_made_again(
    make_project: MakeProject, catalog: Path
) -> None:
    sources = {"acpublish_ota.py": DAMAGING, "hook.py": SHIM, "damage": ""}
    project = hooked(make_project, catalog, D1, sources=sources)

    damaged = project.run("-t", "upload_ota")
    left = project.image("d1").exists()
    (project.root / "damage").unlink()
    repaired = project.run("-t", "upload_ota")

    assert damaged.returncode == 1
    assert "the image is damaged" in errors(damaged)[0]
    assert not left
    assert repaired.ok, repaired.stdout
    assert visible(catalog) == ["lamp/lamp-1.0.0_d1_mini.bin"]
