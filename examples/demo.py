"""From an image to updated devices, on this machine alone: what ``make demo`` runs.

It shows the commands that a user would type, and their output. PlatformIO builds the images if the
cross-compilers are installed; otherwise they are generated. Everything happens in a temporary
directory and on a free port of 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support import images, pio  # noqa: E402  (the path is set only now)

PRODUCT = "lamp"
#: Each chip in the demonstration: its board, and the family whose updater its device imitates.
BOARDS = {"esp8266": "d1_mini", "esp32c3": "esp32-c3-devkitm-1"}
FAMILIES = {"esp8266": "esp8266", "esp32c3": "esp32"}
#: Makes the images as large as those of real sketches.
BALLAST = "-DACP_BALLAST=262144"
SERVER_START_S = 20
COMMAND_S = 60
SKETCH = """\
#include <Arduino.h>
#include <acpublish.h>

void setup() { Serial.begin(115200); Serial.println(ACPUBLISH_VERSION); }
void loop() { Serial.println(F(ACPUBLISH_UPDATE_PATH)); delay(PAUSE_MS); }
"""


class DemoError(Exception):
    """The demonstration failed; the message is one line."""


class Demo:
    """The temporary directory, and the commands that run in it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.catalog = home / "firmware"
        self.catalog.mkdir()
        self.url = ""
        self.environ = {
            **{name: text for name, text in os.environ.items() if "ACPUBLISH" not in name},
            "HOME": str(home),
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": str(ROOT),
        }
        missing = pio.compilers()
        general = pio.missing_part(*[chip for chip in BOARDS if not missing[chip]])
        self.reasons = {chip: missing[chip] or general for chip in BOARDS}
        self.project = self._project([chip for chip in BOARDS if not self.reasons[chip]])

    def _project(self, chips: list[str]) -> pio.Project | None:
        if not chips:
            return None
        options = [
            "extra_scripts = post:acpublish_ota.py",
            f"custom_ota_to = {self.catalog}",
            "custom_ota_version = file:VERSION",
        ]
        shim = (ROOT / "extra_scripts" / "acpublish_ota.py").read_text()
        return pio.Project.make(
            self.home,
            PRODUCT,
            core=pio.make_core_dir(self.home / "core"),
            envs={chip: {"board": BOARDS[chip], "build_flags": BALLAST} for chip in chips},
            ini_extra="\n".join(options),
            sources={"src/main.cpp": "", "VERSION": "", "acpublish_ota.py": shim},
        )

    def acpublish(self, *words: str, environ: Mapping[str, str] | None = None) -> list[str]:
        """Runs a command, shows it as a user would type it, and returns the lines of its output."""
        shown = shlex.join(["acpublish", *words]).replace(f"{self.home}/", "")
        say(f"   $ {shown}")
        try:
            result = subprocess.run(
                [sys.executable, "-m", "acpublish", *words],
                env={**self.environ, **(environ or {})},
                cwd=self.home,
                capture_output=True,
                text=True,
                timeout=COMMAND_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"{shown} took longer than {COMMAND_S} s") from error
        lines = result.stdout.splitlines()
        if result.returncode:
            output = _last(result.stderr.splitlines() or lines)
            raise DemoError(f"{shown} ended with status {result.returncode}: {output}")
        return lines

    def publish(self, version: str, to: str, token: str = "") -> None:
        """Publishes a version for each board: built if that is possible, otherwise generated."""
        secret = {"ACPUBLISH_TOKEN": token} if token else {}
        if self.project is not None:
            self._build(self.project, version, to, secret)
        for number, (chip, board) in enumerate(BOARDS.items()):
            if not self.reasons[chip]:
                continue
            file = self.home / f"{chip}-{version}.bin"
            seed = number + 10 * int(version.replace(".", ""))
            generate = images.esp8266_image if chip == "esp8266" else images.esp32_image
            file.write_bytes(generate(size=65536, seed=seed))
            options = ["--to", to, "--product", PRODUCT, "--version", version, "--board", board]
            for line in self.acpublish("publish", str(file), *options, environ=secret):
                say(f"   {line}")

    def _build(
        self, project: pio.Project, version: str, to: str, secret: Mapping[str, str]
    ) -> None:
        pause = 1000 + int(version.replace(".", ""))
        project.write("src/main.cpp", SKETCH.replace("PAUSE_MS", str(pause)))
        project.write("VERSION", f"{version}\n")
        environ, shown = dict(secret), "pio run -t upload_ota"
        if to != str(self.catalog):
            environ["ACPUBLISH_TO"] = to
            shown = f"ACPUBLISH_TO={to} ACPUBLISH_TOKEN=... {shown}"
        say(f"   $ {shown}")
        try:
            run = project.run("-t", "upload_ota", env=environ, timeout_s=COMMAND_S)
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"{shown} took longer than {COMMAND_S} s") from error
        lines = run.stdout.splitlines()
        if not run.ok:
            errors = [line for line in lines if line.startswith("acpublish: error: ")]
            raise DemoError(f"{shown} failed: {_last(errors or lines)}")
        for line in lines:
            if line.startswith((f"{PRODUCT} {version}", "acpublish: warning")):
                say(f"   {line}")

    def update_by_channel(self, version: str) -> None:
        """Lets both devices check for the newest image of their channel."""
        for chip, board in BOARDS.items():
            where = ("--auto", f"{PRODUCT}/{board}")
            self.update(chip, *where, flash=f"{chip}.flash", version=version)

    def update(self, chip: str, *where: str, flash: str, version: str) -> None:
        """Lets a software device update, and compares its flash with the published image."""
        options = ["--chip", FAMILIES[chip], "--flash", flash]
        result = _last(self.acpublish("emulate", "--to", self.url, *where, *options))
        say(f"   {result}")
        published = self.catalog / PRODUCT / f"{PRODUCT}-{version}_{BOARDS[chip]}.bin"
        if not result.startswith("updated: "):
            raise DemoError(f"the {chip} did not update: {result}")
        if (self.home / flash).read_bytes() != published.read_bytes():
            raise DemoError(f"the {chip} does not contain the bytes of {published.name}")

    @contextlib.contextmanager
    def server(self) -> Iterator[None]:
        """Serves the catalog, and stops the server at the end."""
        words = ["--to", str(self.catalog), "--port", "0", "--bind", "127.0.0.1"]
        words += ["--state", "state", "--log", "warning"]
        say("   $ acpublish serve " + shlex.join(words).replace(f"{self.home}/", ""))
        log = self.home / "server.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "acpublish", "serve", *words],
                env=self.environ,
                cwd=self.home,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            line = _first_line(process)
            if " at http://" not in line:
                raise DemoError(f"the server did not start: {_last(log.read_text().splitlines())}")
            say(f"   {line}")
            self.url = line.rpartition(" at ")[2]
            yield
        finally:
            process.terminate()
            try:
                status = process.wait(timeout=SERVER_START_S)
            except subprocess.TimeoutExpired:
                process.kill()
                status = process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if status:
            raise DemoError(f"the server ended with status {status}")


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], SERVER_START_S)
    return process.stdout.readline().strip() if ready else ""


def _last(lines: list[str]) -> str:
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def say(text: str = "") -> None:
    """Prints a line immediately."""
    print(text, flush=True)


def show(demo: Demo) -> None:
    """Runs the demonstration step by step."""
    for chip, reason in demo.reasons.items():
        how = (
            f"generated, because {reason}"
            if reason
            else "built by PlatformIO with a cross-compiler"
        )
        say(f"{chip} images are {how}.")
    say("\n1. A server, on a free port")
    with demo.server():
        say("\n2. Version 1.0.0 is published to the directory")
        demo.publish("1.0.0", str(demo.catalog))
        say("\n3. An ESP8266 and an ESP32-C3 with different firmware check for updates")
        demo.update_by_channel("1.0.0")
        say("\n4. Version 1.1.0 is published to the server, with a token")
        places = ["--to", str(demo.catalog), "--state", "state"]
        token = _last(demo.acpublish("token", "create", "--publish", PRODUCT, *places))
        say("   (it prints the token once)")
        demo.publish("1.1.0", demo.url, token)
        say("\n5. Both devices check again")
        demo.update_by_channel("1.1.0")
        say("\n6. The ESP8266 checks once more: it already runs the newest version")
        up_to_date(demo)
        say("\n7. An AutoConnect device lists the catalog and installs what it finds")
        from_catalog(demo)
        say("\n8. SIGTERM, or Ctrl-C, stops the server")


def up_to_date(demo: Demo) -> None:
    """Lets a device check that already runs the newest version."""
    where = ["--auto", f"{PRODUCT}/{BOARDS['esp8266']}", "--chip", "esp8266"]
    result = _last(demo.acpublish("emulate", "--to", demo.url, *where, "--flash", "esp8266.flash"))
    say(f"   {result}")
    if not result.startswith("no update"):
        raise DemoError(f"a device that runs the newest version got: {result}")


def from_catalog(demo: Demo) -> None:
    """Lets a device choose from the list, as AutoConnectUpdate does."""
    lines = demo.acpublish("emulate", "--to", demo.url, "--list", "--chip", "esp8266")
    for line in lines:
        say(f"   {line}")
    name = _last(lines).split()[-1]
    demo.update("esp8266", name, flash="autoconnect.flash", version="1.1.0")


def main() -> int:
    """Runs the demonstration; returns the exit status."""
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="acpublish-demo-") as home:
            show(Demo(Path(home).resolve()))
    except (DemoError, OSError, subprocess.SubprocessError) as error:
        print(f"demo: failed: {error}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - started
    say(f"\nDone in {seconds:.0f} s: each device now holds exactly the bytes that were published.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
