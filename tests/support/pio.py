"""Real PlatformIO runs with real cross-compilers, offline: the test bed for the hook.

A core directory (one per PlatformIO version, made once per test session) and projects in it::

    core = make_core_dir(tmp_path / "core")
    project = Project.make(
        tmp_path,
        "lamp",
        core=core,
        envs={"d1": "d1_mini", "c3": {"board": "esp32-c3-devkitm-1", "custom_ota_channel": "beta"}},
        ini_extra="extra_scripts = post:shim.py",
        sources={"src/main.cpp": SKETCH, "shim.py": "..."},
    )
    run = project.run("-e", "d1", "-t", "upload_ota", env={"ACPUBLISH_TOKEN": "..."})
    assert run.ok, run.stdout
    image = project.image("d1").read_bytes()

In tests/pio the fixtures ``pio_core`` and ``make_project`` (conftest.py) do the first two steps.

What the bed offers:

- Boards: ``nodemcuv2``, ``d1_mini`` (ESP8266), ``esp32-c3-devkitm-1``, ``seeed_xiao_esp32c3``
  (ESP32-C3), ``esp32dev`` (RISC-V code in an ESP32 image; see its json).
- ``-DACP_BALLAST=<bytes>`` in build_flags makes an image larger by as much.
- ``upload_protocol = custom`` with ``upload_command`` is how ``-t upload`` works without hardware.
- ``board_build.gzip_fw = yes`` makes the ESP8266's firmware.bin a gzip, beside firmware.bin.orig.
- :func:`offline_ini` turns the platformio.ini of a user into one that builds here.

PlatformIO runs with an environment of its own (:func:`clean_environment`): a home and a core
directory of the test's, no proxy, no setting of the caller's, nothing that makes it ask a server.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import preloaded_pio

#: Whether runs are forks of a process that has loaded PlatformIO. The tests set it (conftest.py),
#: the benchmarks do not.
forks = False
PLATFORM_DIR = Path(__file__).resolve().parent / "platform"
BOARDS = frozenset(path.stem for path in (PLATFORM_DIR / "boards").glob("*.json"))
NO_LIBRARIES_FLAG = "-DACP_NO_LIBRARIES"

SKETCH = """\
#include <Arduino.h>

void setup() { Serial.begin(115200); }
void loop() { Serial.println(F("hello")); delay(1000); }
"""

_COMPILERS = {
    "esp8266": ("xtensa-lx106-elf-g++", "gcc-xtensa-lx106"),
    "esp32c3": ("riscv64-unknown-elf-g++", "gcc-riscv64-unknown-elf"),
}

# Run by the interpreter that runs PlatformIO, which need not be ours.
_ASK_VERSIONS = """\
import json
from platformio import __version__
from platformio.dependencies import get_core_dependencies
print(json.dumps({"core": __version__, "scons": get_core_dependencies()["tool-scons"]}))
"""

_SCONS_SHIM = """\
from SCons.Script.Main import main

if __name__ == "__main__":
    main()
"""

# The file has the module's own name, so its folder must not come first on the path.
_ESPTOOL_SHIM = """\
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]

if __name__ == "__main__":
    from esptool import _main

    sys.argv[0] = "esptool"
    _main()
"""


def compilers() -> dict[str, str | None]:
    """Returns for each chip None if its compiler is here, otherwise the reason to skip a test."""
    return {
        chip: None
        if shutil.which(command)
        else f"{command} is not installed (Debian: apt-get install {package})"
        for chip, (command, package) in _COMPILERS.items()
    }


def missing_part(*chips: str) -> str | None:
    """Returns why builds for ``chips`` (default: all) cannot run here, or None if they can."""
    for module in ("platformio", "SCons", "esptool"):
        try:
            __import__(module)
        except ImportError:
            return f"{module} is not installed (the dependency group dev of pyproject.toml has it)"
    found = compilers()
    return next((reason for chip in chips or found if (reason := found[chip])), None)


def make_core_dir(path: Path, *, python: str = sys.executable) -> Path:
    """Makes a PlatformIO core directory that needs nothing from PlatformIO's registry.

    Args:
        path: The directory to make. It belongs to one version of PlatformIO.
        python: The interpreter that has platformio, scons and esptool.

    Returns:
        ``path``, absolute.
    """
    path = path.resolve()
    (path / "home").mkdir(parents=True)
    asked = subprocess.run(
        [python, "-c", _ASK_VERSIONS],
        env=clean_environment(path),
        cwd=path,
        check=True,
        capture_output=True,
        text=True,
    )
    versions = json.loads(asked.stdout)
    _write_tool(path, "tool-scons", versions["scons"].lstrip("~^="), {"scons.py": _SCONS_SHIM})
    _write_tool(path, "tool-esptoolpy", "1.0.0", {"esptool.py": _ESPTOOL_SHIM})
    state = {
        "created_at": int(time.time()),
        "last_version": versions["core"],
        "settings": {
            "enable_telemetry": False,
            "check_platformio_interval": 36500,
            "check_prune_system_threshold": 0,
            "disable_udev_rules_check": True,
        },
    }
    (path / "appstate.json").write_text(json.dumps(state))
    return path


def _write_tool(core: Path, name: str, version: str, files: Mapping[str, str]) -> None:
    folder = core / "packages" / name
    folder.mkdir(parents=True)
    for file_name, text in files.items():
        (folder / file_name).write_text(text)
    (folder / "package.json").write_text(json.dumps({"name": name, "version": version}))
    # PlatformIO reads a package's owner from here only.
    origin = {"owner": "platformio", "id": None, "name": name, "requirements": None, "uri": None}
    mark = {"type": "tool", "name": name, "version": version, "spec": origin}
    (folder / ".piopm").write_text(json.dumps(mark))


def clean_environment(core: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the whole environment for a run of PlatformIO: nothing of the caller's but PATH.

    Args:
        core: The core directory.
        extra: What the test adds or replaces.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(core / "home"),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "PLATFORMIO_CORE_DIR": str(core),
        "PLATFORMIO_NO_ANSI": "true",
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "36500",
        "PLATFORMIO_SETTING_CHECK_PRUNE_SYSTEM_THRESHOLD": "0",
        "PLATFORMIO_SETTING_DISABLE_UDEV_RULES_CHECK": "yes",
        **(extra or {}),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PioRun:
    """How a run of PlatformIO ended.

    Attributes:
        returncode: PlatformIO's exit status.
        stdout: What it printed, stdout and stderr together in their order.
        seconds: How long it took.
    """

    args: tuple[str, ...]
    returncode: int
    stdout: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether it ended with status 0."""
        return self.returncode == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A PlatformIO project on disk.

    Attributes:
        root: Its folder; the folder's name is the project's name.
        core: The core directory (:func:`make_core_dir`).
        python: The interpreter that has PlatformIO.
    """

    root: Path
    core: Path
    python: str = field(default=sys.executable)

    @classmethod
    def make(
        cls,
        parent: Path,
        name: str,
        *,
        core: Path,
        envs: Mapping[str, str | Mapping[str, str]],
        ini_extra: str = "",
        sources: Mapping[str, str] | None = None,
        python: str = sys.executable,
    ) -> Project:
        """Writes a project.

        Args:
            parent: The directory that gets the project's folder.
            name: The folder's name.
            core: The core directory.
            envs: For each environment its board, or its options (with ``board`` among them).
            ini_extra: Lines for the section ``[env]``, which all environments share; it is the
                last section of the file, so the text may open others.
            sources: Path in the project -> text; default: :data:`SKETCH` as src/main.cpp.
            python: The interpreter that has PlatformIO.
        """
        project = cls(root=parent / name, core=core, python=python)
        project.root.mkdir(parents=True)
        project.write_ini(envs, ini_extra)
        for path, text in (sources or {"src/main.cpp": SKETCH}).items():
            project.write(path, text)
        return project

    @classmethod
    def copy(
        cls, example: Path, parent: Path, *, core: Path, python: str = sys.executable
    ) -> Project:
        """Copies a project that was written for the real platforms and makes it build offline."""
        root = parent / example.name
        shutil.copytree(example, root, ignore=shutil.ignore_patterns(".pio"))
        project = cls(root=root, core=core, python=python)
        ini = root / "platformio.ini"
        ini.write_text(offline_ini(ini.read_text()))
        return project

    def write_ini(self, envs: Mapping[str, str | Mapping[str, str]], ini_extra: str = "") -> None:
        """Writes platformio.ini anew; after any edit of it PlatformIO builds from scratch."""
        lines = []
        for name, given in envs.items():
            options = {"board": given} if isinstance(given, str) else given
            lines += [f"[env:{name}]", *(f"{key} = {value}" for key, value in options.items()), ""]
        lines += ["[env]", f"platform = symlink://{PLATFORM_DIR}", "framework = arduino", ini_extra]
        self.write("platformio.ini", "\n".join(lines) + "\n")

    def write(self, path: str, text: str) -> Path:
        """Writes a file of the project and returns its path."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def build_dir(self, env_name: str) -> Path:
        """Returns where an environment is built."""
        return self.root / ".pio" / "build" / env_name

    def image(self, env_name: str) -> Path:
        """Returns the path of an environment's firmware.bin."""
        return self.build_dir(env_name) / "firmware.bin"

    def command(self, *args: str) -> list[str]:
        """Returns the command line of ``pio run`` with ``args`` in this project."""
        return [self.python, "-m", "platformio", "run", "-d", str(self.root), *args]

    def run(
        self, *args: str, env: Mapping[str, str] | None = None, timeout_s: float = 120
    ) -> PioRun:
        """Runs ``pio run`` with ``args`` and waits for its end.

        Args:
            args: For example ``"-e", "d1", "-t", "upload_ota"``.
            env: What to add to the clean environment.
            timeout_s: After this many seconds the run is ended and the test fails.
        """
        begin = time.monotonic()
        core, given = clean_environment(self.core), clean_environment(self.core, env)
        if forks and preloaded_pio.can_fork(self.python, core, given):
            words = self.command(*args)[3:]
            status, text = preloaded_pio.run(words, core, given, self.root, timeout_s)
        else:
            done = subprocess.run(
                self.command(*args),
                env=given,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout_s,
                check=False,
            )
            status, text = done.returncode, done.stdout
        return PioRun(args=args, returncode=status, stdout=text, seconds=time.monotonic() - begin)

    def start(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Starts ``pio run`` in a process group of its own, for tests that kill it half-way."""
        return subprocess.Popen(
            self.command(*args),
            env=clean_environment(self.core, env),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


_SECTION = re.compile(r"\[(?P<name>[^\]]+)\]")
_OPTION = re.compile(r"(?P<key>[A-Za-z0-9_.]+)\s*=\s*(?P<value>.*)")
_DROPPED = frozenset({"lib_deps", "platform_packages"})


def offline_ini(text: str) -> str:
    """Turns the platformio.ini of a user into one that builds in this bed.

    The platform becomes the offline one, lib_deps and platform_packages go, and every environment
    gets the flag -DACP_NO_LIBRARIES, by which an example leaves out what its libraries provide.
    Comments, order and all other options stay.

    Raises:
        ValueError: A board that the bed does not have.
    """
    lines: list[str] = []
    section, keep_rest, flagged = "", True, False
    for line in text.splitlines():
        if opened := _SECTION.match(line):
            section, keep_rest = opened["name"].strip(), True
            lines.append(line)
        elif option := _OPTION.match(line):
            first, keep_rest = _offline_option(line, option["key"], option["value"].strip())
            lines += [] if first is None else [first]
            flagged = flagged or (section == "env" and option["key"] == "build_flags")
        elif keep_rest or line.startswith(("#", ";")):
            lines.append(line)
    return "\n".join(lines if flagged else _with_common_flag(lines)) + "\n"


def _offline_option(line: str, key: str, value: str) -> tuple[str | None, bool]:
    """Returns an option's first line (None: drop it) and whether its other lines stay."""
    if key == "board" and value not in BOARDS:
        raise ValueError(f"board {value!r} is none of {', '.join(sorted(BOARDS))}")
    if key in _DROPPED:
        return None, False
    if key == "platform":
        return f"platform = symlink://{PLATFORM_DIR}", False
    if key == "build_flags":
        return f"build_flags = {NO_LIBRARIES_FLAG} {value}".rstrip(), True
    return line, True


def _with_common_flag(lines: Sequence[str]) -> list[str]:
    """Returns the lines with the flag as build_flags of the section [env]."""
    flag = f"build_flags = {NO_LIBRARIES_FLAG}"
    if "[env]" in (stripped := [line.strip() for line in lines]):
        at = stripped.index("[env]") + 1
        return [*lines[:at], flag, *lines[at:]]
    return [*lines, "", "[env]", flag]
