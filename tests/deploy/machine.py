"""A machine to install on: documented commands run below a directory that stands in for ``/``."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.docs.documents import ROOT, Block, commands

DOCUMENT = ROOT / "docs" / "how-to" / "install-server.md"
UNIT = Path("/etc/systemd/system/acpublish.service")
#: What begins an absolute path in the document and in the unit.
_PLACES = re.compile(r"(?<![\w.])/(?=(?:opt|srv|var|etc)/)")
#: Programs that would change this machine: what they are told is only written down, or done as far
#: as this user can.
_STAND_INS = {
    "sudo": 'if [ "$1" = -u ]; then shift 2; fi; exec "$@"',
    "useradd": ":",
    "systemctl": ":",
    "apt-get": ":",
    "install": 'for one; do shift; case "$one" in --owner=*|--group=*) ;; *) set -- "$@" "$one";; '
    'esac; done; exec /usr/bin/install "$@"',
}


def documented(heading: str) -> list[str]:
    """Returns the commands below a heading of the document, or all of them."""
    text = DOCUMENT.read_text(encoding="utf-8")
    if heading:
        found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.M | re.S)
        assert found, heading
        text = found[1]
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
    return [command.text for block in blocks for command in commands(Block("console", block))]


class Machine:
    """The directory, and a shell in it."""

    def __init__(self, tmp: Path, wheels: Path) -> None:
        self.root = tmp / "root"
        self.said = tmp / "said"
        shims = tmp / "bin"
        for folder in (shims, *(self.root / one for one in ("opt", "srv", "var/lib"))):
            folder.mkdir(parents=True)
        (self.root / "etc/systemd/system").mkdir(parents=True)
        for name, text in _STAND_INS.items():
            program = shims / name
            note = f'echo "{name} $*" >> {shlex.quote(str(self.said))}'
            program.write_text(f"#!/bin/sh\n{note}\n{text}\n", encoding="utf-8")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        path = os.pathsep.join(
            [str(shims), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        )
        # The wheel is the only thing that can be installed, so that nothing is downloaded.
        pip = {"NO_INDEX": "1", "NO_DEPS": "1", "FIND_LINKS": str(wheels), "QUIET": "1"}
        pip["DISABLE_PIP_VERSION_CHECK"] = "1"
        self.environ = {**os.environ, "PATH": path}
        self.environ |= {f"PIP_{name}": value for name, value in pip.items()}

    def here(self, text: str) -> str:
        """Returns a text with its places below this machine's directory."""
        return _PLACES.sub(f"{self.root}/", text)

    def path(self, place: str | Path) -> Path:
        """Returns where a place is."""
        return Path(f"{self.root}{place}")

    def run(self, command: str) -> str:
        """Runs a command of the document in the repository's root, and returns what it prints."""
        done = subprocess.run(
            ["sh", "-c", self.here(command)],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        if " -m pip install " in command:
            self._lend_dependencies()
        return done.stdout

    def started(self) -> list[str]:
        """Returns what the installed unit starts, on a free port of this machine alone."""
        unit = self.path(UNIT).read_text(encoding="utf-8")
        found = re.search(r"^ExecStart=(.+)$", unit, re.M)
        assert found
        return on_a_free_port(shlex.split(self.here(found[1])))

    def _lend_dependencies(self) -> None:
        (site,) = self.path("/opt/acpublish").glob("lib/python*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")


def on_a_free_port(words: list[str]) -> list[str]:
    """Returns a command that serves, with address and port for a test."""
    for option, value in (("--bind", "127.0.0.1"), ("--port", "0")):
        words[words.index(option) + 1] = value
    return words
