"""Where the documents' commands run: a project, a home, and servers on free ports."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.docs.documents import Block, Command
from tests.support import images, preloaded, preloaded_pio
from tests.support.pio import clean_environment, offline_ini
from tests.support.receiver import receiving

#: The URL that the documents use for the server, and the one for its own machine.
WRITTEN_ADDRESS = "http://192.168.1.10:8000"
WRITTEN_LOCAL = "http://localhost:8000"
#: The URL that the documents use for a receiver of webhooks.
WRITTEN_RECEIVER = "http://192.168.1.20:9000"
SHIM = 'Import("env")\nfrom acpublish.pio import setup\nsetup(env)\n'
INI = """\
[env:d1_mini]
platform = espressif8266
board = d1_mini
framework = arduino
extra_scripts = post:acpublish_ota.py
custom_ota_to = ~/firmware
custom_ota_version = 1.0.0
"""
SKETCH = "#include <Arduino.h>\nvoid setup() {}\nvoid loop() {}\n"
PARTITIONS = b"""\
nvs,      data, nvs,    0x9000,   0x5000
otadata,  data, ota,    0xe000,   0x2000
app0,     app,  ota_0,  0x10000,  0x140000
app1,     app,  ota_1,  0x150000, 0x140000
spiffs,   data, spiffs, 0x290000, 0x170000
"""
#: Where a server listens here, whatever address a document uses.
ADDRESS = ("--port", "0", "--bind", "127.0.0.1")
_OPTION = re.compile(r"(?P<key>[A-Za-z0-9_]+)\s*=")
_PATIENCE_S = 60.0
#: What a reader watches, because a server goes on only every few seconds; that a rollout is there
#: right after the publish is shown by ``tests/integration/test_fleet_commands.py``.
_WATCHED = ("acpublish rollout status", "acpublish webhook list")
#: A command that no shell has to connect with anything.
_ALONE = re.compile(r"(acpublish|pio) [^|;&<>()`\n]*\Z")


class Sandbox:
    """One document's project and shell."""

    def __init__(self, tmp: Path, core: Path) -> None:
        self.project = tmp / "lamp"
        self.home = tmp / "home"
        self.project.mkdir()
        self.home.mkdir()
        self.url: str | None = None
        self._servers: list[Any] = []
        self._receivers = contextlib.ExitStack()
        self._receiver = ""
        self._kept = tmp / "environment"
        self._python: dict[str, object] = {}
        self._ini = INI
        self._unbuilt = False
        # The programs of this environment go first, as in an activated one.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self._core = clean_environment(core)
        self.environ = self._core | {"HOME": str(self.home), "PATH": path}
        for role in ("AUTHOR", "COMMITTER"):
            self.environ |= {f"GIT_{role}_NAME": "A", f"GIT_{role}_EMAIL": "a@example.com"}
        self._fill()

    def _fill(self) -> None:
        files = {
            "firmware.bin": images.esp8266_image(seed=1),
            "other.bin": images.esp8266_image(seed=2),
            "firmware-c3.bin": images.esp32_image("esp32c3"),
            "littlefs.bin": images.littlefs(),
            "partitions.csv": PARTITIONS,
        }
        for name, content in files.items():
            (self.project / name).write_bytes(content)
        (self.project / "src").mkdir()
        (self.project / "src" / "main.cpp").write_text(SKETCH)
        (self.project / "acpublish_ota.py").write_text(SHIM)
        (self.project / "platformio.ini").write_text(offline_ini(INI))

    def write(self, block: Block) -> None:
        """Does what a reader does with a block that shows a file."""
        if block.language == "ini":
            self._ini = block.text if "[env" in block.text else _merged(self._ini, block.text)
            (self.project / "platformio.ini").write_text(offline_ini(self._ini))
        elif block.language == "cpp":
            (self.project / "src" / "main.cpp").write_text(block.text)
            self._unbuilt = True
        elif block.language == "toml":
            # A block that is not the project's settings begins with the name of its file.
            named = re.match(r"# ([a-z]+\.toml)\n", block.text)
            (self.project / (named[1] if named else "acpublish.toml")).write_text(block.text)
        elif "Import(" in block.text:
            (self.project / "acpublish_ota.py").write_text(block.text)
        else:
            exec(compile(self._here(block.text), "document", "exec"), self._python)

    def run(self, command: Command) -> None:
        """Runs a command, and compares its status and what it prints."""
        text = self._here(command.text)
        if command.text.startswith("acpublish serve"):
            output, status = self._serve(text), 0
        else:
            output, status = self._shell(text)
        end = time.monotonic() + _PATIENCE_S
        while self._too_early(command, output, status):
            assert time.monotonic() < end, f"$ {command.text}\nstatus {status}\n{output}"
            time.sleep(0.1)
            output, status = self._shell(text)
        assert status == command.status, f"$ {command.text}\nstatus {status}\n{output}"
        assert "Traceback" not in output, output
        assert not self._missing(command, output), self._missing(command, output)
        self._unbuilt = self._unbuilt and not text.startswith("pio run")

    def _too_early(self, command: Command, output: str, status: int) -> bool:
        """Returns whether the server may not have noticed what happened just before."""
        if command.text.startswith(_WATCHED):
            return bool(self._missing(command, output))
        # Device credentials and secret paths apply a moment after they are set.
        return command.text.startswith("acpublish emulate") and status != command.status

    def _missing(self, command: Command, output: str) -> str:
        """Returns what a command does not print although the document says so; empty if nothing."""
        printed = [" ".join(line.split()) for line in output.splitlines()]
        for line in command.expected:
            wanted = re.compile(_pattern(self._here(line)))
            if not any(wanted.fullmatch(text) for text in printed):
                return f"$ {command.text}\ndoes not print {line!r} but\n{output}"
        return ""

    def finish(self) -> None:
        """Builds a sketch that no command of the document builds."""
        if self._unbuilt:
            self.run(Command("pio run", 0, ()))

    def close(self) -> None:
        """Ends the servers."""
        for server in self._servers:
            server.terminate()
        for server in self._servers:
            assert server.wait(_PATIENCE_S) == 0
            assert server.stdout is not None
            server.stdout.close()
        self._receivers.close()

    def _here(self, text: str) -> str:
        if WRITTEN_RECEIVER in text:
            self._receiver = self._receiver or self._receivers.enter_context(receiving()).url
            text = text.replace(WRITTEN_RECEIVER, self._receiver)
        if not self.url:
            return text
        return text.replace(WRITTEN_ADDRESS, self.url).replace(WRITTEN_LOCAL, self.url)

    def _shell(self, text: str) -> tuple[str, int]:
        # Variables live on from one command to the next, as in a terminal.
        keep = f"trap 'export -p > {shlex.quote(str(self._kept))}' EXIT"
        before = f". {shlex.quote(str(self._kept))}" if self._kept.exists() else ":"
        if _ALONE.match(text):
            return self._alone(f"{before}\nset -- {text}")
        done = subprocess.run(
            ["bash", "-c", f"{before}\n{keep}\nset -o pipefail\n{text}\n"],
            cwd=self.project,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )
        return done.stdout, done.returncode

    def _alone(self, script: str) -> tuple[str, int]:
        """Runs a command with the words and the variables that the shell makes of it."""
        expanded = subprocess.run(
            ["bash", "-c", f"{script}\nprintf '%s\\0' \"$@\" ''\nenv -0"],
            cwd=self.project,
            env=self.environ,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\0")
        end = expanded.index("")
        program, *words = expanded[:end]
        variables = (item.partition("=") for item in expanded[end + 1 :] if item)
        env = {name: value for name, _, value in variables}
        if program == "pio":
            status, text = preloaded_pio.run(words, self._core, env, self.project, _PATIENCE_S)
        else:
            status, text = preloaded.run(
                [sys.executable, "-m", "acpublish", *words],
                env=env,
                cwd=self.project,
                wait_s=_PATIENCE_S,
            )
        return text, status

    def _serve(self, text: str) -> str:
        words = shlex.split(text.replace("~", str(self.home)))[2:]
        if "--port" in words:
            at = words.index("--port")
            del words[at : at + 2]
        if "--tls-cert" in words:
            words += ["--tls-port", "0"]
        with Path(os.devnull).open("wb") as nothing:
            server = preloaded.start(
                [sys.executable, "-m", "acpublish", "serve", *words, *ADDRESS],
                cwd=self.project,
                env=self.environ,
                stdout=subprocess.PIPE,
                stderr=nothing,
            )
        self._servers.append(server)
        assert server.stdout is not None
        ready, _, _ = select.select([server.stdout], [], [], _PATIENCE_S)
        line = server.stdout.readline().decode() if ready else ""
        assert " at http://" in line, f"{text}: {line!r}"
        self.url = line.strip().rpartition(" at ")[2]
        return line


def _merged(ini: str, options: str) -> str:
    """Returns the ini with options replaced, or added to its last section."""
    lines = ini.splitlines()
    for option in filter(None, map(str.strip, options.splitlines())):
        found = _OPTION.match(option)
        assert found, option
        others = [line for line in lines if not re.match(rf"{found['key']}\s*=", line)]
        lines = [*others, option]
    return "\n".join(lines) + "\n"


def _pattern(line: str) -> str:
    parts = [re.escape(" ".join(part.split())) for part in line.split("…")]
    return r"\s*.*?\s*".join(parts)
