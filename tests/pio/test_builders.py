"""The hook with the builders that people have today: see tests/support/platform and pioarduino."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import acpublish
from acpublish.image.model import Kind
from acpublish.image.reader import read
from tests.pio.conftest import MakeProject
from tests.pio.hooked import BOTH, C3, ON_BUILD, errors, hooked, published, visible
from tests.support.pio import PLATFORM_DIR, PioRun, Project, make_core_dir

pytestmark = pytest.mark.pio

PIOARDUINO = f"symlink://{PLATFORM_DIR.parent / 'pioarduino'}"
ARDUINO_C3 = {"c3": {"board": C3["c3"], "platform": PIOARDUINO}}
IDF_C3 = {"c3": {"board": C3["c3"], "framework": "espidf"}}

# What WLED, EMS-ESP32 and others do with the image in a script of their own.
COPY = """\
import shutil
Import("env")

def copy(source, target, env):
    shutil.copy(str(target[0]), str(target[0]) + ".WHERE")

env.AddPostAction("$BUILD_DIR/${PROGNAME}.bin", env.VerboseAction(copy, "Copying to WHERE"))
"""
SECURE_BOOT = """\
CONFIG_SECURE_BOOT=y
CONFIG_SECURE_BOOT_BUILD_SIGNED_BINARIES=y
CONFIG_SECURE_BOOT_SIGNING_KEY="boot.pem"
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "catalog"
    path.mkdir()
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Pioarduino:
    """A Python that runs pio, its packages, and a core directory."""

    python: Path
    packages: Path
    core: Path

    @property
    def penv(self) -> Path:
        """The packages of pioarduino's own environment."""
        return self.core / "penv" / self.packages.relative_to(self.python.parents[1])

    @contextmanager
    def installed(self, packages: Path) -> Iterator[None]:
        """Installs acpublish, as pip and uv do, and uninstalls it."""
        (packages / "acpublish").symlink_to(Path(acpublish.__file__).parent)
        yield
        (packages / "acpublish").unlink()

    def runs(self, project: Project) -> Project:
        """Returns the project as this Python builds it."""
        return replace(project, core=self.core, python=str(self.python))


@pytest.fixture(scope="module")
def pioarduino(pio_core: Path, tmp_path_factory: pytest.TempPathFactory) -> Pioarduino:
    root = tmp_path_factory.mktemp("pioarduino")
    venv.create(root / "pio", symlinks=True, with_pip=False)
    (packages,) = (root / "pio" / "lib").glob("python*/site-packages")
    theirs = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "bed.pth").write_text("\n".join(theirs) + "\n")
    # uv makes environments without pip, and the packages of the tests have it.
    (packages / "pip.py").write_text("raise ImportError\n")
    python = root / "pio" / "bin" / "python"
    core = make_core_dir(root / "core", python=str(python))
    return Pioarduino(python=python, packages=packages, core=core)


def stamped(path: Path) -> str:
    """Returns product and version of an image."""
    stamp = read(path.read_bytes()).stamp
    return f"{stamp.product} {stamp.version}" if stamp else "nothing"


def test_acpublish_is_found_where_pio_runs_and_merged_images_have_the_stamp(
    make_project: MakeProject, catalog: Path, pioarduino: Pioarduino
) -> None:
    project = pioarduino.runs(hooked(make_project, catalog, ARDUINO_C3))

    with pioarduino.installed(pioarduino.packages):
        run = project.run("-t", "upload_ota")

    assert run.ok, run.stdout
    assert published(catalog).keys() == {"1.0.0 esp32-c3-devkitm-1"}
    assert not (pioarduino.core / "penv" / "bin" / "pip").exists()
    image = project.image("c3").read_bytes()
    factory = (project.build_dir("c3") / "firmware.factory.bin").read_bytes()
    assert stamped(project.image("c3")) == "lamp 1.0.0"
    assert factory.endswith(image)


def test_the_command_shown_installs_it_for_the_child_of_a_hybrid_compile_too(
    make_project: MakeProject, catalog: Path, pioarduino: Pioarduino
) -> None:
    envs = {"c3": {**ARDUINO_C3["c3"], "custom_sdkconfig": "CONFIG_LOG_COLORS=y"}}
    project = pioarduino.runs(hooked(make_project, catalog, envs))

    failed = project.run()

    assert failed.returncode == 1
    (line,) = errors(failed)
    command = re.search(r'Run: "[^"]*uv" pip install --python "([^"]+)" acpublish$', line)
    assert command, line
    # What uv does with this command: it installs into that Python's own packages.
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    asked = subprocess.run([command[1], "-c", code], capture_output=True, text=True, check=True)
    assert Path(asked.stdout.strip()) == pioarduino.penv
    with pioarduino.installed(pioarduino.penv):
        run = project.run("-t", "upload_ota", "-a", "--channel", "-a", "beta")
    assert run.ok, run.stdout
    assert "*** Starting Arduino compile ***" in run.stdout
    # The arguments reached the child, which got none from PlatformIO.
    (image,) = published(catalog).values()
    assert list(image.channels) == ["beta"]
    assert "channel: this goes to beta, but the firmware asks for updates on stable" in run.stdout


def test_other_scripts_get_the_stamped_image_in_any_order(
    make_project: MakeProject, catalog: Path
) -> None:
    copies = {f"{name}.py": COPY.replace("WHERE", name) for name in ("before", "behind")}
    project = hooked(make_project, catalog, BOTH, ON_BUILD, sources=copies)
    ini = (project.root / "platformio.ini").read_text()
    scripts = "post:before.py, post:acpublish_ota.py, post:behind.py"
    project.write("platformio.ini", ini.replace("post:acpublish_ota.py", scripts))

    runs = {"1.0.0": project.run()}
    unchanged = project.run()
    project.write("VERSION", "1.1.0")
    runs["1.1.0"] = project.run()

    # An unchanged project is not built again, whatever the order of the actions was.
    assert unchanged.ok, unchanged.stdout
    assert not re.search(r"Linking|Building \.pio|Stamping|Copying", unchanged.stdout)
    for version, run in runs.items():
        assert run.ok, run.stdout
        steps = re.findall(r"^(?:Stamping|Copying to \w+|Publishing)", run.stdout, re.M)
        assert steps == ["Stamping", "Copying to before", "Copying to behind", "Publishing"] * 2
        assert {f"{version} {board}" for board in BOTH.values()} <= published(catalog).keys()
    for name in BOTH:
        for copy in ("before", "behind"):
            path = project.build_dir(name) / f"firmware.bin.{copy}"
            assert path.read_bytes() == project.image(name).read_bytes()
        assert stamped(project.image(name)) == "lamp 1.1.0"


def test_a_script_that_renames_the_image_too_late_is_named_in_one_line(
    make_project: MakeProject, catalog: Path
) -> None:
    rename = {"rename.py": 'Import("env")\nenv.Replace(PROGNAME="renamed")\n'}
    project = hooked(make_project, catalog, C3, sources=rename)
    ini = (project.root / "platformio.ini").read_text()

    def listed(scripts: str) -> PioRun:
        project.write("platformio.ini", ini.replace("post:acpublish_ota.py", scripts))
        return project.run("-t", "upload_ota")

    late, early = (
        listed("rename.py, post:acpublish_ota.py"),
        listed("pre:rename.py, post:acpublish_ota.py"),
    )

    (line,) = errors(late)
    assert "an extra script set PROGNAME to renamed after PlatformIO had set up" in line
    assert early.ok, early.stdout
    assert stamped(project.build_dir("c3") / "renamed.bin") == "lamp 1.0.0"


def test_src_of_an_espidf_project_includes_the_header(
    make_project: MakeProject, catalog: Path
) -> None:
    project = hooked(make_project, catalog, IDF_C3)

    run = project.run("-t", "upload_ota")
    again = project.run()

    assert run.ok, run.stdout
    assert "Compiling .pio/build/c3/idf/main.cpp.o" in run.stdout
    assert again.ok, again.stdout
    assert "Compiling" not in again.stdout
    assert visible(catalog) == ["lamp/lamp-1.0.0_esp32-c3-devkitm-1.bin"]


def signing_project(make_project: MakeProject, catalog: Path, config: str) -> Project:
    """Returns a project with secure boot, and its key."""
    project = hooked(make_project, catalog, IDF_C3, sources={"sdkconfig.defaults": config})
    key = str(project.root / "boot.pem")
    make = ["generate-signing-key", "--version", "2", "--scheme", "rsa3072", key]
    subprocess.run([sys.executable, "-m", "espsecure", *make], check=True, capture_output=True)
    return project


def test_secure_boot_publishes_the_signed_image(make_project: MakeProject, catalog: Path) -> None:
    project = signing_project(make_project, catalog, SECURE_BOOT)

    run = project.run("-t", "upload_ota")
    existing = project.run("-t", "nobuild", "-t", "upload_ota")

    assert run.ok, run.stdout
    assert existing.ok, existing.stdout
    assert "already published" in existing.stdout
    signed = project.build_dir("c3") / "firmware-signed.bin"
    (image,) = published(catalog).values()
    file = catalog / "lamp" / image.file
    assert file.read_bytes() == signed.read_bytes()
    assert read(file.read_bytes()).kind is Kind.SIGNED
    assert stamped(file) == "lamp 1.0.0"
    assert image.provenance["elf_sha256"]
    verify = ["verify-signature", "--version", "2", "--keyfile", str(project.root / "boot.pem")]
    done = subprocess.run(
        [sys.executable, "-m", "espsecure", *verify, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_secure_boot_without_a_signature_publishes_nothing(
    make_project: MakeProject, catalog: Path
) -> None:
    project = signing_project(make_project, catalog, "CONFIG_SECURE_BOOT=y\n")

    for targets in (("upload_ota",), ("ota_check",), ("nobuild", "upload_ota")):
        run = project.run(*(word for target in targets for word in ("-t", target)))

        assert run.returncode == 1
        (line,) = errors(run)
        assert "the image is not signed, and its devices boot only signed images" in line
        assert "CONFIG_SECURE_BOOT_BUILD_SIGNED_BINARIES=y" in line
    assert visible(catalog) == []
